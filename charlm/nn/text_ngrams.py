"""Hashed n-grams of a text: scores for labels from its words, its pairs of words, and the pieces of its words.

This is a linear classifier like fastText (Joulin et al. 2016), with a row of scores for each n-gram. A hash chooses the
row, so the number of rows is fixed. Row 0 is for what is missing. All rows are zero at first, so an n-gram that
training has not seen adds nothing.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

_MULTIPLIER = 0x100000001B3  # of the hash; odd, so that it has an inverse
_MIXER = 0x9E3779B97F4A7C15
_LONGEST_PIECE = 6  # characters, with the spaces around a word
_MOST_CHARACTERS = 10_000  # that are read of a text
_MOST_ROWS, _LEAST_ROWS = 2**17, 2**8
_MOST_SCORES = 2**21  # in a table
# A step changes a weight by about the learning rate, which suits the network. A score has to change faster.
_SCALE = 30.0

Rows = NDArray[np.int64]


def ngram_rows(text: str, count: int) -> Rows:
    """Return the row, from 1 to `count`, of each n-gram of a text: its words, its pairs of words, and its pieces.

    The text is in lower case, with one space around each word. A word and a pair have the spaces around them. A piece
    is one to six characters of a word, and may begin or end with the space beside it.
    """
    text = " ".join(["", *text[:_MOST_CHARACTERS].lower().split(), ""])
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    spaces = np.flatnonzero(codes == ord(" "))
    before = np.append(0, np.cumsum(codes == ord(" ")))  # the number of spaces before each place
    firsts, ends = [spaces[:-1], spaces[:-2]], [spaces[1:] + 1, spaces[2:] + 1]
    for length in range(1, _LONGEST_PIECE + 1):
        first = np.arange(len(codes) - length + 1)
        inner, after = (first, first + 1) if length == 1 else (first + 1, first + length - 1)
        first = first[before[after] == before[inner]]  # no space inside
        firsts.append(first)
        ends.append(first + length)
    hashes = _hashes(codes, np.concatenate(firsts), np.concatenate(ends))
    return (hashes % np.uint64(count)).astype(np.int64) + 1


def rows_of_texts(texts: Sequence[str], count: int) -> Tensor:
    """Return the rows of the n-grams of each text, and zeros after them: (B, n)."""
    rows = [ngram_rows(text, count) for text in texts]
    result = np.zeros((len(rows), max(1, *map(len, rows))), dtype=np.int64)
    for each, own in zip(result, rows, strict=True):
        each[: len(own)] = own
    return torch.from_numpy(result)


def table_rows(labels: int) -> int:
    """Return the number of rows of a table for this number of labels, without row 0.

    More labels mean fewer rows: the table has at most about 2 million scores, but at least 256 rows.
    """
    return max(_LEAST_ROWS, min(_MOST_ROWS, _MOST_SCORES // labels))


def _hashes(codes: NDArray[np.uint64], firsts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return a hash of each part of a text: the code at place i times a number to the power i, summed and mixed."""
    powers, inverses = (
        np.cumprod(np.full(len(codes), number, np.uint64)) for number in (_MULTIPLIER, pow(_MULTIPLIER, -1, 2**64))
    )
    sums = np.append(np.uint64(0), np.cumsum(codes * powers))  # all modulo 2 ** 64
    hashes: NDArray[np.uint64] = (sums[ends] - sums[firsts]) * inverses[firsts]
    hashes = (hashes ^ (hashes >> np.uint64(32))) * np.uint64(_MIXER)
    hashes ^= hashes >> np.uint64(29)
    return hashes


class NgramScores(nn.Module):
    """A table with a score of each n-gram for each label; the scores of a text are the mean over its n-grams.

    weight: the factor of the scores when they are added to those of a network. It is fitted to held-out answers.
    """

    weight: Tensor

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(table_rows(labels) + 1, labels))
        self.bias = nn.Parameter(torch.zeros(labels))
        self.register_buffer("weight", torch.ones(()))

    def forward(self, rows: Tensor) -> Tensor:
        """Return the score of every label from rows of n-grams: (B, n) → (B, K)."""
        means = functional.embedding_bag(rows, self.table, mode="mean", padding_idx=0)
        return _SCALE * means + self.bias
