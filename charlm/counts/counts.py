"""Count a text, and ask the counts: for the tokens of a text, or for the distribution after a context."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.batching import batches
from charlm.counts.compiled import CompiledCounter
from charlm.counts.figures import Figures, Guesses, Statistics
from charlm.counts.fit import choose_cuts
from charlm.counts.native.library import library
from charlm.counts.parts import Part, counted_parts
from charlm.counts.plain import PlainCounter
from charlm.counts.settings import CountSettings
from charlm.counts.smoothing import Floats, discounts
from charlm.counts.text import Integers, Text, text_of, with_starts
from charlm.counts.tree import Shares, Tree, make_tree
from charlm.progress import ignore
from charlm.tokenizers import Ids

_BATCH_TOKENS = 2**20

OnCounting = Callable[[float], None]  # receives the share of the work that is done


@dataclass(frozen=True)
class Counts:
    """Interpolated modified Kneser-Ney counts of up to `order` tokens.

    predictable: (V,), the tokens that share the probability; any other has probability 0. cuts: for each number of
    context tokens, how often an n-gram occurs at least that is kept.
    """

    order: int
    cuts: tuple[int, ...]
    predictable: NDArray[np.bool_]
    tree: Tree

    def __deepcopy__(self, memo: dict[int, Any]) -> "Counts":
        return self  # nothing of it changes

    @classmethod
    def of(
        cls,
        ids: NDArray[Any],
        starts: Integers,
        predictable: NDArray[np.bool_],
        settings: CountSettings,
        on_progress: OnCounting = ignore,
    ) -> "Counts":
        """Count the tokens `ids` (N,), whose sequences begin at the offsets `starts`; no id is START."""
        return count(ids, starts, predictable, settings, on_progress=on_progress).counts

    def figures(self, ids: NDArray[Any]) -> Figures:
        """Return the figures of each token of ids (N,), in which START begins each sequence.

        If the first id is not START, the tokens before it are unknown: contexts end there, and it has no probability.
        """
        return self.tree.look_up(text_of(ids, len(self.predictable), self.order))

    def log_probabilities(self, rows: Sequence[Ids]) -> list[Floats]:
        """Return log P(row[t] | the row before t) in nats for t ≥ 1: (n,) → (n - 1,)."""
        results: list[Floats] = []
        for batch in batches(rows, len, _BATCH_TOKENS):
            offsets = np.cumsum([0, *map(len, batch)])
            text = text_of(np.concatenate(batch), len(self.predictable), self.order, offsets[:-1])
            logprobs = self.tree.look_up(text).logprobs.astype(np.float64)
            results += [logprobs[a + 1 : b] for a, b in pairwise(offsets.tolist())]
        return results

    def figures_after(self, contexts: NDArray[Any], targets: NDArray[Any]) -> Figures:
        """Return the figures of targets (N,) after contexts (N, C), as in `distributions`."""
        return self.tree.look_up_after(contexts, targets)

    def guesses(self, contexts: NDArray[Any]) -> Guesses:
        """Return the likeliest tokens after contexts (N, C), as in `distributions`."""
        return self.tree.guesses(contexts)

    def distribution(self, context: NDArray[Any] | Sequence[int]) -> Shares:
        """Return the probability of each token (V,) after a context, of which the last `order` - 1 tokens count."""
        probabilities: Shares = self.distributions(np.asarray(context)[None])[0][0]
        return probabilities

    def distributions(self, contexts: NDArray[Any]) -> tuple[Shares, Statistics]:
        """Return the probabilities (N, V) after contexts (N, C), and statistics (N,) of the contexts.

        Only the last `order` - 1 tokens of a context count, and only those from its last START on. START also pads a
        shorter context on the left. -1 stands for an unknown token.
        """
        return self.tree.distributions(contexts)


class Counted(NamedTuple):
    """Counts of a text, and the figures of each counted token in counts without it (`None` if not asked for).

    The first token of a part that begins inside a sequence has no context, so its log P is -inf.
    """

    counts: Counts
    left_out: Figures | None


def count(
    ids: NDArray[Any],
    starts: Integers,
    predictable: NDArray[np.bool_],
    settings: CountSettings,
    *,
    left_out_lines: bool | None = None,
    guesses: bool = False,
    on_progress: OnCounting = ignore,
) -> Counted:
    """Count the tokens `ids` (N,), whose sequences begin at the offsets `starts`; no id is START.

    left_out_lines: True leaves out each token by itself, False each of `settings.blocks` contiguous blocks of the text;
    None computes no figures. guesses: whether the figures have the likeliest tokens, by counts without blocks.
    """
    size, order = len(predictable), settings.order
    parts = counted_parts(len(ids), starts, settings.tokens)
    text = _text(ids, starts, parts, size, order)
    counter = (PlainCounter if library() is None else CompiledCounter)(text, order, predictable, on_progress)
    tallies = counter.tallies()
    cuts = choose_cuts(tallies, size, settings.limit)
    discount = [discounts(tally.numbers.tolist()) for tally in tallies]
    levels = counter.levels(cuts)
    root = next(levels)
    inside = None
    if left_out_lines is not None:  # before the tree takes memory
        inside = counter.left_out(cuts, discount, root, 0 if left_out_lines else settings.blocks)
        if guesses:
            inside = inside._replace(guesses=counter.guesses(cuts, discount, root, settings.blocks))
    counts = Counts(order, cuts, predictable, make_tree(root, levels, discount, predictable, settings.limit > 0))
    on_progress(1.0)
    return Counted(counts, inside)


def _text(ids: NDArray[Any], starts: Integers, parts: Sequence[Part], size: int, order: int) -> Text:
    """Return the text that is counted: all sequences, or parts of them."""
    within = [slice(*np.searchsorted(starts, part)) for part in parts]
    texts = [with_starts(ids[a:b], starts[i] - a, size, order) for i, (a, b) in zip(within, parts, strict=True)]
    return Text(*(np.concatenate(each) for each in zip(*texts, strict=True)))
