"""The encoder: input layer → cells, one on top of the other. A bidirectional encoder has a second stack of cells.

Letters: T time, B batch, V vocabulary, E embedding, H hidden, L layers, D the width of what `encode` returns: H, or 2 H
with both directions. Tensors are time-major: (T, B, ·).
"""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from charlm.config import ModelConfig
from charlm.errors import ConfigError
from charlm.nn import gpu_reading, graphs
from charlm.nn.cells import Cell, LayerContext, RecurrentCell, State
from charlm.nn.embeddings import Embedding, InputLayer
from charlm.nn.native.threads import computing
from charlm.nn.random_numbers import dropout
from charlm.nn.rows import TokenRows
from charlm.nn.segments import segments
from charlm.nn.torch_layer import torch_layer
from charlm.nn.wavefront import wavefront
from charlm.registry import find
from charlm.tokenizers import Ids

NetworkState = tuple[State, ...]  # the state of each layer of the forward stack


class Layer(NamedTuple):
    """The results of one layer."""

    outputs: Tensor  # (T, B, H), the input of the next layer
    cell_outputs: Tensor  # (T, B, H), the outputs without the residual connection, which adds the layer's input
    state: State  # the cell's state after the last token


def make_embedding(config: ModelConfig, vocabulary_size: int) -> Embedding:
    """Return the input layer of a network that reads tokens."""
    assert config.embedding_size
    return find(Embedding, config.embedding)(vocabulary_size, config.embedding_size)


