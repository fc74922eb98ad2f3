"""The network: embedding → cells, one on top of the other → dense layers → readout.

Letters: T time, B batch, V vocabulary, E embedding, H hidden, L layers. Tensors are time-major: (T, B, ·).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from charlm.config import ModelConfig
from charlm.nn.cells import Cell, LayerContext, State
from charlm.nn.embeddings import Embedding
from charlm.nn.native.threads import computing
from charlm.nn.random_numbers import dropout
from charlm.nn.readouts import Readout, choose
from charlm.registry import find
from charlm.tokenizers import Ids

NetworkState = tuple[State, ...]  # the state of each layer


class Layer(NamedTuple):
    """The results of one layer."""

    outputs: Tensor  # (T, B, H), the input of the next layer
    cell_outputs: Tensor  # (T, B, H), the outputs without the residual connection, which adds the layer's input
    state: State  # the cell's state after the last token


class Network(nn.Module):
    """A recurrent network that computes the logits of the next token.

    `config` must be resolved: every size is a number.
    """

    predictable: Tensor  # the name of `allowed_tokens` in model.safetensors

    @computing()
    def __init__(self, config: ModelConfig, vocabulary_size: int) -> None:
        super().__init__()
        assert config.embedding_size and config.hidden_size and config.layers and config.dropout is not None
        cell = find(Cell, config.cell)
        self.embedding = find(Embedding, config.embedding)(vocabulary_size, config.embedding_size)
        widths = [self.embedding.size] + [config.hidden_size] * (config.layers - 1)
        self.residual = config.residual
        contexts = [LayerContext(residual=config.residual and layer > 0) for layer in range(config.layers)]
        contexts[-1] = contexts[-1]._replace(vocabulary=vocabulary_size, logits=self.logits)
        self.cells = nn.ModuleList(
            cell(width, config.hidden_size, config.activation, context)
            for width, context in zip(widths, contexts, strict=True)
        )
        self.dense = nn.ModuleList(
            nn.Linear(config.hidden_size, config.hidden_size) for _ in range(config.readout_layers - 1)
        )
        readout = find(Readout, choose(config.readout, vocabulary_size, tied=config.tie_weights))
        table = self.embedding.tie() if config.tie_weights else None
        self.readout = readout(config.hidden_size, vocabulary_size, table)
        self.dropout = config.dropout
        # The type of the factors of the recurrent products in training mode. Training sets it by its `precision`.
        self.compute_dtype = torch.float32
        self.register_buffer("predictable", torch.ones(vocabulary_size, dtype=torch.bool))

    @property
    def allowed_tokens(self) -> Tensor:
        """The tokens that can occur, a mask (V,). The logits of the others are -inf, so their probability is 0."""
        return self.predictable

    def set_output_statistics(self, allowed_tokens: Tensor, counts: Tensor) -> None:
        """Set which tokens can occur (V,) and how often each is a target (V,). Call this once, before training."""
        self.predictable.copy_(allowed_tokens)
        self.readout.set_frequencies(counts)

    def forward(
        self, ids: Tensor, state: NetworkState | None = None, resets: Tensor | None = None
    ) -> tuple[Tensor, NetworkState]:
        """Return the logits (T, B, V) for the token after each id (T, B), and the state after the last.

        The arguments are those of `outputs`.
        """
        outputs, state = self.outputs(ids, state, resets)
        return self.logits(outputs), state

    @computing()
    def outputs(
        self,
        ids: Tensor,
        state: NetworkState | None = None,
        resets: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, NetworkState]:
        """Return the last layer's outputs (T, B, H) for token ids (T, B), and the state after the last token.

        `state` is the state after the previous call, or None at the start of a sequence. `resets` (T, B) is True where
        a sequence starts: the state is zeroed before that token is read. `generator` draws the dropout of training;
        None means torch's default generator.
        """
        final: list[State] = []
        for layer in self.layers(ids, state, resets, generator):
            final.append(layer.state)
        return layer.outputs, tuple(final)

    def layers(
        self,
        ids: Tensor,
        state: NetworkState | None = None,
        resets: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Iterator[Layer]:
        """Yield the results of each layer, the lowest first. The arguments are those of `outputs`."""
        state = state or self.zero_state(ids.shape[1])
        cells = self._stack()
        carry_mask = None if resets is None else (~resets).to(cells[0].weight_ih.dtype).unsqueeze(-1)  # (T, B, 1)
        dtype = self.compute_dtype if self.training else torch.float32
        outputs = ids
        for layer, cell in enumerate(cells):
            if self.uses_torch_layers:
                x = self.embedding.vectors(ids) if layer == 0 else outputs  # (T, B, E)
                cell_outputs, last = cell.run_torch_layer(x, state[layer], carry_mask)  # (T, B, H)
            else:
                projected = self.embedding.project(ids, cell) if layer == 0 else cell.project(outputs, dtype)
                cell_outputs, last = cell.recur(projected, state[layer], carry_mask, dtype)
            if self.training and self.dropout:
                cell_outputs = dropout(cell_outputs, self.dropout, generator)
            outputs = outputs + cell_outputs if self.residual and layer else cell_outputs
            yield Layer(outputs, cell_outputs, last)

    @computing()
    def logits(self, outputs: Tensor) -> Tensor:
        """Return the logits from the last layer's outputs: (..., H) → (..., V)."""
        return self.readout.logits(self._through_dense(outputs), self.allowed_tokens)

    @computing()
    def target_log_probability(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return log P (nats) of the target after each output, (N, H) and (N,) → (N,).

        It equals the log-softmax of `logits` at the targets, but an adaptive readout computes it faster.
        """
        return self.readout.target_log_probability(self._through_dense(outputs), targets, self.allowed_tokens)

    def _through_dense(self, outputs: Tensor) -> Tensor:
        """Apply the dense layers to each output: (..., H) → (..., H)."""
        for layer in self.dense:
            outputs = torch.tanh(layer(outputs))
        return outputs

    def column(self, ids: Ids) -> Tensor:
        """Return ids (T,) as a batch of one on the network's device: (T, 1)."""
        return torch.from_numpy(ids.astype(np.int64)).to(self.device)[:, None]

    @property
    def device(self) -> torch.device:
        return self.predictable.device

    @property
    def uses_torch_layers(self) -> bool:
        """Whether torch's own layers are the fastest. They are on a GPU, where they run on cuDNN."""
        return self.device.type == "cuda"

    def zero_state(self, batch_size: int) -> NetworkState:
        """Return the state at the start of a sequence."""
        return tuple(cell.zero_state(batch_size) for cell in self._stack())

    def _stack(self) -> list[Cell]:
        return cast("list[Cell]", list(self.cells))

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())


