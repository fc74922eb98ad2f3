"""Answer a request for completions: read the prompts, let their completions join the batch, and collect the text."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

from charlm.generation.ending import Ending, Row
from charlm.language_model import LanguageModel
from charlm.randomness import new_seed
from charlm.server import completion_response as shape
from charlm.server.batch import Batch, Completion, Part
from charlm.server.completion_request import CompletionRequest
from charlm.server.completion_response import Head, LogprobTable
from charlm.server.engine import Engine
from charlm.server.errors import refusal
from charlm.server.reading import ReadPrompt, read_prompts

_Event = tuple["_Choice", Part | Exception]


@dataclass(eq=False)
class _Choice:
    """A completion of the response; `parts` are what has been drawn of it."""

    index: int
    prompt: ReadPrompt
    seed: int
    row: Row | None
    table: LogprobTable
    parts: list[Part] = field(default_factory=list)


class Completions:
    """The completions of one request, from the prompts to the last token."""

    def __init__(self, model: LanguageModel, batch: Batch, engine: Engine, request: CompletionRequest) -> None:
        self._model, self._batch, self._engine, self._request = model, batch, engine, request
        self._events: asyncio.Queue[_Event] = asyncio.Queue()
        self._choices: list[_Choice] = []
        self._running: list[Completion] = []
        self._prompt_tokens = 0

    async def read(self, limit: int) -> None:
        """Read the prompts, of `limit` tokens at most. Raises RequestError and the errors of the library."""
        reading = self._engine.read(read_prompts, self._model, self._request, limit)
        prompts = await asyncio.wrap_future(reading)
        self._prompt_tokens = sum(prompt.size for prompt in prompts)
        for prompt in prompts:
            seed = new_seed() if self._request.seed is None else self._request.seed
            for number in range(self._request.count):
                self._choices.append(self._choice(len(self._choices), number, prompt, seed))

    async def whole(self) -> dict[str, Any]:
        """Return the response."""
        async with aclosing(self._draw(each_part=False)) as events:
            async for _ in events:
                pass
        choices = [self._part(choice, choice.parts, first=True, last=True) for choice in self._choices]
        return Head(self._model.name).response(choices, self._usage())

    async def parts(self) -> AsyncGenerator[dict[str, Any]]:
        """Yield the parts of the response as they are drawn."""
        head, request = Head(self._model.name), self._request
        for choice in self._choices:
            if request.echo or choice.row is None:
                yield head.response([self._part(choice, [], first=True, last=choice.row is None)], None)
        async with aclosing(self._draw(each_part=True)) as events:
            async for choice, part in events:
                if part.text or part.tokens or part.last:
                    yield head.response([self._part(choice, [part], first=False, last=part.last)], None)
        if request.usage_in_stream:
            yield head.response([], self._usage())

    def cancel(self) -> None:
        """Let the completions leave the batch."""
        for completion in self._running:
            completion.cancelled = True

    async def _draw(self, *, each_part: bool) -> AsyncGenerator[tuple[_Choice, Part]]:
        """Draw all completions, and yield their parts: each, or only the last one of a completion."""
        loop = asyncio.get_running_loop()
        for choice in self._choices:
            if choice.row is not None and choice.prompt.opening is not None:
                self._running.append(self._completion(choice, choice.row, loop, each_part=each_part))
        if not self._running:
            return
        self._engine.draw(self._batch, self._running)
        left = len(self._running)
        try:
            while left:
                choice, part = await self._events.get()
                if isinstance(part, Exception):
                    raise part
                yield choice, part
                left -= part.last
        finally:
            self.cancel()

    def _completion(self, choice: _Choice, row: Row, loop: asyncio.AbstractEventLoop, *, each_part: bool) -> Completion:
        def send(event: Part | Exception) -> None:
            with suppress(RuntimeError):  # the loop has ended, and nobody waits
                loop.call_soon_threadsafe(self._events.put_nowait, (choice, event))

        def on_part(part: Part) -> None:
            choice.parts.append(part)
            if each_part or part.last:
                send(part)

        assert choice.prompt.opening is not None
        return Completion(
            choice.prompt.opening,
            self._request.samplers,
            row,
            choice.seed,
            self._request.alternatives,
            on_part,
            send,
        )

    def _choice(self, index: int, number: int, prompt: ReadPrompt, seed: int) -> _Choice:
        request, opening, row, rest = self._request, prompt.opening, None, ""
        if opening is not None:
            rest = opening.rest
            ending = Ending(request.max_tokens, request.stops)
            row = Row(number, self._model.tokenizer.decoder(), ending, rest)
        begin = len(prompt.text) - len(rest) if request.echo else -len(rest)
        offset = 0 if prompt.tokens else begin
        return _Choice(index, prompt, seed, row, LogprobTable(self._model.tokenizer, offset))

    def _part(self, choice: _Choice, parts: Sequence[Part], *, first: bool, last: bool) -> dict[str, Any]:
        """Return some parts of a completion; the first part has the prompt if the client wants it again."""
        request = self._request
        text = "".join(part.text for part in parts)
        tables = []
        if first and request.echo:
            text = choice.prompt.text + text
            tables.append(choice.table.prompt(choice.prompt.tokens))
        tables.append(choice.table.drawn([token for part in parts for token in part.tokens]))
        logprobs = None if request.alternatives is None else shape.joined(tables)
        stopped = None if not last else choice.row.stopped if choice.row else "length"
        return shape.choice(choice.index, text, logprobs, stopped, choice.seed)

    def _usage(self) -> dict[str, int]:
        drawn = sum(choice.row.tokens for choice in self._choices if choice.row)
        return shape.usage(self._prompt_tokens, drawn)


async def events(
    parts: AsyncGenerator[dict[str, Any]],
    encode: Callable[[Any], bytes],
    seconds: float,
    on_error: Callable[[Exception], None],
) -> AsyncIterator[bytes]:
    """Yield server-sent events, with an error in place of the rest if it fails or takes longer than `seconds`."""
    until = asyncio.get_running_loop().time() + seconds
    async with aclosing(parts):
        try:
            while True:
                async with asyncio.timeout_at(until):
                    part = await anext(parts, None)
                if part is None:
                    break
                yield b"data: " + encode(part) + b"\n\n"
        except Exception as error:
            refused = refusal(error)
            if refused.status == 500:
                on_error(error)
            yield b"data: " + encode(refused.values()) + b"\n\n"
        yield b"data: [DONE]\n\n"
