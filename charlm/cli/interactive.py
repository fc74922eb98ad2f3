"""charlm sample -i: a person and a model write a text together, in a POSIX terminal."""

import codecs
import os
import re
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from charlm.errors import ConfigError
from charlm.wording import for_terminal

if TYPE_CHECKING:
    from rich.text import Text

    from charlm.generation.next_token import TokenProbability
    from charlm.language_model import LanguageModel

# An arrow; another key that sends several characters (Delete, F1, Alt-x); a character, or Escape.
_KEY = re.compile(
    r"\x1b[\[O]([A-D])|\x1b\[[0-?]*[ -/]*[@-~]|\x1bO.|\x1b[^\[O\x1b]|([^\x1b]|\x1b(?=\x1b|\Z))", re.DOTALL
)
_ARROWS = {"A": (0.1, 0.0), "B": (-0.1, 0.0), "C": (0.0, 0.05), "D": (0.0, -0.05)}  # up, down, right, left
_SHOWN = 8  # tokens
_LINES = 10  # lines of the text
_PARTS = 4  # the most tokens in a character, if they are its bytes
_ENDS = "\x04\x1b"  # Ctrl-D, Escape
# Ctrl-N, Ctrl-W and Ctrl-L, and what they draw; None is a token.
_DRAWS: dict[str, Literal["word", "line"] | None] = {"\x0e": None, "\x17": "word", "\x0c": "line"}
_UNDO = "\x15"  # Ctrl-U
_HELP = "Tab first  ^N token  ^W word  ^L line  ^U undo  {} end"
_COLORED = 4_000  # characters at the end of the text whose surprisal is shown
_PAUSE = 0.05  # seconds after Escape; a character that follows later belongs to another key
_RUBOUT = "\x7f\b"


