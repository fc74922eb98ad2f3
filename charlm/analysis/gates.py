"""Saturation of gates while a network reads a text (Karpathy et al. 2015, arXiv:1506.02078).

A gate is left-saturated below 0.1, where it lets almost nothing through, and right-saturated above 0.9, where it lets
almost everything through.
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
    """One gate of one layer; layers count from 1."""

    layer: int
    gate: str  # as in the cell's equation
    left: list[float]  # for each unit, the share of tokens with a value below 0.1
    right: list[float]  # for each unit, the share of tokens with a value above 0.9
    histogram: list[float]  # shares of all values in 20 equal bins from 0 to 1


@torch.inference_mode()
def saturations(network: Network, rows: Sequence[Ids]) -> list[Saturation]:
    """Measure the gates, lowest layer first, in the order of the equation; empty for a cell without gates."""
    values: dict[tuple[int, str], list[torch.Tensor]] = {}
    for row in rows:
        for layer, gates in enumerate(_gate_values(network, row), start=1):
            for name, each in gates.items():
                values.setdefault((layer, name), []).append(each)
    measured = []
    for (layer, name), parts in values.items():
        opened = torch.cat(parts).cpu().numpy()  # (n, H)
        counts, _ = np.histogram(opened, bins=_BINS, range=(0, 1))
        left, right = ((side.mean(axis=0)).tolist() for side in (opened < LEFT, opened > RIGHT))
        measured.append(Saturation(layer, name, left, right, (counts / counts.sum()).tolist()))
    return measured


def _gate_values(network: Network, row: Ids) -> Iterator[dict[str, torch.Tensor]]:
    """Yield the gates (T, H) of each layer at the tokens of a row.

    The forward pass does not return them, and the compiled loops never store them. They depend on the input and on the
    output one step earlier, which are both known after the pass. So each layer computes them again, for all steps at
    once.
    """
    ids = network.column(row)
    below = None
    for cell, layer in zip(cast("list[Cell]", list(network.cells)), network.layers(ids), strict=True):
        projected = cell.dense(network.embedding.project(ids, cell)) if below is None else cell.project(below)
        before = torch.cat((torch.zeros_like(layer.cell_outputs[:1]), layer.cell_outputs[:-1]))
        yield {name: gate[:, 0] for name, gate in cell.gate_activations(projected, before).items()}
        below = layer.outputs
