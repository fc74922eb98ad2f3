"""One step of a whole network as one call into C: what sampling does for every symbol.

The weights are packed once; the state lives in buffers the loops read and write in place.
"""

import ctypes
from typing import cast

import torch
from torch import Tensor

from charlm.cells import Cell
from charlm.native.library import BLOCK, Layer, Stack, library, pack, run_stack
from charlm.network import Network, NetworkState, select

_LARGEST_TABLE = 2**24  # numbers


class TorchSteps:
    """Steps in plain torch, for any network on any device."""

    def __init__(self, network: Network, state: NetworkState) -> None:
        self._network, self._state = network, state

    def __call__(self, symbols: Tensor) -> Tensor:
        """Read a symbol a row, (B,) → logits (B, V) for the one after it."""
        logits: Tensor
        logits, self._state = self._network(symbols[None], self._state)
        return logits[0]

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the rows."""
        self._state = select(self._state, rows)


class CompiledSteps:
    """The same in C, for float32 on a CPU."""

    def __init__(self, network: Network, state: NetworkState) -> None:
        self._network = network
        cells = [cast(Cell, cell) for cell in network.cells]
        self._table = network.embedding.table(cells[0]).contiguous()  # (V, G)
        self._packed = [None if i == 0 else pack(c.weight_ih, c.gates) for i, c in enumerate(cells)]
        self._packed_hh = [pack(cell.weight_hh, cell.gates) for cell in cells]
        V, H = network.readout.weight.shape
        padding = -V % BLOCK
        self._readout = pack(torch.nn.functional.pad(network.readout.weight, (0, 0, 0, padding)), 1)
        self._bias = torch.nn.functional.pad(network.readout_bias(), (0, padding))
        self._cells, self._V, self._H = cells, V, H
        self._start(state)

    def __call__(self, symbols: Tensor) -> Tensor:
        self._ids.copy_(symbols)
        run_stack(self._stack)
        return self._logits[:, : self._V]

    def keep(self, rows: Tensor) -> None:
        states = zip(self._states, self._memories, strict=True)
        parts = (tuple(part[0] for part in layer if part is not None) for layer in states)
        self._start(select(tuple(parts), rows))

    def _start(self, state: NetworkState) -> None:
        """Buffers for a batch of another size, and the addresses of everything."""
        B = state[0][0].shape[0]
        cell = self._cells[0]
        self._states = [layer[0].expand(2, -1, -1).contiguous() for layer in state]
        self._memories = [layer[1].expand(2, -1, -1).contiguous() if len(layer) > 1 else None for layer in state]
        self._ids = torch.zeros(B, dtype=torch.long)
        self._projected = torch.empty(B, cell.gates * self._H)
        self._logits = torch.empty(B, len(self._bias))
        self._layers = (Layer * len(self._cells))(
            *(
                Layer(
                    packed_ih=_address(packed),
                    bias_ih=_address(cell.bias_ih),
                    packed_hh=_address(packed_hh),
                    bias_hh=_address(cell.bias_hh),
                    state=_address(part),
                    memory=_address(memory),
                )
                for cell, packed, packed_hh, part, memory in zip(
                    self._cells, self._packed, self._packed_hh, self._states, self._memories, strict=True
                )
            )
        )
        self._stack = Stack(
            B=B,
            H=self._H,
            V=len(self._bias),
            layers=len(self._cells),
            gates=cell.gates,
            activation=cell.loop.activation if cell.loop else 0,
            ids=_address(self._ids),
            table=_address(self._table),
            packed_readout=_address(self._readout),
            bias_readout=_address(self._bias),
            projected=_address(self._projected),
            logits=_address(self._logits),
            layer=ctypes.cast(self._layers, ctypes.c_void_p),
        )


def steps(network: Network, state: NetworkState) -> TorchSteps | CompiledSteps:
    """The fastest way to step a network on from a state."""
    weight = network.readout.weight
    fits = (
        library() is not None
        and weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and weight.shape[1] % BLOCK == 0
        and all(cast(Cell, cell).loop for cell in network.cells)
        and weight.shape[0] * cast(Cell, network.cells[0]).weight_hh.shape[0] <= _LARGEST_TABLE
    )
    return CompiledSteps(network, state) if fits else TorchSteps(network, state)


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
