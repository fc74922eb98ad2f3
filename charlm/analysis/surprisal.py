"""What surprises a model in a text: its lines by surprisal, and the classes of tokens it takes for each other."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from charlm.analysis.token_classes import CLASSES, token_class
from charlm.language_model import LanguageModel
from charlm.nn.probability import LOGPROB, masses, quantities
from charlm.scoring.passages import passage, read_quantities
from charlm.tokenizers import Ids, Tokenizer

_SHORTEST = 8  # characters of a ranked line, if there are such lines: a short line is extreme by chance
_CLASS_MASSES = "class masses"  # name of a quantity


@dataclass(frozen=True)
class Line:
    """A line with its tokens, None for the end of a sequence, and the log P of each (nats)."""

    tokens: tuple[str | None, ...]
    logprobs: tuple[float, ...]

    @property
    def text(self) -> str:
        return "".join(token for token in self.tokens if token is not None)

    @property
    def bits_per_char(self) -> float:
        return -sum(self.logprobs) / math.log(2) / max(1, len(self.text))


@dataclass(frozen=True)
class Surprisal:
    """The result of `analyze_surprisal`.

    `lines` has each different line once, the most surprising first; `unknown` counts the lines that are left out
    because of an unknown character. `confusion` has a row for each of `classes`, the classes that occur in the text:
    the mean probability that the model gave to each class where a token of this class followed. Rows sum to 1.
    """

    lines: tuple[Line, ...]
    unknown: int
    classes: tuple[str, ...]
    confusion: NDArray[np.float64]
    tokens: int


def analyze_surprisal(model: LanguageModel, texts: Sequence[str]) -> Surprisal:
    """Read sequences as `evaluate` does: each line from a zero state, a stream in windows that overlap."""
    tokenizer = model.tokenizer
    classes = [token_class(tokenizer.token_text(index)) for index in range(tokenizer.size)]
    members = np.array([[name == each for each in CLASSES] for name in classes])  # (V, classes)
    passages = [passage(tokenizer, text, mode=model.mode, eos=model.line) for text in texts]
    read = partial(quantities, model.network, others={_CLASS_MASSES: masses(members)})
    lines: dict[str, Line] = {}
    unknown = tokens = 0
    sums, counts = np.zeros((len(CLASSES),) * 2), np.zeros(len(CLASSES))
    for each, values in zip(passages, read_quantities(passages, read), strict=True):
        # One product adds up, for each class of target, the probabilities (T, classes) that all classes were given.
        target_classes = members[each.targets].T.astype(float)  # (classes, T)
        sums, counts = sums + target_classes @ values[_CLASS_MASSES], counts + target_classes.sum(1)
        tokens += len(each.targets)
        for line in _lines(tokenizer, each.encoded.text, each.targets, values[LOGPROB]):
            if line is None:
                unknown += 1
            else:
                lines.setdefault(line.text, line)
    present = np.flatnonzero(counts)
    confusion = sums[np.ix_(present, present)] / counts[present, None]
    return Surprisal(_ranked(lines), unknown, tuple(CLASSES[index] for index in present), confusion, tokens)


def _ranked(lines: dict[str, Line]) -> tuple[Line, ...]:
    long = [line for line in lines.values() if len(line.text) >= _SHORTEST]
    ranked = long or [line for line in lines.values() if line.text]
    return tuple(sorted(ranked, key=lambda line: -line.bits_per_char))


def _lines(tokenizer: Tokenizer, text: str, targets: Ids, logprobs: NDArray[np.float64]) -> Iterator[Line | None]:
    """Cut a text and its targets into lines; None stands for a line with an unknown character."""
    names = tokenizer.token_texts(targets)
    lengths = tokenizer.lengths(text, targets[targets != tokenizer.EOS]).tolist()
    ends = zip(lengths, accumulate(lengths), strict=True)
    # A token of length 0 (the first bytes of a character) does not end a line, though the text before it may.
    breaks = [index for index, (length, end) in enumerate(ends) if length and text[end - 1] == "\n"]
    first = 0
    for last in [*breaks, len(names) - 1]:
        part = slice(first, last + 1)
        first = last + 1
        if (targets[part] == tokenizer.UNK).any():
            yield None
        elif names[part]:
            yield Line(tuple(names[part]), tuple(logprobs[part].tolist()))
