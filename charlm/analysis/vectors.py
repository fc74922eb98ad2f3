"""The vectors of a model's symbols: which are near each other, and which differ in the same way.

With every vector scaled to length one, and cos the product of two, an analogy a : b = c : ? is answered in two ways
(Levy & Goldberg 2014, "Linguistic regularities in sparse and explicit word representations"):

    3CosAdd    argmax cos(x, c) - cos(x, a) + cos(x, b)
    3CosMul    argmax cos'(x, c) cos'(x, b) / (cos'(x, a) + ε),  cos' = (cos + 1) / 2, ε = 0.001

The words asked about are never the answer.
"""

import difflib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.config import check_choice, check_range
from charlm.errors import ConfigError
from charlm.language_model import LanguageModel
from charlm.nn.cells import Cell

SIDES = ("input", "output")
_EPSILON = 0.001
_NEAREST = 3  # symbols that are offered in place of one that is not there


class Near(NamedTuple):
    """A symbol, and how well it fits; of neighbours the cosine, from -1 to 1."""

    symbol: str
    score: float


class Analogy(NamedTuple):
    """The best answers by either rule, the best first."""

    add: list[Near]
    multiply: list[Near]


@dataclass(frozen=True)
class Vectors:
    """A vector for every symbol of a vocabulary but the control symbols; `learned` (n,): it is more than a spelling."""

    symbols: tuple[str, ...]
    matrix: NDArray[np.float32]  # (n, E)
    learned: NDArray[np.bool_]

    @staticmethod
    def of(model: LanguageModel, side: str = "input") -> "Vectors":
        """The rows of the embedding (for a one-hot input the columns of the first W_x), or those of the readout.

        Symbols that are alike as inputs are followed by the same; those alike as outputs follow the same, and are so
        sooner (Press & Wolf 2017). Raises ConfigError for a side that there is not.
        """
        check_choice("side", side, SIDES)
        tokenizer, network = model.tokenizer, model.network
        names = tokenizer.token_texts(range(tokenizer.size))
        chosen = [index for index, name in enumerate(names) if name is not None]
        first: Cell = network.cells[0]  # type: ignore[assignment]
        rows = network.embedding.input_vectors(first) if side == "input" else network.readout.output_vectors()
        table = rows.detach().cpu().numpy()
        met = network.allowed_tokens.cpu().numpy()
        if tokenizer.AMBIGUOUS:  # what spells others may never have come
            met = met & ~tokenizer.fallback_tokens()
        return Vectors(tuple(names[index] or "" for index in chosen), table[chosen], met[chosen])

    def find(self, word: str) -> int:
        """The place of a symbol, or of one with a space before it. Raises ConfigError, with the nearest, if none is."""
        for name in (word, f" {word}"):
            if word and name in self.symbols:
                return self.symbols.index(name)
        near = difflib.get_close_matches(word, self.symbols, n=_NEAREST)
        near += [each for each in self.symbols if each.lower() == word.lower() and each not in near]
        hint = f"the nearest: {', '.join(map(repr, near))}" if near else f"they are like {', '.join(self._examples())}"
        raise ConfigError(f"none of the model's {len(self.symbols):,} symbols is {word[:40]!r}; {hint}")

    def neighbors(self, word: str, count: int = 10) -> list[Near]:
        """The symbols with the largest cosine to a word's, the largest first. Raises ConfigError as `find` does."""
        check_range("count", count, 1, float("inf"))
        place, units = self.find(word), self._units()
        return self._best(units @ units[place], {place}, count)

    def analogy(self, a: str, b: str, c: str, count: int = 5) -> Analogy:
        """What is to c as b is to a. Raises ConfigError as `find` does."""
        check_range("count", count, 1, float("inf"))
        places, units = [self.find(word) for word in (a, b, c)], self._units()
        to_a, to_b, to_c = (units @ units[place] for place in places)
        shifted_a, shifted_b, shifted_c = ((cosine + 1) / 2 for cosine in (to_a, to_b, to_c))
        added, multiplied = to_c - to_a + to_b, shifted_c * shifted_b / (shifted_a + _EPSILON)
        return Analogy(*(self._best(scores, set(places), count) for scores in (added, multiplied)))

    def coverage(self) -> str:
        """Among which symbols an answer is sought, in words."""
        sought, left = int(self.learned.sum()), int((~self.learned).sum())
        return f"sought among {sought:,} symbols; {left:,} that spell others, or never come, are left out"

    def _best(self, scores: NDArray[np.float32], asked: set[int], count: int) -> list[Near]:
        order = np.argsort(-scores, kind="stable").tolist()
        found = [place for place in order if self.learned[place] and place not in asked]
        return [Near(self.symbols[place], float(scores[place])) for place in found[:count]]

    def _units(self) -> NDArray[np.float32]:
        """(n, E): scaled to length one; a zero stays a zero."""
        lengths = np.linalg.norm(self.matrix, axis=1, keepdims=True)
        units: NDArray[np.float32] = self.matrix / np.maximum(lengths, np.finfo(np.float32).tiny)
        return units

    def _examples(self) -> list[str]:
        return [repr(name) for name, met in zip(self.symbols, self.learned, strict=True) if met][:5]
