"""Count a text with numpy alone, where the compiled library is missing."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from charlm.counts.collect import Level, Tally, collect, drop
from charlm.counts.figures import GUESSES, Figures, Guesses
from charlm.counts.left_out import left_out
from charlm.counts.text import Text, block_ends
from charlm.counts.tree import make_tree
from charlm.tokenizers import Tokenizer


class PlainCounter:
    """The counts of a text of up to `order` tokens. `predictable`: (V,), the tokens whose n-grams count.

    Takes about 100 bytes per token and order. on_progress: called with the share of the work that is done.
    """

    def __init__(
        self, text: Text, order: int, predictable: NDArray[np.bool_], on_progress: Callable[[float], None]
    ) -> None:
        self.text, self.order, self.predictable = text, order, predictable
        self._levels, self._tallies, self._counts = [], [], []
        for level, tally, counts in collect(text, order, predictable):
            self._levels.append(level)
            self._tallies.append(tally)
            self._counts.append(counts)
            on_progress(len(self._levels) / order)

    def tallies(self) -> list[Tally]:
        """Return the tally of each level."""
        return self._tallies

    def levels(self, cuts: Sequence[int]) -> Iterator[Level]:
        """Yield each level without the n-grams that occur less often than its cut."""
        yield from drop(self._levels, self._counts, cuts)

    def left_out(self, cuts: Sequence[int], discounts: Sequence[Sequence[float]], root: Level, blocks: int) -> Figures:
        """Return the figures of each token but START without its block, or without itself if `blocks` is 0."""
        N = len(self.text.ids)
        at = np.arange(N)
        block = np.searchsorted(block_ends(self.text, blocks), at, side="right") if blocks else at
        figures = left_out(self.text, self.order, self.predictable, cuts, discounts, block)
        return figures.select(self.text.ids != Tokenizer.START)

    def guesses(self, cuts: Sequence[int], discounts: Sequence[Sequence[float]], root: Level, blocks: int) -> Guesses:
        """Return the guesses (N, GUESSES) at each token but START without its block, with rounded chances."""
        ids, context = self.text
        at = np.arange(len(ids))
        block = np.searchsorted(block_ends(self.text, blocks), at, side="right")
        result = Guesses(np.zeros((len(ids), GUESSES), np.int64), np.zeros((len(ids), GUESSES), np.uint8))
        before = np.arange(self.order - 1, 0, -1)
        for each in range(blocks):
            rest = Text(ids, np.where(block == each, 0, context).astype(np.uint8))
            levels, _, counts = zip(*collect(rest, self.order, self.predictable), strict=True)
            above, *below = drop(levels, counts, cuts)
            tree = make_tree(above, below, discounts, self.predictable, False)
            asked = at[(block == each) & (context > 0)]
            contexts = np.where(before <= context[asked][:, None], ids[asked[:, None] - before].astype(np.int64), -1)
            for whole, part in zip(result, tree.guesses(contexts).rounded(), strict=True):
                whole[asked] = part
        tokens = ids != Tokenizer.START
        return Guesses(*(each[tokens] for each in result))
