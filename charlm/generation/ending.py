"""End of a sample: at <EOS>, at a length, before a stop text, or at the end of a word, line or sentence."""

import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from charlm.arguments import check_text
from charlm.errors import ConfigError
from charlm.settings import check_choice, check_count

Unit = Literal["word", "line", "sentence"]
Stopped = Literal["eos", "length", "stop", "whole", "match"]

# The gap between two units is the last group of a match. The next character shows where the gap begins.
_GAPS: dict[str, re.Pattern[str]] = {
    "word": re.compile(r"([^\w'’-]+)"),
    "line": re.compile(r"([\r\n]+)"),
    "sentence": re.compile(r"[.!?…][\"'”’»)\]]*(\s+)|[。！？][”’」』]*(?![”’」』])()(?=.)|\n[^\S\n]*(\n+)", re.DOTALL),
}
_CONTEXT = 64  # characters of earlier text in which a gap may begin
_MARGIN = 1000  # the most tokens after the length, until the unit ends


@dataclass(frozen=True)
class Ending:
    """Rule for the end: after `length` tokens, or when the `whole` unit at that point is complete, or before `stop`.

    stop: a text, or several, of which the first that occurs ends the sample.
    """

    length: int
    stop: str | tuple[str, ...] | None = None
    whole: Unit | None = None

    def __post_init__(self) -> None:
        check_count("length", self.length, 1)
        for text in self.stops:
            check_text("stop must be", text)
            if text == "":
                raise ConfigError("stop must not be empty")
        if self.whole is not None:
            check_choice("whole", self.whole, _GAPS)

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts that end a sample."""
        return self.stop if isinstance(self.stop, tuple) else () if self.stop is None else (self.stop,)

    @property
    def limit(self) -> int:
        """The most tokens in a sample."""
        return self.length + (_MARGIN if self.whole else 0)

    def complete(self, text: str, first: int) -> int | None:
        """Return the first offset from `first` on at which a unit is complete, or None."""
        for gap in _GAPS[self.whole].finditer(text) if self.whole else ():
            begin, end = gap.span(gap.lastindex or 0)
            if end >= first:
                return max(begin, first)
        return None


class Row:
    """Sample in progress. `decode` maps a token to text, and keeps parts of a character until it is complete.

    rest: the end of the prompt that the first token begins with. It does not belong to the text. If the first token is
    no longer than it, the token belongs to the prompt and does not count.
    """

    def __init__(self, index: int, decode: Callable[[int], str], ending: Ending, rest: str = "") -> None:
        self.index, self._decode, self._ending, self._rest = index, decode, ending, rest
        self._certain: list[str] = []
        self._before = ""  # the last characters of the certain text
        self._held = ""  # text that may be the beginning of the stop text
        self.tokens = 0
        self.logprob = 0.0
        self.left_out = 0.0  # sum, over the tokens, of the probability that was left out of the draw
        self.stopped: Stopped | None = None
        self.taken = range(0)  # the tokens of the last `take` that count

    @property
    def text(self) -> str:
        return "".join(self._certain)

    @property
    def room(self) -> int:
        """The most tokens that may follow."""
        return self._ending.limit - self.tokens

    def take(self, tokens: Sequence[int], logprobs: Sequence[float], eos: int, left_out: Sequence[float] = ()) -> str:
        """Append drawn tokens up to the end of the sample; return the text that can no longer change.

        left_out: the probability that was left out of the draw of each token; empty means none. An <EOS> with
        probability 0 does not come from the model. It means that no other token was allowed.
        """
        tokens = tokens[: self.room]
        count = tokens.index(eos) + 1 if eos in tokens else len(tokens)
        pieces = [self._decode(token) for token in tokens[:count]]
        skipped = 0
        if self._rest and pieces:
            pieces[0], self._rest = pieces[0].removeprefix(self._rest), ""
            if not pieces[0]:
                tokens, logprobs, left_out, pieces = tokens[1:], logprobs[1:], left_out[1:], pieces[1:]
                count, skipped = count - 1, 1
        if pieces and self.tokens + count == self._ending.limit:
            pieces[-1] += self._decode(eos)  # the rest of an incomplete character
        text = self._held + "".join(pieces)
        ends = list(itertools.accumulate(map(len, pieces), initial=len(self._held)))
        stop_at, stop_end = self._stop(text)
        end = self._whole_end(text, ends)
        if stop_at >= 0 and (end is None or stop_at < end):
            self.stopped, text = "stop", text[:stop_at]
            count = sum(length < stop_end for length in ends)
        elif end is not None:
            self.stopped, text = "whole", text[:end]
            count = sum(length < end for length in ends[:-1])
        elif count and tokens[count - 1] == eos:
            self.stopped = "eos" if logprobs[count - 1] > -math.inf else "match"
            count -= self.stopped == "match"
        elif self.tokens + count == self._ending.limit:
            self.stopped = "length"
        self.taken = range(skipped, skipped + count)
        self.tokens += count
        self.logprob = sum(logprobs[:count], self.logprob)
        self.left_out = sum(left_out[:count], self.left_out)
        held = 0 if self.stopped else max((_overlap(text, stop) for stop in self._ending.stops), default=0)
        sure = len(text) - held
        self._certain.append(text[:sure])
        self._before = (self._before + text[:sure])[-_CONTEXT:]
        self._held = text[sure:]
        return text[:sure]

    def _stop(self, text: str) -> tuple[int, int]:
        """Return where the stop text that is complete first begins and ends, or -1 and -1."""
        spans = ((at, at + len(stop)) for stop in self._ending.stops if (at := text.find(stop)) >= 0)
        return min(spans, key=lambda span: (span[1], span[0]), default=(-1, -1))

    def _whole_end(self, text: str, ends: Sequence[int]) -> int | None:
        """Return the offset in `text` at which the unit is complete, or None.

        `ends[n]` is the length of `text` with n of the new tokens.
        """
        first = max(0, self._ending.length - self.tokens)
        if self._ending.whole is None or first >= len(ends):
            return None
        before = len(self._before)
        end = self._ending.complete(self._before + text, before + ends[first])
        return None if end is None else end - before


def _overlap(text: str, stop: str) -> int:
    """Return how many characters at the end of the text may be the beginning of the stop text."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
