"""Figures of the tokens of a text, by counts of the same text."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from charlm.counts.counts import Counts
from charlm.counts.figures import Figures, Guesses, Statistics
from charlm.counts.parts import counted_parts
from charlm.counts.text import Integers, text_of
from charlm.tokenizers import Tokenizer


class TargetFigures:
    """The figures of the tokens `ids` (N,) of a text, whose sequences begin at the offsets `starts`.

    The figures of the counted tokens are given, and leave out what these tokens added to the counts. The figures of all
    other tokens are looked up on demand.

    counted: the number of tokens that were counted, 0 for all. left_out: the figures of the counted tokens.
    """

    def __init__(self, counts: Counts, ids: NDArray[Any], starts: Integers, counted: int, left_out: Figures):
        self._counts, self._ids, self._starts, self._left_out = counts, ids, starts, left_out
        parts = np.array(counted_parts(len(ids), starts, counted))
        self._firsts, self._lasts = parts.T
        self._before = np.cumsum([0, *(self._lasts - self._firsts)[:-1]])  # counted tokens before each part

    def at(self, offsets: Integers) -> Figures:
        """Return the figures (T, B) of B stretches of consecutive tokens; after the last token comes the first one.

        offsets: (T, B).
        """
        part = np.searchsorted(self._firsts, offsets, side="right") - 1
        counted = (part >= 0) & (offsets < self._lasts[part])
        rows = np.where(counted, self._before[part] + offsets - self._firsts[part], 0)
        figures = self._left_out.select(rows)
        if figures.guesses:
            figures = figures._replace(guesses=figures.guesses.decoded())
        counted &= figures.logprobs > -np.inf  # the first token of a part was counted without its context
        if counted.all():
            return figures
        columns = np.flatnonzero(~counted.all(axis=0))
        looked_up = self._looked_up(offsets[:, columns])
        t, b = np.nonzero(~counted[:, columns])
        figures.logprobs[t, columns[b]] = looked_up.logprobs[t, b]
        if figures.guesses:
            for to, each in zip(figures.guesses, self._guesses(offsets[t, columns[b]]), strict=True):
                to[t, columns[b]] = each
        for to, each in zip(figures.context, looked_up.context, strict=True):
            to[t, columns[b]] = each[t, b]
        return figures

    def _guesses(self, offsets: Integers) -> Guesses:
        """Return the guesses (N, GUESSES) at offsets (N,) in counts that leave nothing out."""
        size = self._counts.order - 1
        before = offsets[:, None] - np.arange(size, 0, -1)
        contexts = self._ids[before % len(self._ids)].astype(np.int64)
        start = self._starts[np.searchsorted(self._starts, offsets, side="right") - 1]
        contexts[before < start[:, None]] = Tokenizer.START
        return self._counts.guesses(contexts)

    def _looked_up(self, offsets: Integers) -> Figures:
        """Return the figures (T, B) in counts that leave nothing out."""
        T, B = offsets.shape
        context = self._counts.order - 1
        stretches = ((offsets[0] - context)[:, None] + np.arange(context + T)) % len(self._ids)  # (B, C + T)
        at = np.searchsorted(self._starts, stretches, side="right") - 1
        starts = np.flatnonzero(self._starts[at] == stretches)
        ids = np.insert(self._ids[stretches].ravel(), starts, Tokenizer.START)
        begins = np.arange(B) * (context + T)
        begins += np.searchsorted(starts, begins)  # a stretch begins with the START of its first token, if it has one
        text = text_of(ids, len(self._counts.predictable), self._counts.order, begins)
        figures = self._counts.tree.look_up(text).select(text.ids != Tokenizer.START)
        rows = (slice(None), slice(context, None))
        statistics = (each.reshape(B, -1)[rows].T for each in figures.context)
        return Figures(figures.logprobs.reshape(B, -1)[rows].T, Statistics(*statistics))