class Editor:
    """The text so far, the tokens that may follow it, and the sampling settings."""

    def __init__(
        self, model: "LanguageModel", text: str, temperature: float, top_p: float, *, allow_unk: bool = False
    ) -> None:
        self._model, self._allow_unk = model, allow_unk
        self.text, self.temperature, self.top_p = text, temperature, top_p
        self._earlier: list[str] = []  # the text before each change
        self._note = ""
        self._left_out = 0.0  # the probability of <UNK>, if it is left out
        self._following, self._levels = self._look(), self._surprisals()

    def press(self, key: str) -> bool:
        """Handle a character; return whether to continue."""
        self._note, before = "", self.text
        if key in _ENDS or (key == "\n" and self._model.line):
            return False
        if key == "\t":
            if self._following[0].id == self._model.tokenizer.EOS:
                return False
            self.text += self._first()
        elif key in _DRAWS:
            self._draw(_DRAWS[key])
        elif key == _UNDO:
            self.text = self._earlier.pop() if self._earlier else self.text
        elif key in _RUBOUT:
            self.text = self.text[:-1]
        else:
            self._type(key)
        if self.text != before:
            if key != _UNDO:
                self._earlier.append(before)
            self._following, self._levels = self._look(), self._surprisals()
        return True

    def turn(self, arrow: str) -> None:
        """Handle an arrow, a key of _ARROWS: up and down change the temperature, left and right top-p."""
        warmer, wider = _ARROWS[arrow]
        self.temperature = min(10.0, max(0.0, round(self.temperature + warmer, 2)))
        self.top_p = min(1.0, max(0.05, round(self.top_p + wider, 2)))
        self._following = self._look()

    def page(self, width: int, height: int = 24) -> "Text":
        """Return the page to show, in `height` rows: the end of the text, the likely tokens, the settings and the keys.

        The text is on the colors of its surprisal.
        """
        from rich.text import Text

        likely = self._following[: max(1, height - 7)]
        names = [each.text if each.text is not None else self._model.tokenizer.CONTROL[each.id] for each in likely]
        rows = [
            f"{name!r:>8}  {each.probability:6.1%}  {'█' * round(each.probability * 20)}"
            for name, each in zip(names, likely, strict=True)
        ]
        ends = "Enter" if self._model.line else "^D"
        settings = [
            f"temperature {self.temperature:g} (↑ ↓)  top-p {self.top_p:g} (← →){self._share()}",
            _HELP.format(ends),
        ]
        last = max(1, min(_LINES, height - len(rows) - 5))
        below = [line[:width] for line in ["", *rows, "", self._note, *settings]]
        return Text("\n").join([*self._lines(width)[-last:], *map(Text, below)])

    def _lines(self, width: int) -> list["Text"]:
        """Return the text with a cursor, cut to lines of this width, on the colors of its surprisal."""
        from rich.text import Text

        from charlm.cli.view.heat_text import STYLES

        lines = [Text()]
        for character, level in zip(f"{self.text}▏", [*self._levels, None], strict=True):
            shown = " " * 4 if character == "\t" else for_terminal(character).rstrip("\n")
            if len(lines[-1]) + len(shown) > width:
                lines.append(Text())
            lines[-1].append(shown, None if level is None else STYLES[level])
            if character == "\n":
                lines.append(Text())
        return lines

    def _type(self, character: str) -> None:
        if self._model.unknown(character) and not self._model.tokenizer.has(character):
            self._note = f"{character!r} is not in the vocabulary"
        else:
            self.text += character

    def _draw(self, unit: Literal["word", "line"] | None) -> None:
        """Add a token, or tokens to the end of a word or a line, drawn with the settings on the page."""
        settings: Any = {"temperature": self.temperature, "top_p": self.top_p, "allow_unk": self._allow_unk}
        if unit is None:  # or a character, if the token is a part of one
            drawn = next(self._model.stream(self.text, length=_PARTS, unknown="unk", **settings), "")
        else:
            settings |= {"length": 1, "whole": unit, "unknown": "unk"}
            drawn = self._model.sample(self.text, **settings)[0].text
            if unit == "word" and drawn.isspace():  # only the space before it
                drawn += self._model.sample(self.text + drawn, **settings)[0].text
        self.text += drawn
        if not drawn:
            self._note = "the model ends the text here"

    def _surprisals(self) -> list[int | None]:
        """Return the level of surprisal of each character; None for those far from the end, and for unknown ones."""
        from charlm.scoring.heat import level
        from charlm.scoring.units import display_unit

        unit = display_unit(self._model.tokenizer)
        score = self._model.score(self.text[-_COLORED:], eos=False, unit=unit)
        levels: list[int | None] = [None] * max(0, len(self.text) - _COLORED)
        for index, (token, logprob) in enumerate(zip(score.tokens, score.logprobs, strict=True)):
            text = token if token is not None else (score.originals or [])[index]
            levels += [None if token is None else level(logprob, unit)] * len(text)
        return levels

    def _first(self) -> str:
        """Return what the likeliest token adds to the text: its end, or a whole character if the token is a part."""
        token = self._following[0]
        if token.text != self._model.tokenizer.token_text(token.id):  # the text ends inside this token
            return token.text or ""
        pieces = self._model.stream(self.text, temperature=0, length=_PARTS, unknown="unk", allow_unk=self._allow_unk)
        return next(pieces, "")

    def _look(self) -> list["TokenProbability"]:
        following = self._model.next_token_probabilities(
            self.text, unknown="unk", temperature=self.temperature, top_p=self.top_p, allow_unk=self._allow_unk
        )
        if not self._allow_unk:
            unfiltered = self._model.next_token_probabilities(self.text, unknown="unk")
            self._left_out = sum(each.probability for each in unfiltered if each.id == self._model.tokenizer.UNK)
        return [each for each in following[:_SHOWN] if each.probability > 0]

    def _share(self) -> str:
        return f"  <UNK> left out: {self._left_out:.1%}" if self._left_out else ""


def edit_with_model(
    model: "LanguageModel", text: str, temperature: float = 1.0, top_p: float = 1.0, *, allow_unk: bool = False
) -> str:
    """Return the text when the person ends it. Raises ConfigError if there is no terminal."""
    from rich.console import Console
    from rich.live import Live

    editor = Editor(model, text, temperature, top_p, allow_unk=allow_unk)
    console = Console(stderr=True)
    with _keys() as chunks, Live(console=console, auto_refresh=False, transient=True) as live:
        live.update(editor.page(*console.size), refresh=True)
        for chunk in chunks:
            for arrow, character in _KEY.findall(chunk):
                if arrow:
                    editor.turn(arrow)
                elif character and not editor.press(character):
                    return editor.text
            live.update(editor.page(*console.size), refresh=True)
    return editor.text


@contextmanager
def _keys() -> Iterator[Iterator[str]]:
    """Yield the typed characters as they arrive, without echo. Ctrl-C still interrupts."""
    try:
        import termios
        import tty
    except ImportError:
        raise ConfigError("--interactive needs a POSIX terminal: Linux, macOS or WSL") from None
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError("--interactive needs a terminal; do not redirect stdin or stderr")
    file = sys.stdin.fileno()
    before = termios.tcgetattr(file)
    tty.setcbreak(file)
    try:
        yield _read(file)
    finally:
        termios.tcsetattr(file, termios.TCSADRAIN, before)


def _read(file: int) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while data := os.read(file, 1024):
        while data.endswith(b"\x1b") and select.select([file], [], [], _PAUSE)[0] and (more := os.read(file, 1024)):
            data += more
        yield decoder.decode(data)
