"""Count a text with the compiled library: sort its tokens by their contexts once, and read all orders from that."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charlm.counts.collect import MOST, Level, Tally
from charlm.counts.figures import GUESSES, Figures, Guesses, Statistics, logarithms
from charlm.counts.native.library import call, in_threads, pointer, structure
from charlm.counts.text import Integers, Text, block_ends
from charlm.counts.unigrams import Unigrams, without_blocks, without_tokens
from charlm.tokenizers import Tokenizer

_RANKS = structure("Ranks", "size vocabulary depths", "ids context predictable at shared follower reach")
_LEVEL = structure("Level", "", "tokens first counts totals sizes following adjusted")
_WITHOUT = structure(
    "Without",
    "blocks columns",
    "cuts discounts ends unigrams counts followers probabilities depth count follower",
)
_GUESSING = structure("Guessing", "blocks", "cuts discounts ends unigrams guesses chances")
_PARTS = 64  # that the ranks are read in: enough for all threads to end at about the same time
_SORTED, _TALLIED, _WRITTEN, _LEFT_OUT = 0.25, 0.35, 0.4, 0.6  # shares of the time at the end of each step


class CompiledCounter:
    """The counts of a text of up to `order` tokens, as `plain.PlainCounter` has them. Raises MemoryError."""

    def __init__(
        self, text: Text, order: int, predictable: NDArray[np.bool_], on_progress: Callable[[float], None]
    ) -> None:
        self.text, self.order, self.predictable = text, order, predictable
        self._on_progress = on_progress
        N, token = len(text.ids), text.ids.dtype
        self._arrays = {
            "ids": text.ids,
            "context": text.context,
            "predictable": predictable.view(np.uint8),
            "at": np.empty(N, dtype=np.uint32),
            "shared": np.empty(N, dtype=np.uint8),
            "follower": np.empty(N, dtype=token),
            "reach": np.empty(N, dtype=np.uint8),
        }
        addresses = {name: pointer(values) for name, values in self._arrays.items()}
        self._ranks = _RANKS(size=N, vocabulary=len(predictable), depths=order, **addresses)
        begins, room = np.empty((2, len(predictable) + 1), dtype=np.int64)
        self._ranks.size = call("by_last_token", text.ids.dtype, self._ranks, N, begins, room)
        self._parts = _grouped(begins)
        self._in_parts("sort", [() for _ in self._parts], 0.0, _SORTED)
        root, *parts = self._tally()
        self._tallied: list[Sequence[Tally]] = [root, *zip(*parts, strict=True)]  # by level and part

    def tallies(self) -> list[Tally]:
        """Return the tally of each level."""
        return [Tally(*(sum(each) for each in zip(*parts, strict=True))) for parts in self._tallied]

    def levels(self, cuts: Sequence[int]) -> Iterator[Level]:
        """Yield each level without the n-grams that occur less often than its cut."""
        first = np.zeros(1, dtype=np.uint32)  # the first rank of each node of the level above
        for k, (cut, tallied) in enumerate(zip(cuts, self._tallied, strict=True)):
            sizes = [(int(tally.nodes[cut:].sum()), int(tally.grams[cut:].sum())) for tally in tallied]
            n, m = np.sum(sizes, axis=0)
            token = self.text.ids.dtype
            nodes = _LevelArrays(token, int(n), int(m))
            ends = np.cumsum([(0, 0), *sizes], axis=0).tolist()
            parts = self._parts if k else [self._whole]
            tasks = [(*part, k, cut, nodes.since(*end)) for part, end in zip(parts, ends, strict=False)]
            in_threads(lambda *task: self._call("write", *task), tasks)
            yield nodes.level(first)
            first = nodes.first

    def left_out(self, cuts: Sequence[int], discounts: Sequence[Sequence[float]], root: Level, blocks: int) -> Figures:
        """Return the figures of each token but START without its block, or without itself if `blocks` is 0."""
        N = len(self.text.ids)
        arrays = self._smoothing(cuts, discounts, blocks) | {
            "probabilities": np.zeros(N, dtype=np.float32),
            **{name: np.zeros(N, dtype=np.uint8) for name in ("depth", "count", "follower")},
        }
        unigrams = self._unigrams(arrays["ends"], discounts[0], root)
        arrays |= unigrams._asdict()
        addresses = {name: pointer(values) for name, values in arrays.items()}
        without = _WITHOUT(blocks=blocks, columns=unigrams.unigrams.shape[1], **addresses)
        self._in_parts("leave_out", [(without,)] * len(self._parts), _WRITTEN, _LEFT_OUT)
        tokens = self.text.ids != Tokenizer.START
        names = ("probabilities", "depth", "count", "follower")
        probabilities, *statistics = (arrays.pop(name)[tokens] for name in names)  # one after the other, to save memory
        return Figures(logarithms(probabilities), Statistics(*statistics))

    def guesses(self, cuts: Sequence[int], discounts: Sequence[Sequence[float]], root: Level, blocks: int) -> Guesses:
        """Return the guesses (N, GUESSES) at each token but START without its block, with rounded chances."""
        N = len(self.text.ids)
        arrays = self._smoothing(cuts, discounts, blocks) | {
            "guesses": np.zeros((N, GUESSES), dtype=self.text.ids.dtype),
            "chances": np.zeros((N, GUESSES), dtype=np.uint8),
        }
        arrays["unigrams"] = self._unigrams(arrays["ends"], discounts[0], root).unigrams
        guessing = _GUESSING(blocks=blocks, **{name: pointer(values) for name, values in arrays.items()})
        self._in_parts("guess", [(guessing,)] * len(self._parts), _LEFT_OUT, 1.0)
        tokens = self.text.ids != Tokenizer.START
        flat = np.repeat(tokens, GUESSES)  # numpy selects single numbers in less memory than rows
        return Guesses(*(arrays.pop(name).ravel()[flat].reshape(-1, GUESSES) for name in ("guesses", "chances")))

    def _smoothing(
        self, cuts: Sequence[int], discounts: Sequence[Sequence[float]], blocks: int
    ) -> dict[str, NDArray[Any]]:
        """Return what probabilities without a block depend on, as arrays for the loops."""
        return {
            "cuts": np.array(cuts, dtype=np.uint32),
            "discounts": np.array([(0.0, *each) for each in discounts]),
            "ends": block_ends(self.text, blocks),
        }

    def _unigrams(self, ends: Integers, discount: Sequence[float], root: Level) -> Unigrams:
        """Return the unigrams without each block, or without the token itself."""
        adjusted = np.zeros(len(self.predictable), dtype=np.int64)
        adjusted[root.following] = root.adjusted
        if not len(ends):
            return without_tokens(adjusted, discount, self.predictable, int(self._ranks.size))
        removed = np.zeros((len(self.predictable), len(ends)), dtype=np.int64)
        ranks_in = np.zeros(len(ends), dtype=np.int64)
        without = _WITHOUT(blocks=len(ends), ends=pointer(ends))
        self._call("unigrams_without", *self._whole, without, removed, ranks_in)
        return without_blocks(adjusted, removed, discount, self.predictable, int(self._ranks.size) - ranks_in)

    def _tally(self) -> list[list[Tally]]:
        """Return the tally of the root, and of the other levels for each part."""
        root = [_tables(1)]
        self._call("tally", *self._whole, 0, 1, *root[0])
        others = [_tables(self.order - 1) for _ in self._parts] if self.order > 1 else []
        if others:
            self._in_parts("tally", [(1, self.order, *tables) for tables in others], _SORTED, _TALLIED)
        return [[Tally(*each) for each in zip(*tables, strict=True)] for tables in root + others]

    @property
    def _whole(self) -> tuple[int, int]:
        return 0, int(self._ranks.size)

    def _call(self, function: str, *arguments: Any) -> None:
        if not call(function, self.text.ids.dtype, self._ranks, *arguments):
            raise MemoryError("there is not enough memory to count")

    def _in_parts(self, function: str, arguments: Sequence[tuple[Any, ...]], begin: float, end: float) -> None:
        """Call a function for each part of the ranks with its arguments, the largest part first."""
        order = sorted(range(len(self._parts)), key=lambda index: self._parts[index][0] - self._parts[index][1])
        done = 0

        def on_done(index: int) -> None:
            nonlocal done
            first, last = self._parts[order[index]]
            done += last - first
            self._on_progress(begin + (end - begin) * done / max(1, int(self._ranks.size)))

        tasks = [(self._parts[index], arguments[index]) for index in order]
        in_threads(lambda part, extra: self._call(function, *part, *extra), tasks, on_done)


class _LevelArrays:
    """The arrays of a level of n nodes and m followers, which each part writes from where the part before it ends."""

    def __init__(self, token: np.dtype[Any], n: int, m: int) -> None:
        self.first, self._counts, self._sizes = (np.empty(n, dtype=np.uint32) for _ in range(3))
        self._tokens, self._totals = np.empty(n, dtype=token), np.empty(n, dtype=np.int64)
        self._following, self._adjusted = np.empty(m, dtype=token), np.empty(m, dtype=np.uint32)

    def since(self, node: int, gram: int) -> Any:
        """Return the structure of the nodes from one on, and of the followers from one on."""
        nodes = (self._tokens, self.first, self._counts, self._totals, self._sizes)
        grams = (self._following, self._adjusted)
        return _LEVEL(*(pointer(each[node:]) for each in nodes), *(pointer(each[gram:]) for each in grams))

    def level(self, first_above: NDArray[np.uint32]) -> Level:
        """Return the level below the nodes with these first ranks."""
        parents = np.searchsorted(first_above, self.first, side="right") - 1
        starts = np.concatenate([[0], np.cumsum(self._sizes, dtype=np.int64)])
        return Level(self._tokens, parents, self._counts, self._totals, starts, self._following, self._adjusted)


def _tables(levels: int) -> tuple[Integers, Integers, Integers]:
    numbers, grams, nodes = (np.zeros((levels, width), dtype=np.int64) for width in (4, MOST + 1, MOST + 1))
    return numbers, grams, nodes


def _grouped(begins: Integers) -> list[tuple[int, int]]:
    """Return parts of the ranks, each of whole last tokens, from where the ranks of each last token begin (V + 1,)."""
    size = int(begins[-1])
    targets = np.arange(1, _PARTS) * size // _PARTS
    borders = np.unique([0, *begins[np.searchsorted(begins, targets)].tolist(), size]).tolist()
    return list(pairwise(borders)) or [(0, 0)]
