"""The vectors of a model's tokens: which are near each other, and which differ in the same way.

With every vector scaled to length 1, and cos the dot product of two, an analogy a : b = c : ? has two answers
(Levy & Goldberg 2014, "Linguistic regularities in sparse and explicit word representations"):

    3CosAdd    argmax cos(x, c) - cos(x, a) + cos(x, b)
    3CosMul    argmax cos'(x, c) cos'(x, b) / (cos'(x, a) + ε),  cos' = (cos + 1) / 2, ε = 0.001

The words of the question are never the answer.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.errors import ConfigError
from charlm.language_model import LanguageModel
from charlm.nn.cells import Cell
from charlm.scoring.units import has_single_characters
from charlm.settings import check_choice, check_count
from charlm.wording import nearest, plural

SIDES = ("input", "output")
_EPSILON = 0.001
_SUGGESTIONS = 3  # tokens that are suggested in place of one that does not exist


def comparable_side(model: LanguageModel) -> str:
    """The side whose vectors are worth comparing: the input vectors of characters and bytes stay near noise."""
    return "output" if has_single_characters(model.tokenizer) else "input"


class Match(NamedTuple):
    """A token and its score; for a neighbor the score is the cosine, from -1 to 1."""

    token: str
    score: float


class Analogy(NamedTuple):
    """The best answers by 3CosAdd and by 3CosMul, best first."""

    add: list[Match]
    multiply: list[Match]


@dataclass(frozen=True)
class Vectors:
    """A vector for every token except the control tokens.

    `learned` (n,) is true for tokens that occur in the training text and do not only spell others.
    """

    tokens: tuple[str, ...]
    matrix: NDArray[np.float32]  # (n, E)
    learned: NDArray[np.bool_]

    @staticmethod
    def of(model: LanguageModel, side: str = "input") -> "Vectors":
        """Take the rows of the embedding (for a one-hot input the columns of the first W_x), or of the readout.

        Tokens with similar input vectors are followed by the same tokens; those with similar output vectors follow the
        same tokens, and become similar sooner in training (Press & Wolf 2017). Raises ConfigError for an unknown side,
        and for a model that is its counts alone.
        """
        check_choice("side", side, SIDES)
        model.require_network()
        tokenizer, network = model.tokenizer, model.network
        names = tokenizer.token_texts(range(tokenizer.size))
        chosen = [index for index, name in enumerate(names) if name is not None]
        first: Cell = network.cells[0]  # type: ignore[assignment]
        rows = network.embedding.input_vectors(first) if side == "input" else network.readout.output_vectors()
        table = rows.detach().cpu().numpy()
        learned = network.allowed_tokens.cpu().numpy()
        if tokenizer.AMBIGUOUS:  # tokens that spell others may never occur in the training text
            learned = learned & ~tokenizer.fallback_tokens()
        return Vectors(tuple(names[index] or "" for index in chosen), table[chosen], learned[chosen])

    def find(self, word: str) -> int:
        """The index of a token, or of one with a space before it. Raises ConfigError with the nearest tokens."""
        for name in (word, f" {word}"):
            if word and name in self.tokens:
                return self.tokens.index(name)
        near = nearest(word, self.tokens, _SUGGESTIONS)
        examples = [repr(name) for name, learned in zip(self.tokens, self.learned, strict=True) if learned][:5]
        hint = f"the nearest: {', '.join(map(repr, near))}" if near else f"examples: {', '.join(examples)}"
        raise ConfigError(f"{word[:40]!r} is not among the model's {plural(len(self.tokens), 'token')}; {hint}")

    def neighbors(self, word: str, count: int = 10) -> list[Match]:
        """The tokens with the largest cosine to a word, largest first. Raises ConfigError as `find` does."""
        check_count("count", count, 1)
        index, units = self.find(word), self._units()
        return self._best(units @ units[index], {index}, count)

    def analogy(self, a: str, b: str, c: str, count: int = 5) -> Analogy:
        """The tokens that are to c as b is to a. Raises ConfigError as `find` does."""
        check_count("count", count, 1)
        asked, units = [self.find(word) for word in (a, b, c)], self._units()
        to_a, to_b, to_c = (units @ units[index] for index in asked)
        shifted_a, shifted_b, shifted_c = ((cosine + 1) / 2 for cosine in (to_a, to_b, to_c))
        added, multiplied = to_c - to_a + to_b, shifted_c * shifted_b / (shifted_a + _EPSILON)
        return Analogy(*(self._best(scores, set(asked), count) for scores in (added, multiplied)))

    def coverage(self) -> str:
        """The tokens among which an answer is searched, in words."""
        searched, left_out = int(self.learned.sum()), int((~self.learned).sum())
        rest = f"; left out: {left_out:,} that spell other tokens or never occur" if left_out else ""
        return f"searched {plural(searched, 'token')}{rest}"

    def _best(self, scores: NDArray[np.float32], asked: set[int], count: int) -> list[Match]:
        order = np.argsort(-scores, kind="stable").tolist()
        allowed = [index for index in order if self.learned[index] and index not in asked]
        return [Match(self.tokens[index], float(scores[index])) for index in allowed[:count]]

    def _units(self) -> NDArray[np.float32]:
        """(n, E): the vectors scaled to length 1; a zero vector stays zero."""
        lengths = np.linalg.norm(self.matrix, axis=1, keepdims=True)
        units: NDArray[np.float32] = self.matrix / np.maximum(lengths, np.finfo(np.float32).tiny)
        return units
