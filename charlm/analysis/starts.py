"""Ways to draw the weights of a fresh network, for the question what each does to the gradient on its way back.

The recurrent matrix W_h: uniform, ±1/√H (as torch has it); orthogonal, so that a step keeps the norm (Saxe 2013,
arXiv:1312.6120; the cells' own); and large, orthogonal times four. The bias of the gate that keeps the state: 0, 1
(Jozefowicz 2015), and 5, where it is 0.993 open. A cell without such a gate, or without W_h, has only the others.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import nn

from charlm.config import ModelConfig
from charlm.nn.cells import Cell, RecurrentCell
from charlm.nn.network import Network
from charlm.registry import find

_BIASES = (0.0, 1.0, 5.0)
_LARGE = 4.0  # times orthogonal


class Start(NamedTuple):
    """W_h before it is scaled, by how much it is, and the bias; None for what a cell does not have."""

    matrix: str | None
    scale: float = 1.0
    bias: float | None = None

    @property
    def name(self) -> str:
        """uniform; orthogonal × 4; orthogonal, forget bias 5."""
        matrix = self.matrix and (self.matrix if self.scale == 1 else f"{self.matrix} × {self.scale:g}")
        bias = None if self.bias is None else f"forget bias {self.bias:g}"
        return ", ".join(filter(None, (matrix, bias)))


def starts(cell: str) -> Iterator[Start]:
    """Those that a cell can have. Raises UnknownNameError."""
    kind = find(Cell, cell)
    biases = _BIASES if kind.forget_gate else (None,)
    if not issubclass(kind, RecurrentCell):
        yield from (Start(None, bias=bias) for bias in biases)
        return
    for matrix in ("uniform", "orthogonal"):
        yield from (Start(matrix, bias=bias) for bias in biases)
    yield Start("orthogonal", _LARGE, biases[0])


def fresh(config: ModelConfig, vocabulary_size: int, start: Start, seed: int) -> Network:
    """An untrained network with such a start, the same for the same seed; `config` must be resolved."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(config, vocabulary_size)
        for cell in network.modules():
            if isinstance(cell, Cell):
                _draw(cell, start)
    return network


@torch.no_grad()
def _draw(cell: Cell, start: Start) -> None:
    if isinstance(cell, RecurrentCell):
        for gate in cell.weight_hh.chunk(cell.gates):
            if start.matrix == "uniform":
                nn.init.uniform_(gate, -(cell.hidden_size**-0.5), cell.hidden_size**-0.5)
            else:
                nn.init.orthogonal_(gate, gain=start.scale)
    if cell.forget_gate and start.bias is not None:
        block, sign = cell.forget_gate
        nn.init.constant_(cell.bias_ih.chunk(cell.gates)[block], sign * start.bias)
