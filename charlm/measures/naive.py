"""Naive answers, which a model must beat to be of use. They learn from the training part alone."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from charlm.measures import Floats

Answer = TypeVar("Answer", bound=Hashable)


def majority(answers: Iterable[Answer]) -> Answer:
    """Return the most frequent answer, such as a label or a tuple of labels; the first one of several.

    Raises ValueError if there are none.
    """
    counts = Counter(answers).most_common(1)
    if not counts:
        raise ValueError("there are no answers to count; give one or more")
    return counts[0][0]


@dataclass(frozen=True)
class WordTags:
    """The most frequent tag of each word, and that of all words, which unknown words get."""

    tags: dict[str, str]
    default: str

    @classmethod
    def count(cls, sentences: Iterable[tuple[Sequence[str], Sequence[str]]]) -> "WordTags":
        """Count the tags of sentences, which are pairs of words and tags."""
        counts: dict[str, Counter[str]] = {}
        for words, tags in sentences:
            for word, tag in zip(words, tags, strict=True):
                counts.setdefault(word, Counter())[tag] += 1
        total: Counter[str] = Counter()
        for each in counts.values():
            total.update(each)
        return cls({word: each.most_common(1)[0][0] for word, each in counts.items()}, majority(total.elements()))

    def tag(self, words: Sequence[str]) -> list[str]:
        """Return a tag for each word."""
        return [self.tags.get(word, self.default) for word in words]


def copies(sources: Sequence[str]) -> list[str]:
    """Answer with the source itself."""
    return list(sources)


def last_value(history: Floats, horizon: int) -> Floats:
    """Forecast that nothing changes: (h,) times the last value of a series."""
    return np.repeat(history[-1:], horizon)


def seasonal_naive(history: Floats, horizon: int, season: int) -> Floats:
    """Forecast that the last season repeats, (h,). A history that is shorter than a season repeats its last value."""
    if len(history) < season:
        return last_value(history, horizon)
    return np.resize(history[len(history) - season :], horizon)
