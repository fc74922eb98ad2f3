"""Documents → the sequences a model learns, and the ones held out.

`line`: each line is a sequence of its own (names, sentences, logs). `stream`: each document is one running text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charlm.corpus import Document
from charlm.errors import CorpusError
from charlm.randomness import uniform

HELD_OUT_AT_MOST = 2_000_000  # characters: more would cost time and tell nothing new
_LOOK_AT = 1_000_000  # characters of each document that `choose` looks at
_FEWEST_LINES = 100
_LONGEST_LINE = 1_000
_FEW_ODD = 0.01  # share of the lines


@dataclass(frozen=True)
class Split:
    """The sequences of one corpus: those to learn, and those held out to validate."""

    train: tuple[str, ...]
    valid: tuple[str, ...]
    sequence: str
    crlf_lines: int = 0  # lines that ended in \\r\\n rather than \\n

    @property
    def held_out(self) -> bool:
        """False where the corpus is too small to hold anything out, and validation is on the training text."""
        return self.valid is not self.train

    def characters(self, texts: Sequence[str]) -> int:
        """Of these sequences, the line ends of lines included."""
        return sum(map(len, texts)) + (len(texts) if self.sequence == "line" else 0)


def lines(text: str) -> list[str]:
    """The lines of a text without their ends, which are `\\n` or `\\r\\n`; a text always has at least one line."""
    found = text.split("\n")
    ended = found[:-1]
    rest = found[-1:] if found[-1] or not ended else []
    return [line.removesuffix("\r") for line in ended] + rest


def choose(documents: Sequence[Document]) -> tuple[str, str]:
    """`line` or `stream`, with the reason in words: what `--sequence auto` does."""
    for document in documents:
        head = document.text[:_LOOK_AT]
        inner = lines(head.rstrip("\r\n") if len(document.text) <= _LOOK_AT else head)
        if len(inner) < _FEWEST_LINES:
            return "stream", f"{document.name} has fewer than {_FEWEST_LINES} lines"
        if "" in inner:
            return "stream", f"line {inner.index('') + 1} of {document.name} is blank"
        longest = max(map(len, inner))
        if longest > _LONGEST_LINE:
            return "stream", f"{document.name} has a line of {longest:,} characters"
    return "line", f"no line is blank or longer than {_LONGEST_LINE:,} characters"


def odd_lines(documents: Sequence[Document]) -> str:
    """The blank and the long lines that keep a text from being one of lines, where they are next to none; else ""."""
    found = [line for document in documents for line in lines(document.text[:_LOOK_AT])]
    odd = {"blank": found.count(""), "long": sum(len(line) > _LONGEST_LINE for line in found)}
    if len(found) < _FEWEST_LINES or sum(odd.values()) > _FEW_ODD * len(found):
        return ""
    return " and ".join(f"{count:,} {kind} line{'s' * (count > 1)}" for kind, count in odd.items() if count)


def split(documents: Sequence[Document], sequence: str, fraction: float) -> Split:
    """Hold out about `fraction`, by a rule that knows no seed.

    Of a stream, the last part of each document, cut by characters; of lines, those whose number, counted through all
    documents, hashes into the fraction. At most 2,000,000 characters. Raises CorpusError where there are fewer than
    two symbols to learn.
    """
    train, valid = (_split_lines if sequence == "line" else _split_streams)(documents, fraction)
    if sum(map(len, train)) < 2 or not (valid if sequence == "line" else any(valid)):  # too small to spare any of it
        train = valid = [text for document in documents for text in whole(document.text, sequence)]
    return checked(train, valid, sequence, crlf_lines(documents, sequence))


def crlf_lines(documents: Sequence[Document], sequence: str) -> int:
    """How many lines end in `\\r\\n`; of a stream none does, there every character is kept."""
    return sum(document.text.count("\r\n") for document in documents) if sequence == "line" else 0


def whole(text: str, sequence: str) -> list[str]:
    """The sequences of a text of which nothing is held out."""
    return lines(text) if sequence == "line" else [text]


def checked(train: Sequence[str], valid: Sequence[str], sequence: str, crlf: int = 0) -> Split:
    """A Split of these sequences. Raises CorpusError where there are fewer than two tokens to learn."""
    kept = tuple(text for text in train if text or sequence == "line")
    targets = sum(map(len, kept)) + (len(kept) if sequence == "line" else 0)
    if targets < 2:
        raise CorpusError(f"the corpus has {targets} symbol to learn from; a model needs at least two")
    held = kept if valid is train else tuple(text for text in valid if text or sequence == "line")
    return Split(kept, held, sequence, crlf)


def _split_streams(documents: Sequence[Document], fraction: float) -> tuple[list[str], list[str]]:
    lengths = [len(document.text) for document in documents]
    held = [length - max(1, int(length * (1 - fraction))) for length in lengths]
    if sum(held) > HELD_OUT_AT_MOST:
        held = [length * HELD_OUT_AT_MOST // sum(lengths) for length in lengths]
    cuts = [length - out for length, out in zip(lengths, held, strict=True)]
    texts = [document.text for document in documents]
    return (
        [text[:cut] for text, cut in zip(texts, cuts, strict=True)],
        [text[cut:] for text, cut in zip(texts, cuts, strict=True)],
    )


def _split_lines(documents: Sequence[Document], fraction: float) -> tuple[list[str], list[str]]:
    found = [line for document in documents for line in lines(document.text)]
    sizes = np.array([len(line) + 1 for line in found])
    chance = uniform(np.arange(1, len(found) + 1))
    held: NDArray[np.bool_] = chance < min(fraction, HELD_OUT_AT_MOST / sizes.sum())
    if len(found) > 1 and not held.any():
        held[chance.argmin()] = True  # where chance would hold out none of several, the likeliest one
    held &= np.cumsum(sizes * held) <= HELD_OUT_AT_MOST
    return (
        [line for line, out in zip(found, held, strict=True) if not out],
        [line for line, out in zip(found, held, strict=True) if out],
    )
