"""Hashed n-grams of characters: vectors for the beginning, the end and the shape of a word, and for the whole of it.

A word that training has not seen shares most of them with words that it has seen. The number of rows is fixed, and a
hash chooses the row of an n-gram (Joulin et al. 2016). Row 0 is for what is missing. All rows are zero at first, so an
n-gram that training has not seen adds nothing.
"""

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from charlm.nn.cells import Cell
from charlm.nn.embeddings import Embedding, InputLayer
from charlm.nn.native.fused import Projected

_BASIS, _PRIME, _BITS = 0xCBF29CE484222325, 0x100000001B3, 2**64  # of FNV-1a
_ROWS = 32_749  # beside row 0; a prime number
_LONGEST = 4  # characters of a prefix or suffix
_LONGEST_SHAPE = 16  # characters
FEATURES = 2 * _LONGEST + 2  # of a word


@lru_cache(2**16)
def feature_rows(word: str) -> tuple[int, ...]:
    """Return the rows of a word, in lower case except for its shape: the word, the shape, prefixes, and suffixes."""
    lower = word.lower()
    lengths = [length for length in range(1, _LONGEST + 1) if length <= len(lower)]
    parts = [f"={lower}", f"~{_shape(word)}"]
    parts += [f"<{lower[:length]}" for length in lengths] + [f">{lower[-length:]}" for length in lengths]
    rows = [_hash(part) % _ROWS + 1 for part in parts]
    return (*rows, *[0] * (FEATURES - len(rows)))


def _shape(word: str) -> str:
    """Return X for capitals, x for other letters, 9 for digits, or the sign; once for neighbors of one kind."""
    shape = ""
    for each in word:
        kind = "X" if each.isupper() else "x" if each.isalpha() else "9" if each.isdigit() else each
        shape += "" if shape.endswith(kind) else kind
    return shape[:_LONGEST_SHAPE]


def _hash(text: str) -> int:
    """Return the hash FNV-1a of the bytes of a text."""
    value = _BASIS
    for byte in text.encode("utf-8", "surrogatepass"):
        value = (value ^ byte) * _PRIME % _BITS
    return value


class SpelledWords(InputLayer):
    """An input layer of words: the sum of the vector of a word's token and the vectors of its features.

    It reads ids (..., 1 + FEATURES): the token of a word, and the rows of its features.
    """

    def __init__(self, words: Embedding) -> None:
        super().__init__()
        self.words, self.size = words, words.size
        self.features = nn.Parameter(torch.zeros(_ROWS + 1, words.size))

    def vectors(self, ids: Tensor) -> Tensor:
        rows = ids[..., 1:].reshape(-1, FEATURES)
        sums = functional.embedding_bag(rows, self.features, mode="sum", padding_idx=0)
        return self.words.vectors(ids[..., 0]) + sums.view(*ids.shape[:-1], self.size)

    def project(self, ids: Tensor, cell: Cell) -> Projected:
        return cell.project(self.vectors(ids))


def without_some(rows: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Replace a random share of the numbers by 0, as if the tokens and features were unknown."""
    return rows * torch.empty(rows.shape, device=rows.device).bernoulli_(1 - share, generator=generator).to(rows.dtype)
