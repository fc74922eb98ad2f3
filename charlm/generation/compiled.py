"""Drawing of many tokens in one call into C, which runs the network's step, the samplers and the draw.

The weights are packed once. The state is in buffers that the loops read and write in place.

The readout has more rows than the vocabulary: those of groups, and some to fill whole blocks. The draw ignores them.
"""

import ctypes
from collections.abc import Sequence
from itertools import accumulate
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import pad

from charlm.counts import GUESSES
from charlm.generation.samplers import Sampler
from charlm.nn.cells import Cell, RecurrentCell
from charlm.nn.mixed import MixedNetwork, cell_parts
from charlm.nn.native.library import BLOCK, Guide, Layer, Mixture, Stack, cell_number, draw, filters, library, pack
from charlm.nn.native.threads import computing
from charlm.nn.network import Network, NetworkState, join, select

_LARGEST_TABLE = 2**24  # numbers
ENDED_SHARE = 0.25  # drawing pauses when more than this share of the rows have drawn the end, to drop these rows


def fits(network: Network, samplers: Sequence[Sampler]) -> bool:
    """Return whether the compiled loops support this network and these samplers."""
    lowest = cast(Cell, network.cells[0])
    counts = not isinstance(network, MixedNetwork) or network.counts.tree.compiled is not None
    return (
        library() is not None
        and network.device.type == "cpu"
        and lowest.weight_ih.dtype == torch.float32
        and all(cast(Cell, cell).loop for cell in network.cells)
        and not (network.residual or network.dense)
        and counts
        and network.readout.as_linear(network.allowed_tokens) is not None
        and network.allowed_tokens.numel() * lowest.bias_ih.numel() <= _LARGEST_TABLE
        and all(sampler.compiled for sampler in samplers)
    )


class CompiledDraws:
    """Draws in C, with the results of `drawing.TorchDraws`; `fits` says for which networks and samplers."""

    @computing()
    def __init__(
        self, network: Network, samplers: Sequence[Sampler], logits: Tensor, state: NetworkState, end: int
    ) -> None:
        cells = [cast(Cell, cell) for cell in network.cells]
        self._table = network.embedding.projected_table(cells[0]).contiguous()  # (V, G)
        self._packed = [None if i == 0 else pack(c.weight_ih, c.gates) for i, c in enumerate(cells)]
        recurrent = [cell if isinstance(cell, RecurrentCell) else None for cell in cells]
        self._packed_hh = [c and pack(c.weight_hh, c.gates) for c in recurrent]
        self._bias_hh = [c and c.bias_hh for c in recurrent]
        readout = network.readout.as_linear(network.allowed_tokens)
        assert readout is not None
        weight, bias, groups = readout
        V, H = network.choices, weight.shape[1]
        self._ends = torch.tensor([0, *accumulate(map(len, groups))])
        self._members = torch.cat((*groups, self._ends[:0]))
        self._samplers: list[Sequence[Sampler]] = [samplers] * len(logits)  # of each row
        padding = -len(bias) % BLOCK
        self._readout = pack(pad(weight, (0, 0, 0, padding)), 1)
        self._bias = pad(bias, (0, padding))
        guidance = network.guidance if isinstance(network, MixedNetwork) else None
        self._guesses = guidance.table().contiguous() if guidance else None  # what each guess does to an output
        self._network = network
        self._cells, self._V, self._H, self._end = cells, V, H, end
        self._next, self._stack = logits, Stack()
        self._start(logits, state)

    def __call__(self, chances: Tensor) -> tuple[Tensor, Tensor]:
        steps, B = chances.shape
        logits = self._next.new_empty(steps + 1, *self._next.shape)
        logits[0] = self._next
        drawn = torch.empty(steps, B, dtype=torch.long)
        done = ctypes.c_int64()
        self._stack.steps, self._stack.done = steps, ctypes.addressof(done)
        self._stack.logits, self._stack.drawn, self._stack.chance = map(_address, (logits, drawn, chances))
        draw(self._stack)
        self._next = logits[done.value]
        return drawn[: done.value], logits[: done.value, :, : self._V]

    def keep(self, rows: Tensor) -> None:
        self._samplers = [self._samplers[row] for row in rows.tolist()]
        self._start(self._next[rows, : self._V], select(self._state(), rows))

    def join(self, logits: Tensor, state: NetworkState, samplers: Sequence[Sequence[Sampler]]) -> None:
        self._samplers += samplers
        self._start(torch.cat((self._next[:, : self._V], logits)), join((self._state(), state)))

    def _state(self) -> NetworkState:
        states = zip(self._states, self._memories, strict=True)
        layers = tuple(tuple(part[0] for part in layer if part is not None) for layer in states)
        return (*layers, (self._mixed_in.contexts,)) if self._mixed_in else layers

    def _start(self, logits: Tensor, state: NetworkState) -> None:
        """Make buffers for a batch of this size, and collect the addresses of all arrays."""
        B = len(logits)
        cell, loop = self._cells[0], self._cells[0].loop
        assert loop
        self._next = pad(logits, (0, len(self._bias) - self._V))
        layers = state[: len(self._cells)]
        self._states = [layer[0].expand(2, -1, -1).contiguous() for layer in layers]
        self._memories = [layer[1].expand(2, -1, -1).contiguous() if len(layer) > 1 else None for layer in layers]
        self._mixed_in = None
        if isinstance(self._network, MixedNetwork):
            self._mixed_in = _MixedIn(self._network, state[-1][0], self._states[-1][1], self._guesses)
        self._ids = torch.zeros(B, dtype=torch.long)
        self._projected = torch.empty(B, cell.gates * self._H)
        self._gated = torch.empty(B, self._H)
        self._work = torch.empty(B, len(self._bias), dtype=torch.double)
        self._order = torch.empty(B, len(self._bias), dtype=torch.long)
        compiled = [[each.compiled for each in samplers if each.compiled] for samplers in self._samplers]
        self._filters = filters([each for row in compiled for each in row])
        self._filter_ends = torch.tensor([0, *accumulate(map(len, compiled))])
        self._layers = (Layer * len(self._cells))(
            *(
                Layer(
                    packed_ih=_address(packed),
                    bias_ih=_address(cell.bias_ih),
                    packed_hh=_address(packed_hh),
                    bias_hh=_address(bias_hh),
                    state=_address(part),
                    memory=_address(memory),
                )
                for cell, packed, packed_hh, bias_hh, part, memory in zip(
                    self._cells, self._packed, self._packed_hh, self._bias_hh, self._states, self._memories, strict=True
                )
            )
        )
        self._stack = Stack(
            B=B,
            H=self._H,
            V=len(self._bias),
            layers=len(self._cells),
            cell=cell_number(loop.name),
            gates=cell.gates,
            activation=loop.activation,
            ids=_address(self._ids),
            table=_address(self._table),
            packed_readout=_address(self._readout),
            bias_readout=_address(self._bias),
            projected=_address(self._projected),
            gated=_address(self._gated),
            layer=ctypes.cast(self._layers, ctypes.c_void_p),
            symbols=self._V,
            groups=len(self._ends) - 1,
            ends=_address(self._ends),
            members=_address(self._members),
            enough=int(ENDED_SHARE * B),
            end=self._end,
            filter_ends=_address(self._filter_ends),
            filter=ctypes.cast(self._filters, ctypes.c_void_p),
            work=_address(self._work),
            order=_address(self._order),
            mixture=self._mixed_in and self._mixed_in.address,
        )