class Encoder(nn.Module):
    """A recurrent network that computes a vector for each step, from token ids or from numbers.

    `config` must be resolved: every size is a number. `embedding` is the input layer: `make_embedding`, or a
    `NumericInput`. `top` describes what is above the last layer, for a cell that feeds the network's answer back.

    `outputs` reads from left to right with the state as argument and result. `encode` reads whole examples, and in both
    directions if `bidirectional`: two independent stacks, whose outputs are joined at the top.
    """

    @computing()
    def __init__(
        self,
        config: ModelConfig,
        embedding: InputLayer,
        top: LayerContext = LayerContext(),  # noqa: B008  # a default that cannot change
        *,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        assert config.hidden_size and config.layers and config.dropout is not None
        self.embedding = embedding
        self.residual = config.residual
        self.hidden_size = config.hidden_size
        self.cells = self._make_stack(config, top)
        self.bidirectional = bidirectional
        if self.bidirectional:
            self.backward_cells = self._make_stack(config, LayerContext())
        self.dropout = config.dropout
        # The type of the factors of the recurrent products in training mode. Training sets it by its `precision`.
        self.compute_dtype = torch.float32

    def _make_stack(self, config: ModelConfig, top: LayerContext) -> nn.ModuleList:
        assert config.hidden_size and config.layers
        cell = find(Cell, config.cell)
        widths = [self.embedding.size] + [config.hidden_size] * (config.layers - 1)
        contexts = [LayerContext(residual=config.residual and layer > 0) for layer in range(config.layers)]
        contexts[-1] = top._replace(residual=contexts[-1].residual)
        return nn.ModuleList(
            cell(width, config.hidden_size, config.activation, context)
            for width, context in zip(widths, contexts, strict=True)
        )

    @property
    def width(self) -> int:
        """D, the width of what `encode` returns."""
        return 2 * self.hidden_size if self.bidirectional else self.hidden_size

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
        None means torch's default generator. Only the forward stack reads.
        """
        if self.device.type != "cuda" or graphs.recording():
            return self._by_layer(ids, state, resets, generator)
        by_layer = partial(self._by_layer, generator=generator)
        state = state or self.zero_state(ids.shape[1])
        return gpu_reading.read(self, by_layer, self._all_layers_at_once, ids, state, resets, generator)

    @computing()
    def encode(
        self,
        ids: Tensor,
        lengths: Tensor,
        generator: torch.Generator | None = None,
        backward_lengths: Tensor | None = None,
    ) -> Tensor:
        """Return the outputs (T, B, D) for whole examples, each from a zero state.

        `ids` (T, B) has padding after the first `lengths` (B,) steps of each row; the outputs are zero there. The
        first H numbers of an output are the forward stack's, the others the backward stack's. The backward stack reads
        the first `backward_lengths` (B,) steps of each row, or all of `lengths`; its outputs are zero after them.
        """
        forward, _ = self.outputs(ids, generator=generator)
        forward = _without_padding(forward, lengths)
        if not self.bidirectional:
            return forward
        lengths = lengths if backward_lengths is None else backward_lengths
        steps = int(lengths.max())
        # With the time axis flipped, the padding comes first. The reset where a row's own steps begin forgets it.
        starts = torch.arange(steps, device=lengths.device)[:, None] == steps - lengths
        stack = cast("list[Cell]", list(self.backward_cells))
        backward, _ = _top(self._run(stack, ids[:steps].flip(0), None, starts, generator))
        backward = _without_padding(backward.flip(0), lengths)
        backward = functional.pad(backward, (0, 0, 0, 0, 0, len(ids) - steps))
        return torch.cat((forward, backward), dim=2)

    def _by_layer(
        self, ids: Tensor, state: NetworkState | None, resets: Tensor | None, generator: torch.Generator | None
    ) -> tuple[Tensor, NetworkState]:
        """Compute `outputs` layer after layer."""
        return _top(self.layers(ids, state, resets, generator))

    def _all_layers_at_once(
        self, ids: Tensor, state: NetworkState, resets: Tensor | None
    ) -> tuple[Tensor, NetworkState]:
        """Compute `outputs` without waiting for the GPU, and with the dropout of its default generator."""
        cells = self._stack()

        def layer(number: int, cell: Cell, x: Tensor, state: State, carry_mask: Tensor | None) -> tuple[Tensor, State]:
            projected = cell.project(x) if number else x
            results = self._with_input(number, x, *cell.recur(projected, state, carry_mask), None)
            return results.outputs, results.state

        layers = [partial(layer, number, cell) for number, cell in enumerate(cells)]
        projected = cells[0].dense(self.embedding.project(ids, cells[0]))
        return wavefront(layers, projected, state, self._carry_mask(resets))

    def layers(
        self,
        ids: Tensor,
        state: NetworkState | None = None,
        resets: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Iterator[Layer]:
        """Yield the results of each layer of the forward stack, the lowest first, for the arguments of `outputs`."""
        return self._run(self._stack(), ids, state, resets, generator)

    def _run(
        self,
        cells: list[Cell],
        ids: Tensor,
        state: NetworkState | None,
        resets: Tensor | None,
        generator: torch.Generator | None,
    ) -> Iterator[Layer]:
        """Yield the results of each layer of a stack, the lowest first."""
        state = state or _zero_state(cells, ids.shape[1])
        dtype = self.compute_dtype if self.training else torch.float32
        by_torch = self.uses_torch_layers and all(cell.torch_function for cell in cells)
        cut = segments(resets) if by_torch and resets is not None else None
        carry_mask = None if by_torch else self._carry_mask(resets)
        outputs = ids
        for number, cell in enumerate(cells):
            if by_torch:
                x = self.embedding.vectors(ids) if number == 0 else outputs  # (T, B, E)
                results = torch_layer(cast(RecurrentCell, cell), x, state[number], cut)
            else:
                projected = self.embedding.project(ids, cell) if number == 0 else cell.project(outputs, dtype)
                results = cell.recur(projected, state[number], carry_mask, dtype)
            layer = self._with_input(number, outputs, *results, generator)
            outputs = layer.outputs
            yield layer

    def _carry_mask(self, resets: Tensor | None) -> Tensor | None:
        """Return the mask (T, B, 1) that is 0 at each reset (T, B), else 1."""
        return None if resets is None else (~resets).to(self._stack()[0].weight_ih.dtype).unsqueeze(-1)

    def _with_input(
        self, number: int, x: Tensor, cell_outputs: Tensor, state: State, generator: torch.Generator | None
    ) -> Layer:
        """Return the results of layer `number`: dropout of the cell's outputs, and the input x if it is residual."""
        if self.training and self.dropout:
            cell_outputs = dropout(cell_outputs, self.dropout, generator)
        return Layer(x + cell_outputs if self.residual and number else cell_outputs, cell_outputs, state)

    def column(self, ids: Ids) -> Tensor:
        """Return ids (T,) as a batch of one on the network's device: (T, 1)."""
        return torch.from_numpy(ids.astype(np.int64)).to(self.device)[:, None]

    @property
    def device(self) -> torch.device:
        return self._stack()[0].weight_ih.device

    @property
    def uses_torch_layers(self) -> bool:
        """Whether torch's own layers are the fastest. They are on a GPU, where they run on cuDNN."""
        return self.device.type == "cuda"

    def zero_state(self, batch_size: int) -> NetworkState:
        """Return the state at the start of a sequence."""
        return _zero_state(self._stack(), batch_size)

    @torch.no_grad()
    def start_from(self, source: "Encoder", rows: TokenRows) -> None:
        """Take the weights of another encoder of the same shape, which reads tokens from left to right.

        The backward stack stays as it is. Raises ConfigError if a cell does not fit.
        """
        embedding = cast(Embedding, self.embedding)
        embedding.start_from(cast(Embedding, source.embedding), rows.inputs)
        for layer, (cell, old) in enumerate(zip(self._stack(), source._stack(), strict=True)):
            columns = {"weight_ih": rows.inputs} if layer == 0 and embedding.tokens_are_columns else {}
            if old.feeds_tokens_back:
                columns["weight_hh"] = rows.outputs
            if cell.feeds_tokens_back != old.feeds_tokens_back:
                raise ConfigError("a cell that feeds back the tokens it predicts starts only a language model")
            for name, weight in cell.named_parameters():
                given = old.get_parameter(name)
                weight.copy_(columns[name].of(given.t()).t() if name in columns else given)

    def started_weights(self) -> Iterator[nn.Parameter]:
        """Yield the weights that `start_from` gives and that `freeze` does not train."""
        yield from self.embedding.parameters()
        yield from self.cells.parameters()

    def multiplying_in_cells(self) -> Iterator[Tensor]:
        """Yield the matrices that multiply the outputs of a cell; the lowest W_x multiplies what is read instead."""
        for stack in (self.cells, self.backward_cells) if self.bidirectional else (self.cells,):
            for layer, cell in enumerate(stack):
                matrices = dict(cell.named_parameters(recurse=False))
                yield from (matrices[name] for name in ("weight_ih", "weight_hh")[layer == 0 :] if name in matrices)

    def _stack(self) -> list[Cell]:
        return cast("list[Cell]", list(self.cells))

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())


def mask_of(lengths: Tensor, steps: int) -> Tensor:
    """Return which steps are not padding: (B,) → (T, B)."""
    return torch.arange(steps, device=lengths.device)[:, None] < lengths


def _without_padding(outputs: Tensor, lengths: Tensor) -> Tensor:
    """Return the outputs (T, B, H) with zeros after the first `lengths` (B,) steps of each row."""
    return outputs.masked_fill(~mask_of(lengths, len(outputs)).unsqueeze(2), 0.0)


def _top(layers: Iterator[Layer]) -> tuple[Tensor, NetworkState]:
    """Return the outputs of the last layer, and the states of all."""
    final: list[State] = []
    for layer in layers:
        final.append(layer.state)
    return layer.outputs, tuple(final)


def _zero_state(cells: list[Cell], batch_size: int) -> NetworkState:
    return tuple(cell.zero_state(batch_size) for cell in cells)
