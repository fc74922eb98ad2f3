"""The network that predicts the next token: encoder → dense layers → readout.

Letters: T time, B batch, V vocabulary, E embedding, H hidden, L layers. Tensors are time-major: (T, B, ·).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from charlm.config import ModelConfig
from charlm.nn.cells import LayerContext
from charlm.nn.embeddings import Embedding
from charlm.nn.encoder import Encoder, make_embedding
from charlm.nn.encoder import NetworkState as NetworkState
from charlm.nn.native.threads import computing
from charlm.nn.readouts import Readout, choose
from charlm.nn.rows import TokenRows
from charlm.nn.trainable import Read, Trainable
from charlm.registry import find


class Network(Trainable):
    """A recurrent network that computes the logits of the next token.

    `config` must be resolved: every size is a number. part_names: what a mixture computes log P from. scored_parts: log
    P by one part alone.
    """

    starts_whole = True
    part_names: ClassVar[tuple[str, ...]] = ()
    scored_parts: ClassVar[tuple[str, ...]] = ()
    predictable: Tensor  # the name of `allowed_tokens` in model.safetensors
    embedding: Embedding

    @computing()
    def __init__(self, config: ModelConfig, vocabulary_size: int) -> None:
        assert config.hidden_size
        top = LayerContext(vocabulary=vocabulary_size, logits=self.logits)
        super().__init__(config, make_embedding(config, vocabulary_size), top)
        self.dense = nn.ModuleList(
            nn.Linear(config.hidden_size, config.hidden_size) for _ in range(config.readout_layers - 1)
        )
        chosen = choose(config, np.ones(vocabulary_size, np.int64))
        table = self.embedding.tie() if config.tie_weights else None
        self.readout = find(Readout, chosen.readout)(config.hidden_size, vocabulary_size, table, chosen.shortlist)
        self.register_buffer("predictable", torch.ones(vocabulary_size, dtype=torch.bool))

    @property
    def choices(self) -> int:
        """The number of tokens among which the network chooses: V."""
        return self.predictable.numel()

    @property
    def allowed_tokens(self) -> Tensor:
        """The tokens that can occur, a mask (V,). The logits of the others are -inf, so their probability is 0."""
        return self.predictable

    def set_output_statistics(self, allowed_tokens: Tensor, counts: Tensor) -> None:
        """Set which tokens can occur (V,) and how often each is a target (V,). Call this once, before training."""
        self.predictable.copy_(allowed_tokens)
        self.readout.set_frequencies(counts)

    @torch.no_grad()
    def start_from(self, source: Encoder, rows: TokenRows) -> None:
        """Take the weights of another network of the same shape, the layers above the cells included."""
        super().start_from(source, rows)
        assert isinstance(source, Network)
        self.dense.load_state_dict(source.dense.state_dict())
        self.readout.start_from(source.readout, rows.outputs)

    def forward(
        self, ids: Tensor, state: NetworkState | None = None, resets: Tensor | None = None
    ) -> tuple[Tensor, NetworkState]:
        """Return the logits (T, B, V) for the token after each id (T, B), and the state after the last.

        The arguments are those of `outputs`.
        """
        outputs, state = self.outputs(ids, state, resets)
        return self.logits(outputs), state

    def read(self, batch: Any, state: NetworkState | None, generator: torch.Generator | None = None) -> Read:
        """Read a batch of training windows; the other arguments are those of `outputs`."""
        outputs, after = self.outputs(batch.inputs, state, batch.resets, generator)
        return Read(outputs.flatten(0, 1), batch.targets.flatten(), after)

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

    def target_parts(
        self, outputs: Tensor, targets: Tensor, names: Sequence[str] = ()
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return `target_log_probability`, and the parts of a mixture in `names`: each is (N,)."""
        return self.target_log_probability(outputs, targets), {}

    def _through_dense(self, outputs: Tensor) -> Tensor:
        """Apply the dense layers to each output: (..., H) → (..., H)."""
        for layer in self.dense:
            outputs = torch.tanh(layer(outputs))
        return outputs


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
