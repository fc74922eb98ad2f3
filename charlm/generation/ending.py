"""Where a sample ends: at <EOS>, at a length, before a stop text, at the end of a word, line or sentence."""

import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from charlm.config import check_choice, check_range
from charlm.errors import ConfigError

Unit = Literal["word", "line", "sentence"]
Stopped = Literal["eos", "length", "stop", "whole", "match"]

# What lies between a unit and the next: the last group of a match, whose beginning the next character shows.
_GAPS: dict[str, re.Pattern[str]] = {
    "word": re.compile(r"([^\w'’-]+)"),
    "line": re.compile(r"([\r\n]+)"),
    "sentence": re.compile(r"[.!?…][\"'”’»)\]]*(\s+)|[。！？][”’」』]*(?![”’」』])()(?=.)|\n[^\S\n]*(\n+)", re.DOTALL),
}
_CONTEXT = 64  # characters before, in which a gap may begin
_MARGIN = 1000  # tokens after the length, at most, until the unit's end


@dataclass(frozen=True)
class Ending:
    """After `length` tokens, or where the `whole` unit begun there is complete; before that, at a `stop` text."""

    length: int
    stop: str | None = None
    whole: Unit | None = None

    def __post_init__(self) -> None:
        check_range("length", self.length, 1, math.inf)
        if self.stop == "":
            raise ConfigError("stop is an empty text, which stands everywhere; name one, or leave it out")
        if self.whole is not None:
            check_choice("whole", self.whole, _GAPS)

    @property
    def limit(self) -> int:
        """Tokens a sample has at most."""
        return self.length + (_MARGIN if self.whole else 0)

    def complete(self, text: str, first: int) -> int | None:
        """The first place in the text, from `first` on, where a unit is complete, or None."""
        for gap in _GAPS[self.whole].finditer(text) if self.whole else ():
            begin, end = gap.span(gap.lastindex or 0)
            if end >= first:
                return max(begin, first)
        return None


class Row:
    """A sample being drawn."""

    def __init__(self, index: int, decode: Callable[[int], str], ending: Ending) -> None:
        self.index, self._decode, self._ending = index, decode, ending
        self._certain: list[str] = []
        self._before = ""  # the last characters of that
        self._held = ""  # what may be the beginning of the stop text
        self.tokens = 0
        self.logprob = 0.0
        self.stopped: Stopped | None = None

    @property
    def text(self) -> str:
        return "".join(self._certain)

    def take(self, symbols: Sequence[int], logprobs: Sequence[float], eos: int) -> str:
        """Append drawn symbols as far as the sample goes; returns the text that is now certain.

        An <EOS> of no probability is none of the model's: it tells that nothing else could be drawn.
        """
        count = symbols.index(eos) + 1 if eos in symbols else len(symbols)
        pieces = [self._decode(symbol) for symbol in symbols[:count]]
        if pieces and self.tokens + count == self._ending.limit:
            pieces[-1] += self._decode(eos)  # what is left of a character in parts
        text = self._held + "".join(pieces)
        ends = list(itertools.accumulate(map(len, pieces), initial=len(self._held)))
        stop = self._ending.stop or ""
        at = text.find(stop) if stop else -1
        over = self._over(text, ends)
        if at >= 0 and (over is None or at < over):
            self.stopped, text = "stop", text[:at]
            count = sum(end < at + len(stop) for end in ends)
        elif over is not None:
            self.stopped, text = "whole", text[:over]
            count = sum(begin < over for begin in ends[:-1])
        elif count and symbols[count - 1] == eos:
            self.stopped = "eos" if logprobs[count - 1] > -math.inf else "match"
            count -= self.stopped == "match"
        elif self.tokens + count == self._ending.limit:
            self.stopped = "length"
        self.tokens += count
        self.logprob = sum(logprobs[:count], self.logprob)
        sure = len(text) - (0 if self.stopped else _overlap(text, stop))
        self._certain.append(text[:sure])
        self._before = (self._before + text[:sure])[-_CONTEXT:]
        self._held = text[sure:]
        return text[:sure]

    def _over(self, text: str, ends: Sequence[int]) -> int | None:
        """Where in the text, `ends[n]` long with n of the new symbols, the unit is complete, if it is."""
        first = max(0, self._ending.length - self.tokens)
        if self._ending.whole is None or first >= len(ends):
            return None
        before = len(self._before)
        over = self._ending.complete(self._before + text, before + ends[first])
        return None if over is None else over - before


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of the text may be the beginning of the stop text."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
