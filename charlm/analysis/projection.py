"""Vectors → points on a plane, by principal components or by t-SNE."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.analysis.token_classes import CLASSES, token_class
from charlm.analysis.vectors import Vectors
from charlm.errors import ConfigError
from charlm.settings import check_choice, check_count
from charlm.wording import plural

METHODS = ("pca", "tsne")
_PERPLEXITY = 30  # scikit-learn's default; less for fewer points
_FEWEST_POINTS = 5  # for t-SNE


class Projection(NamedTuple):
    """`points` (n, 2), and how they were computed, in words."""

    points: NDArray[np.float64]
    how: str


def project(matrix: NDArray[np.float32], method: str) -> Projection:
    """Project (n, E) to (n, 2); the same vectors give the same points.

    Raises ConfigError for an unknown method, for no vectors, and for t-SNE of fewer than five vectors or without
    scikit-learn.
    """
    check_choice("method", method, METHODS)
    if not len(matrix):
        raise ConfigError("there is nothing to draw: no token has a learned vector")
    return (pca if method == "pca" else tsne)(matrix)


def pca(matrix: NDArray[np.float32]) -> Projection:
    """Project onto the two directions of largest variance (Pearson 1901).

    They are singular vectors of the centered matrix U S Vᵀ: U S are the coordinates, S² the variances. The sign of a
    direction is arbitrary, so each is turned to make its largest component positive.
    """
    centered = matrix.astype(np.float64) - matrix.mean(0, dtype=np.float64)
    left, sizes, right = np.linalg.svd(centered, full_matrices=False)
    signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(1)])
    points = np.zeros((len(matrix), 2))
    coordinates = (left * sizes * signs)[:, :2]
    points[:, : coordinates.shape[1]] = coordinates
    total = max(float((sizes**2).sum()), np.finfo(float).tiny)
    first, second = (np.append(sizes**2, [0.0, 0.0])[:2] / total).tolist()
    return Projection(points, f"by principal components, which explain {first:.0%} and {second:.0%} of the variance")


def tsne(matrix: NDArray[np.float32]) -> Projection:
    """Keep near vectors near (van der Maaten & Hinton 2008), from the principal components and with a fixed seed."""
    try:
        from sklearn.manifold import TSNE  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        problem = "t-SNE needs scikit-learn, which is not installed"
        raise ConfigError(f"{problem}; pip install scikit-learn, or use the method pca") from None
    if len(matrix) < _FEWEST_POINTS:
        raise ConfigError(f"t-SNE needs {_FEWEST_POINTS} tokens, and there are {len(matrix)}; use the method pca")
    perplexity = min(_PERPLEXITY, (len(matrix) - 1) / 3)
    start = pca(matrix).points
    start *= 1e-4 / max(float(start[:, 0].std()), np.finfo(float).tiny)
    points = TSNE(perplexity=perplexity, init=start, random_state=0).fit_transform(matrix)
    how = f"by t-SNE with perplexity {perplexity:.3g}: near tokens are alike, large distances mean nothing"
    return Projection(points.astype(np.float64), how)


@dataclass(frozen=True)
class Map:
    """Tokens on a plane: `points` (n, 2), and how they were computed; `left_out` counts the tokens that are missing."""

    tokens: tuple[str, ...]
    points: NDArray[np.float64]
    how: str
    left_out: int

    @property
    def caption(self) -> str:
        rest = f"; {self.left_out:,} more are not shown" if self.left_out else ""
        return f"{plural(len(self.tokens), 'token')} {self.how}{rest}"

    def classes(self) -> list[str]:
        """The classes of the tokens on the map."""
        present = set(map(token_class, self.tokens))
        return [name for name in CLASSES if name in present]


def make_map(vectors: Vectors, method: str = "pca", count: int = 500) -> Map:
    """Project the first `count` learned tokens. Raises ConfigError as `project` does."""
    check_count("count", count, 1)
    learned = np.flatnonzero(vectors.learned)
    chosen = learned[:count]
    points, how = project(vectors.matrix[chosen], method)
    return Map(tuple(vectors.tokens[index] for index in chosen), points, how, len(learned) - len(chosen))
