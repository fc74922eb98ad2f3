"""Initializations of a network, to compare what each does to the gradient on its way back.

The recurrent matrix W_h is uniform in ±1/√H (the default of torch), orthogonal, which keeps the norm in a step
(Saxe et al. 2013, arXiv:1312.6120; the default of charlm), or large: orthogonal times four. The bias of the forget gate
is 0, 1 (Jozefowicz et al. 2015), or 5, at which the gate is 0.993 open. A cell without a forget gate, or without W_h,
has only the others.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import nn

from charlm.config import ModelConfig
from charlm.nn.cells import Cell, RecurrentCell
from charlm.nn.network import Network
from charlm.nn.random_numbers import Seeded
from charlm.registry import find

_BIASES = (0.0, 1.0, 5.0)
_LARGE = 4.0  # factor of the large orthogonal matrix


class Initialization(NamedTuple):
    """The distribution of W_h, its factor, and the bias of the forget gate; None for what a cell does not have."""

    matrix: str | None
    scale: float = 1.0
    bias: float | None = None

    @property
    def name(self) -> str:
        """Such as uniform; orthogonal × 4; orthogonal, forget bias 5."""
        matrix = self.matrix and (self.matrix if self.scale == 1 else f"{self.matrix} × {self.scale:g}")
        bias = None if self.bias is None else f"forget bias {self.bias:g}"
        return ", ".join(filter(None, (matrix, bias)))


def initializations(cell: str) -> Iterator[Initialization]:
    """Yield the initializations that a cell can have. Raises UnknownNameError."""
    kind = find(Cell, cell)
    biases = _BIASES if kind.forget_gate else (None,)
    if not issubclass(kind, RecurrentCell):
        yield from (Initialization(None, bias=bias) for bias in biases)
        return
    for matrix in ("uniform", "orthogonal"):
        yield from (Initialization(matrix, bias=bias) for bias in biases)
    yield Initialization("orthogonal", _LARGE, biases[0])


def fresh_network(config: ModelConfig, vocabulary_size: int, initialization: Initialization, seed: int) -> Network:
    """Return an untrained network with this initialization; `config` must be resolved."""
    with Seeded(seed):
        network = Network(config, vocabulary_size)
        for cell in network.modules():
            if isinstance(cell, Cell):
                _initialize(cell, initialization)
    return network


@torch.no_grad()
def _initialize(cell: Cell, initialization: Initialization) -> None:
    if isinstance(cell, RecurrentCell):
        for gate in cell.weight_hh.chunk(cell.gates):
            if initialization.matrix == "uniform":
                nn.init.uniform_(gate, -(cell.hidden_size**-0.5), cell.hidden_size**-0.5)
            else:
                nn.init.orthogonal_(gate, gain=initialization.scale)
    if cell.forget_gate and initialization.bias is not None:
        block, sign = cell.forget_gate
        nn.init.constant_(cell.bias_ih.chunk(cell.gates)[block], sign * initialization.bias)
