"""Read held-out rows by a mixture whose gate is fitted to them."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from charlm.nn.gate_fit import GateFit, fit_gate
from charlm.nn.mixed import ALONE, COUNTS, GATE_BY_CONTEXT, GATE_BY_OUTPUT, NETWORK, MixedNetwork, mixture_by_gate
from charlm.nn.network import Network
from charlm.nn.probability import columns
from charlm.tasks import MapRows
from charlm.tokenizers import Ids

_NAMES = (NETWORK, COUNTS, GATE_BY_CONTEXT, GATE_BY_OUTPUT, ALONE)


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

    fit: of the gate; no change before the first call.
    """

    def __init__(self, network: MixedNetwork, map_rows: MapRows) -> None:
        self.fit = GateFit()
        self._network = network
        self._map_rows = map_rows
        self._is_fitted = False

    def __call__(self, rows: Sequence[Ids]) -> list[NDArray[np.float64]]:
        """Return log P of the targets by the fitted mixture, and by its scored parts: (n,) → (n - 1, 3)."""
        read = read_columns(self._network, _NAMES, self._map_rows, rows)
        if not self._is_fitted:
            self.fit = fit_gate(*np.concatenate([each[:, : len(_NAMES) - 1] for each in read]).T)
            self._is_fitted = True
        return [self._mixed(each) for each in read]

    def _mixed(self, read: NDArray[np.float64]) -> NDArray[np.float64]:
        network, counts, by_context, by_output, alone = read.T
        parts = (network, counts, self.fit.logit(by_context, by_output))
        whole = mixture_by_gate(*map(torch.from_numpy, parts)).numpy()
        return np.stack((whole, alone, counts), axis=1)