def check_tensors(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless the names, shapes and types are as expected and every number is finite."""
    if unexpected := set(tensors) ^ set(expected):
        raise ValueError(f"unexpected or missing tensors: {', '.join(sorted(map(repr, unexpected)))[:200]}")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape or tensor.dtype != expected[name].dtype:
            raise ValueError(
                f"{name} is {tensor.dtype} {tuple(tensor.shape)}, but the configuration needs "
                f"{expected[name].dtype} {tuple(expected[name].shape)}"
            )
        if tensor.dtype == torch.bool and tensor.numel() and tensor.view(torch.uint8).max() > 1:
            raise ValueError(f"{name} has a value that is neither true nor false")
        if tensor.dtype == torch.long and not tensor.sort().values.equal(
            torch.arange(len(tensor), device=tensor.device)
        ):
            raise ValueError(f"{name} is not a permutation of the tokens")
        if tensor.numel() and not all(map(math.isfinite, map(float, tensor.aminmax()))):  # isfinite would make a copy
            raise ValueError(f"{name} has a number that is not finite")


def select(state: NetworkState, rows: Tensor) -> NetworkState:
    """Return the state of some rows of the batch, in the order of `rows` (n,), which may repeat a row."""
    return tuple(tuple(part.index_select(0, rows) for part in layer) for layer in state)


def join(states: Sequence[NetworkState]) -> NetworkState:
    """Join the states of consecutive parts of a batch."""
    return tuple(tuple(map(torch.cat, zip(*layers, strict=True))) for layers in zip(*states, strict=True))


def detach(state: NetworkState) -> NetworkState:
    """Return the state without its gradient, which cuts backpropagation through time."""
    return tuple(tuple(part.detach() for part in layer) for layer in state)