class _MixedIn:
    """The counts of a network as the loops read them, and the context of each row (B, C), which they move on.

    outputs: where the loops write those of the last layer, (B, H). guesses: what each does to an output, (V, 2 H).
    """

    def __init__(self, network: MixedNetwork, contexts: Tensor, outputs: Tensor, guesses: Tensor | None) -> None:
        tree = network.counts.tree.compiled
        assert tree
        self.contexts = contexts.clone(memory_format=torch.contiguous_format)
        rows = len(contexts)
        self._counted = torch.empty(rows, network.choices)
        self._statistics = torch.empty(rows, 3, dtype=torch.uint8)
        self._guide = None if guesses is None else self._guided(outputs, guesses)
        self._kept = network, torch.from_numpy(cell_parts(network.order))
        self._mixture = Mixture(
            distributions=tree.distributions_address,
            tree=tree.address,
            size=contexts.shape[1],
            contexts=_address(self.contexts),
            cell_parts=_address(self._kept[1]),
            gate_table=_address(network.gate_table),
            gate_vector=_address(network.gate_vector),
            counted=_address(self._counted),
            statistics=_address(self._statistics),
            guide=self._guide and ctypes.addressof(self._guide),
        )
        self.address = ctypes.addressof(self._mixture)

    def _guided(self, outputs: Tensor, table: Tensor) -> Guide:
        """Return the guide of outputs (B, H), with room for the guesses."""
        rows = (len(outputs), GUESSES)
        self._guessed = torch.empty(rows, dtype=torch.long), torch.empty(rows), torch.empty(outputs.shape)
        names = ("tokens", "chances", "guided", "outputs", "table")
        addresses = map(_address, (*self._guessed, outputs, table))
        N, H = outputs.shape
        return Guide(N=N, H=H, stride=H, **dict(zip(names, addresses, strict=True)))


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
