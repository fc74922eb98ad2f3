"""embedding → cells, one on top of the other → dense layers → readout.

Letters: T time, B batch, V vocabulary, E embedding, H hidden, L layers. Tensors are time-major: (T, B, ·).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from charlm.config import ModelConfig
from charlm.nn.cells import Cell, Place, State
from charlm.nn.embeddings import Embedding
from charlm.nn.readouts import Readout, choose
from charlm.registry import find
from charlm.tokenizers import Ids

NetworkState = tuple[State, ...]  # one state a layer


class Layer(NamedTuple):
    """What a layer made of what it read."""

    outputs: Tensor  # (T, B, H), handed on
    found: Tensor  # (T, B, H), the cell's own; with a residual connection what was read is added to it
    state: State  # the cell's, after the last symbol


class Network(nn.Module):
    """Next-symbol logits. `config` must be resolved: every size a number."""

    predictable: Tensor

    def __init__(self, config: ModelConfig, vocabulary_size: int) -> None:
        super().__init__()
        assert config.embedding_size and config.hidden_size and config.layers and config.dropout is not None
        cell = find(Cell, config.cell)
        self.embedding = find(Embedding, config.embedding)(vocabulary_size, config.embedding_size)
        widths = [self.embedding.size] + [config.hidden_size] * (config.layers - 1)
        self.residual = config.residual
        below = [Place(residual=config.residual and layer > 0) for layer in range(config.layers)]
        places = [*below[:-1], below[-1]._replace(vocabulary=vocabulary_size, logits=self.logits)]
        self.cells = nn.ModuleList(
            cell(width, config.hidden_size, config.activation, place)
            for width, place in zip(widths, places, strict=True)
        )
        self.dense = nn.ModuleList(
            nn.Linear(config.hidden_size, config.hidden_size) for _ in range(config.readout_layers - 1)
        )
        readout = find(Readout, choose(config.readout, vocabulary_size, tied=config.tie_weights))
        shared = self.embedding.share() if config.tie_weights else None
        self.readout = readout(config.hidden_size, vocabulary_size, shared)
        self.dropout = config.dropout
        self.operands = torch.float32  # of the recurrent products while training
        # A symbol that cannot come has probability 0: its logit is minus infinity.
        self.register_buffer("predictable", torch.ones(vocabulary_size, dtype=torch.bool))

    def expect(self, predictable: Tensor, counts: Tensor) -> None:
        """Told once, before any training: which symbols (V,) may come at all, and how often each is a target."""
        self.predictable.copy_(predictable)
        self.readout.arrange(counts)

    def forward(
        self, ids: Tensor, state: NetworkState | None = None, resets: Tensor | None = None
    ) -> tuple[Tensor, NetworkState]:
        """Symbol numbers (T, B) → logits (T, B, V) for the symbol after each, and the state after the last.

        The arguments are those of `outputs`.
        """
        outputs, state = self.outputs(ids, state, resets)
        return self.logits(outputs), state

    def outputs(
        self, ids: Tensor, state: NetworkState | None = None, resets: Tensor | None = None
    ) -> tuple[Tensor, NetworkState]:
        """Symbol numbers (T, B) → what the last cells put out after each (T, B, H), and the state after the last.

        state: where the last call stopped; None is the start of a sequence. resets (T, B): True where a sequence
        starts, so that the state is zeroed before that symbol is read.
        """
        final: list[State] = []
        for layer in self.layers(ids, state, resets):
            final.append(layer.state)
        return layer.outputs, tuple(final)

    def layers(self, ids: Tensor, state: NetworkState | None = None, resets: Tensor | None = None) -> Iterator[Layer]:
        """The same, layer by layer from below."""
        state = state or self.zero_state(ids.shape[1])
        keep = None if resets is None else (~resets).to(self._stack()[0].weight_ih.dtype).unsqueeze(-1)  # (T, B, 1)
        operands = self.operands if self.training else torch.float32
        outputs = ids
        for layer, cell in enumerate(self._stack()):
            if self.by_torch:
                x = self.embedding.vectors(ids) if layer == 0 else outputs  # (T, B, E)
                found, last = cell.read(x, state[layer], keep)  # (T, B, H)
            else:
                projected = self.embedding.project(ids, cell) if layer == 0 else cell.project(outputs, operands)
                found, last = cell.recur(projected, state[layer], keep, operands)
            found = functional.dropout(found, self.dropout, self.training)
            outputs = outputs + found if self.residual and layer else found
            yield Layer(outputs, found, last)

    def logits(self, outputs: Tensor) -> Tensor:
        """What the last cells put out (..., H) → logits (..., V)."""
        return self.readout.logits(self._through_dense(outputs), self.predictable)

    def target_log_probability(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """log P (nats) of the symbols that came after each, by the same logits or sooner: (N, H) and (N,) → (N,)."""
        return self.readout.target_log_probability(self._through_dense(outputs), targets, self.predictable)

    def _through_dense(self, outputs: Tensor) -> Tensor:
        """By the dense layers, which know no time: (..., H) → (..., H)."""
        for layer in self.dense:
            outputs = torch.tanh(layer(outputs))
        return outputs

    def column(self, ids: Ids) -> Tensor:
        """Symbol numbers (T,) as what this network reads, a batch of one on its device: (T, 1)."""
        return torch.from_numpy(ids.astype(np.int64)).to(self.device)[:, None]

    @property
    def device(self) -> torch.device:
        return self.predictable.device

    @property
    def by_torch(self) -> bool:
        """Whether torch's own layers are the fastest: on a GPU, where cuDNN runs them."""
        return self.device.type == "cuda"

    def zero_state(self, batch_size: int) -> NetworkState:
        """Where a sequence starts."""
        return tuple(cell.zero_state(batch_size) for cell in self._stack())

    def _stack(self) -> list[Cell]:
        return cast("list[Cell]", list(self.cells))

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())


def check_tensors(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless the names, shapes and types are the expected ones, and every number is finite."""
    if strange := set(tensors) ^ set(expected):
        raise ValueError(f"{', '.join(sorted(map(repr, strange)))[:200]} should not be there, or is missing")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape or tensor.dtype != expected[name].dtype:
            raise ValueError(f"{name} is {tensor.dtype} {tuple(tensor.shape)}, not as the configuration says")
        if tensor.dtype == torch.bool and tensor.numel() and tensor.view(torch.uint8).max() > 1:
            raise ValueError(f"{name} has a truth value that is none")
        if tensor.dtype == torch.long and not tensor.sort().values.equal(
            torch.arange(len(tensor), device=tensor.device)
        ):
            raise ValueError(f"{name} is not an order of the symbols")
        if tensor.numel() and not all(map(math.isfinite, map(float, tensor.aminmax()))):  # no copy, as isfinite makes
            raise ValueError(f"{name} has a number that is not finite")


def select(state: NetworkState, rows: Tensor) -> NetworkState:
    """The state of some rows of the batch, in the order of `rows` (n,); a row may be repeated."""
    return tuple(tuple(part.index_select(0, rows) for part in layer) for layer in state)


def join(states: Sequence[NetworkState]) -> NetworkState:
    """The states of several parts of a batch as that of the whole."""
    return tuple(tuple(map(torch.cat, zip(*layers, strict=True))) for layers in zip(*states, strict=True))


def detach(state: NetworkState) -> NetworkState:
    """The same state, through which no gradient flows back: where backpropagation through time is cut."""
    return tuple(tuple(part.detach() for part in layer) for layer in state)
