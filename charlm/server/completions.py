"""Answer a request for completions: read the prompts, let their completions join the batch, and collect the text."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
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
from charlm.server.guard import LAST_EVENT, event
from charlm.server.reading import ReadPrompt, read_prompts


@dataclass(eq=False)
class _Choice:
    """A completion of the response; `parts` are what has been drawn of it, and not been sent."""

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
        self._drawn: deque[tuple[_Choice, Part | Exception]] = deque()
        self._more = asyncio.Event()  # set after `_drawn` has grown
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
        async with aclosing(self._draw(each_part=False)) as turns:
            async for _ in turns:
                pass
        choices = [self._part(choice, choice.parts, first=True, last=True) for choice in self._choices]
        return Head(self._model.name).response(choices, self._usage())

    async def parts(self) -> AsyncGenerator[list[dict[str, Any]]]:
        """Yield the parts of the response as they are drawn: those that can be sent at once."""
        head, request = Head(self._model.name), self._request
        if known := [choice for choice in self._choices if request.echo or choice.row is None]:
            yield [
                head.response([self._part(choice, [], first=True, last=choice.row is None)], None) for choice in known
            ]
        async with aclosing(self._draw(each_part=True)) as turns:
            async for drawn in turns:
                yield [
                    head.response([self._part(choice, parts, first=False, last=parts[-1].last)], None)
                    for choice, parts in drawn.items()
                    if any(part.text or part.tokens or part.last for part in parts)
                ]
        if request.usage_in_stream:
            yield [head.response([], self._usage())]

    def cancel(self) -> None:
        """Let the completions leave the batch."""
        for completion in self._running:
            completion.cancelled = True

    async def _draw(self, *, each_part: bool) -> AsyncGenerator[dict[_Choice, list[Part]]]:
        """Draw all completions. Yield the parts since the last time: all, or only the last one of each completion.

        So a client that falls behind gets fewer and longer parts.
        """
        for choice in self._choices:
            if choice.row is not None and choice.prompt.opening is not None:
                self._running.append(self._completion(choice, choice.row, each_part=each_part))
        if not self._running:
            return
        self._engine.draw(self._batch, self._running)
        left = len(self._running)
        try:
            while left:
                await self._more.wait()
                self._more.clear()
                drawn: dict[_Choice, list[Part]] = {}
                while self._drawn:
                    choice, part = self._drawn.popleft()
                    if isinstance(part, Exception):
                        raise part
                    drawn.setdefault(choice, []).append(part)
                    left -= part.last
                yield drawn
        finally:
            self.cancel()

    def _completion(self, choice: _Choice, row: Row, *, each_part: bool) -> Completion:
        def send(drawn: Part | Exception) -> None:
            self._drawn.append((choice, drawn))
            self._engine.wake(self._more)

        def keep(part: Part) -> None:
            choice.parts.append(part)
            if part.last:
                send(part)

        assert choice.prompt.opening is not None
        return Completion(
            choice.prompt.opening,
            self._request.samplers,
            row,
            choice.seed,
            self._request.alternatives,
            send if each_part else keep,
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
    parts: AsyncGenerator[list[dict[str, Any]]],
    seconds: float,
    on_error: Callable[[Exception], None],
) -> AsyncIterator[bytes]:
    """Yield server-sent events, with an error in place of the rest if it fails or takes longer than `seconds`."""
    until = asyncio.get_running_loop().time() + seconds
    async with aclosing(parts):
        try:
            while True:
                async with asyncio.timeout_at(until):
                    together = await anext(parts, None)
                if together is None:
                    break
                if together:
                    yield b"".join(map(event, together))
        except Exception as error:
            refused = refusal(error)
            if refused.status == 500:
                on_error(error)
            yield event(refused.values())
        yield LAST_EVENT
