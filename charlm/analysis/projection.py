"""Vectors → points on a plane: by principal components, or by neighbourhoods."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.analysis.symbol_classes import CLASSES, class_of
from charlm.analysis.vectors import Vectors
from charlm.config import check_choice, check_range
from charlm.errors import ConfigError

METHODS = ("pca", "tsne")
_PERPLEXITY = 30  # scikit-learn's own default, where there are points enough
_FEWEST = 5  # points that have neighbourhoods


class Plane(NamedTuple):
    """`points` (n, 2), and how they were found, in words."""

    points: NDArray[np.float64]
    how: str


def project(matrix: NDArray[np.float32], method: str) -> Plane:
    """(n, E) → (n, 2), the same for the same vectors.

    Raises ConfigError for a method that there is not, for no vectors, and for t-SNE of fewer than five or without
    scikit-learn.
    """
    check_choice("method", method, METHODS)
    if not len(matrix):
        raise ConfigError("no symbol has a vector of its own, so there is nothing to draw")
    return (pca if method == "pca" else tsne)(matrix)


def pca(matrix: NDArray[np.float32]) -> Plane:
    """The two directions in which the vectors differ most (Pearson 1901); each axis points where its largest part is.

    By the singular values of the centred matrix: U S are the coordinates, S² the variances.
    """
    centred = matrix.astype(np.float64) - matrix.mean(0, dtype=np.float64)
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(1)])
    points = np.zeros((len(matrix), 2))
    found = (left * sizes * signs)[:, :2]
    points[:, : found.shape[1]] = found
    total = max(float((sizes**2).sum()), np.finfo(float).tiny)
    first, second = (np.append(sizes**2, [0.0, 0.0])[:2] / total).tolist()
    return Plane(points, f"by principal components, which hold {first:.0%} and {second:.0%} of the variance")


def tsne(matrix: NDArray[np.float32]) -> Plane:
    """Near points stay near (van der Maaten & Hinton 2008); begun from the principal components, with a fixed seed."""
    try:
        from sklearn.manifold import TSNE  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        need = "t-SNE needs scikit-learn, which is not installed"
        raise ConfigError(f"{need}: pip install scikit-learn, or take the method pca") from None
    if len(matrix) < _FEWEST:
        raise ConfigError(f"{len(matrix)} symbols are too few for t-SNE, which needs {_FEWEST}; take the method pca")
    perplexity = min(_PERPLEXITY, (len(matrix) - 1) / 3)
    start = pca(matrix).points
    start *= 1e-4 / max(float(start[:, 0].std()), np.finfo(float).tiny)
    points = TSNE(perplexity=perplexity, init=start, random_state=0).fit_transform(matrix)
    return Plane(
        points.astype(np.float64), f"by t-SNE with a perplexity of {perplexity:.3g}: near is alike, far means nothing"
    )


@dataclass(frozen=True)
class Map:
    """`points` (n, 2): where each symbol lies, and how that was found; `left`: symbols that are not on it."""

    symbols: tuple[str, ...]
    points: NDArray[np.float64]
    how: str
    left: int

    @property
    def caption(self) -> str:
        rest = f"; {self.left:,} more are left out" if self.left else ""
        return f"{len(self.symbols):,} symbols {self.how}{rest}"

    def classes(self) -> list[str]:
        """Those that are on it."""
        found = set(map(class_of, self.symbols))
        return [name for name in CLASSES if name in found]


def lay_out(vectors: Vectors, method: str = "pca", count: int = 500) -> Map:
    """The first `count` symbols that were learned, on a plane. Raises ConfigError as `project` does."""
    check_range("count", count, 1, float("inf"))
    met = np.flatnonzero(vectors.learned)
    chosen = met[:count]
    points, how = project(vectors.matrix[chosen], method)
    return Map(tuple(vectors.symbols[place] for place in chosen), points, how, len(met) - len(chosen))
