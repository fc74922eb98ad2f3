"""How far the gates of a network are open while it reads a text (Karpathy 2015, arXiv:1506.02078).

A gate is saturated on the left below 0.1, and on the right above 0.9: there it lets nothing through, or all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch

from charlm.nn.cells import Cell
from charlm.nn.network import Network
from charlm.tokenizers import Ids

LEFT, RIGHT = 0.1, 0.9
_BINS = 20


@dataclass(frozen=True)
class Saturation:
    """One kind of gate in one layer, which counts from 1: over the symbols and the units."""

    layer: int
    gate: str  # as in the cell's equation
    left: list[float]  # of each unit the share of symbols with a gate below 0.1
    right: list[float]  # above 0.9
    histogram: list[float]  # share of all values in 20 equal bins from 0 to 1


@torch.inference_mode()
def saturations(network: Network, rows: Sequence[Ids]) -> list[Saturation]:
    """Each layer from the lowest, each gate in the order of the equation; empty for a cell without gates."""
    values: dict[tuple[int, str], list[torch.Tensor]] = {}
    for row in rows:
        for layer, gates in enumerate(_opened(network, row), start=1):
            for name, each in gates.items():
                values.setdefault((layer, name), []).append(each)
    found = []
    for (layer, name), parts in values.items():
        opened = torch.cat(parts).cpu().numpy()  # (n, H)
        counts, _ = np.histogram(opened, bins=_BINS, range=(0, 1))
        left, right = ((side.mean(axis=0)).tolist() for side in (opened < LEFT, opened > RIGHT))
        found.append(Saturation(layer, name, left, right, (counts / counts.sum()).tolist()))
    return found


def _opened(network: Network, row: Ids) -> Iterator[dict[str, torch.Tensor]]:
    """Of each layer the gates (T, H) at the symbols of a row."""
    ids = network.column(row)
    below = None
    for cell, layer in zip(cast("list[Cell]", list(network.cells)), network.layers(ids), strict=True):
        projected = cell.dense(network.embedding.project(ids, cell)) if below is None else cell.project(below)
        before = torch.cat((torch.zeros_like(layer.cell_outputs[:1]), layer.cell_outputs[:-1]))
        yield {name: gate[:, 0] for name, gate in cell.gate_activations(projected, before).items()}
        below = layer.outputs
