"""Read held-out rows by a mixture whose gate is fitted to them."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from charlm.nn.gate_fit import GateFit, fit_gate
from charlm.nn.mixed import (
    ALONE,
    COUNTS,
    DEPTH,
    GATE_BY_CONTEXT,
    GATE_BY_OUTPUT,
    NETWORK,
    MixedNetwork,
    mixture_by_gate,
)
from charlm.nn.network import Network
from charlm.nn.probability import columns
from charlm.tasks import MapRows
from charlm.tokenizers import Ids

_NAMES = (NETWORK, COUNTS, DEPTH, GATE_BY_CONTEXT, GATE_BY_OUTPUT, ALONE)
_POSITIONS = 2**15  # of a text that the gate is fitted to; more change it little
_LINES, _LINE = 256, 40  # lines that are read alone, at most, and tokens of each
_SHARE = 1 / 3  # of their tokens in those of the text, at most


def read_columns(
    network: Network, names: Sequence[str], map_rows: MapRows, rows: Sequence[Ids]
) -> list[NDArray[np.float64]]:
    """Return `columns` of rows that several processes may share: (n,) → (n - 1, names)."""

    def read(some: Sequence[Ids]) -> list[NDArray[np.float64]]:
        return [each.ravel() for each in columns(network, some, names)]

    flat = map_rows(rows, read, [len(names) * max(0, len(row) - 1) for row in rows])
    return [each.reshape(-1, len(names)) for each in flat]


class FittedReader:
    """Reads rows by a mixture. Fits its gate to the rows of the first call, which are all of a running text.

    A model of running text also reads single lines. Where a text begins, the network has read little, and the counts
    deserve a larger share than elsewhere. So the gate is also fitted to some lines that are read alone.

    line_ends: (V,), the tokens after which a line begins. start: the token to read before a line; None to read none
    alone, because each row is a line.
    fit: of the gate; no change before the first call.
    """

    def __init__(
        self, network: MixedNetwork, map_rows: MapRows, line_ends: NDArray[np.bool_], start: int | None
    ) -> None:
        self.fit = GateFit()
        self._network = network
        self._map_rows = map_rows
        self._line_ends = line_ends
        self._start = start
        self._is_fitted = False

    def __call__(self, rows: Sequence[Ids]) -> list[NDArray[np.float64]]:
        """Return log P of the targets by the fitted mixture, and by its scored parts: (n,) → (n - 1, 3)."""
        read = read_columns(self._network, _NAMES, self._map_rows, rows)
        if not self._is_fitted:
            begins = np.cumsum([0, *map(len, read)])
            stride = _stride(int(begins[-1]), _POSITIONS)
            text = [each[-begin % stride :: stride] for begin, each in zip(begins.tolist(), read, strict=False)]
            alone = read_columns(self._network, _NAMES, self._map_rows, self._lines(rows))
            known = np.concatenate((*text, *alone))
            self.fit = fit_gate(*known[:, : len(_NAMES) - 1].T)
            self._is_fitted = True
        return [self._mixed(each) for each in read]

    def _lines(self, rows: Sequence[Ids]) -> list[Ids]:
        """Return the first tokens of some lines, each after the start token."""
        if self._start is None:
            return []
        lines = []
        for row in rows:
            ends = self._line_ends[row]
            begins = np.flatnonzero(ends[:-1] & ~ends[1:]) + 1
            lines += [row[first : first + _LINE] for first in begins[begins + _LINE <= len(row)].tolist()]
        most = min(_LINES, int(_SHARE * sum(map(len, rows)) / _LINE))
        some = lines[:: _stride(len(lines), most)] if most else []
        return [np.append(self._start, line).astype(line.dtype) for line in some]

    def _mixed(self, read: NDArray[np.float64]) -> NDArray[np.float64]:
        network, counts, depths, by_context, by_output, alone = read.T
        parts = (network, counts, self.fit.logit(depths, by_context, by_output))
        whole = mixture_by_gate(*map(torch.from_numpy, parts)).numpy()
        return np.stack((whole, alone, counts), axis=1)


def _stride(count: int, most: int) -> int:
    """Return the smallest n of which each n-th of `count` values gives at most `most`."""
    return max(1, -(-count // most))
