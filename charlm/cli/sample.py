"""charlm sample: novel sequences."""

from dataclasses import asdict
from typing import Annotated

import typer

from charlm import naming
from charlm.cli.options import Json, Model, Quiet, defaulted
from charlm.cli.output import say, write, write_json
from charlm.cli.texts import read_stdin, tell_unknown
from charlm.documents import Document
from charlm.interrupts import importing


def sample(
    model: Model = None,
    prompt: Annotated[str, typer.Option("--prompt", "-p", help="What the text begins with; - is stdin.")] = "",
    temperature: Annotated[float | None, defaulted("Below 1 is safer, above 1 wilder; 0 is greedy.", "1")] = None,
    top_k: Annotated[int | None, typer.Option(help="Only the k likeliest symbols.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Only the likeliest symbols that reach p together.")] = None,
    length: Annotated[int | None, defaulted("Most tokens drawn.", "500 of a stream, 1000 of a line")] = None,
    count: Annotated[int | None, defaulted("How many samples.", "1")] = None,
    seed: Annotated[int | None, defaulted("The same seed draws the same.", "a new one")] = None,
    stop: Annotated[str | None, typer.Option(help="End before this text.")] = None,
    unknown: Annotated[
        str | None,
        defaulted("What an unknown character of the prompt becomes: error, unk or skip.", "error"),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw new text from a model.

    A model of lines ends each by itself (<EOS>); of running text comes as much as --length says.

    Example: charlm sample --prompt "Once " --temperature 0.7 --seed 42
    """
    folder = naming.existing_folder(model)
    prompt = "".join(read_stdin(quiet).pieces()) if prompt == "-" else prompt

    with importing():
        from charlm.checkpoint import load
        from charlm.generation import Piece
        from charlm.language_model import new_seed

    language_model = load(folder)
    seed = new_seed() if seed is None else seed
    settings = {
        "length": length,
        "count": count,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "stop": stop,
        "unknown": unknown,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    events = language_model.draw(prompt, seed=seed, **given)  # type: ignore[arg-type]
    say(f"seed {seed}" if model else f"model {folder}, seed {seed}", quiet)
    tell_unknown(language_model, [Document("", prompt)], language_model.unknown(prompt), unknown or "", quiet)
    pages = _Pages(prompt, blank="" if language_model.line else "\n")
    for event in events:
        if isinstance(event, Piece):
            if not json:
                pages.add(event.index, event.text)
        elif json:
            write_json(asdict(event))
        else:
            pages.end(event.index)


class _Pages:
    """Samples are drawn side by side and read one after the other: the first of them live, the rest when it ends."""

    def __init__(self, prompt: str, blank: str) -> None:
        self._prompt, self._blank = prompt, blank
        self._current = 0
        self._begun = False
        self._waiting: dict[int, str] = {}
        self._ended: set[int] = set()

    def add(self, index: int, text: str) -> None:
        self._waiting[index] = self._waiting.get(index, "") + text
        self._show()

    def end(self, index: int) -> None:
        self._ended.add(index)
        self._show()

    def _show(self) -> None:
        while True:
            text = self._waiting.pop(self._current, "")
            ended = self._current in self._ended
            if not text and not ended:
                return
            if not self._begun:
                text = (self._blank if self._current else "") + self._prompt + text
            self._begun = not ended
            write(text + "\n" if ended else text)
            if not ended:
                return
            self._current += 1
