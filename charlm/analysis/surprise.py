"""What of a text surprises a model: its lines from the most to the least surprising, and kinds taken for others."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from charlm.analysis.symbol_classes import CLASSES, class_of
from charlm.language_model import LanguageModel
from charlm.nn.probability import LOGPROB, masses, quantities
from charlm.scoring.passages import passage, read_quantities
from charlm.tokenizers import Ids, Tokenizer

_SHORTEST = 8  # characters of a line that is ranked, where there are such: a short one is extreme by chance
_CLASS_MASSES = "class masses"  # name of a quantity


@dataclass(frozen=True)
class Line:
    """A line with its tokens, None for an end, and log P of each (nats)."""

    tokens: tuple[str | None, ...]
    logprobs: tuple[float, ...]

    @property
    def text(self) -> str:
        return "".join(token for token in self.tokens if token is not None)

    @property
    def bits_per_char(self) -> float:
        return -sum(self.logprobs) / math.log(2) / max(1, len(self.text))


@dataclass(frozen=True)
class Surprise:
    """`lines`: each once, the most surprising first. `unknown`: lines left out for a character without a symbol.

    `confusion`: for each of `classes` that came, the mean probability that was given to each of them: rows sum to one.
    """

    lines: tuple[Line, ...]
    unknown: int
    classes: tuple[str, ...]
    confusion: NDArray[np.float64]
    tokens: int


def look(model: LanguageModel, texts: Sequence[str]) -> Surprise:
    """Read sequences as `evaluate` does: lines each from a zero state, a stream in pieces after what came before."""
    tokenizer = model.tokenizer
    kinds = [class_of(tokenizer.token_text(index)) for index in range(tokenizer.size)]
    groups = np.array([[kind == each for each in CLASSES] for kind in kinds])
    passages = [passage(tokenizer, text, line=model.line, eos=model.line) for text in texts]
    read = partial(quantities, model.network, others={_CLASS_MASSES: masses(groups)})
    lines: dict[str, Line] = {}
    sums, counts, unknown, tokens = np.zeros((len(CLASSES),) * 2), np.zeros(len(CLASSES)), 0, 0
    for each, values in zip(passages, read_quantities(passages, read), strict=True):
        classes = groups[each.targets].T.astype(float)  # (classes, T)
        sums, counts = sums + classes @ values[_CLASS_MASSES], counts + classes.sum(1)
        tokens += len(each.targets)
        for line in _lines(tokenizer, each.encoded.text, each.targets, values[LOGPROB]):
            if line is None:
                unknown += 1
            else:
                lines.setdefault(line.text, line)
    met = np.flatnonzero(counts)
    confusion = sums[np.ix_(met, met)] / counts[met, None]
    return Surprise(_ranked(lines), unknown, tuple(CLASSES[place] for place in met), confusion, tokens)


def _ranked(lines: dict[str, Line]) -> tuple[Line, ...]:
    long = [line for line in lines.values() if len(line.text) >= _SHORTEST]
    some = long or [line for line in lines.values() if line.text]
    return tuple(sorted(some, key=lambda line: -line.bits_per_char))


def _lines(tokenizer: Tokenizer, text: str, targets: Ids, logprobs: NDArray[np.float64]) -> Iterator[Line | None]:
    """The lines of a text with what each of its tokens cost; None for one with an unknown character."""
    names = tokenizer.token_texts(targets)
    lengths = tokenizer.lengths(text, targets[targets != tokenizer.EOS]).tolist()
    ends = zip(lengths, accumulate(lengths), strict=True)
    breaks = [place for place, (length, end) in enumerate(ends) if length and text[end - 1] == "\n"]
    first = 0
    for last in [*breaks, len(names) - 1]:
        part = slice(first, last + 1)
        first = last + 1
        if (targets[part] == tokenizer.UNK).any():
            yield None
        elif names[part]:
            yield Line(tuple(names[part]), tuple(logprobs[part].tolist()))
