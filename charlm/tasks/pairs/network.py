"""The network of pairs: the cells read source and target, and each target token also sees the source by attention."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charlm.config import ModelConfig
from charlm.errors import ConfigError
from charlm.nn.attention import Attention
from charlm.nn.encoder import NetworkState, make_embedding, mask_of
from charlm.nn.native.threads import computing
from charlm.nn.probability import log_softmax
from charlm.nn.trainable import Read, Trainable
from charlm.tasks._batches import padded
from charlm.tasks.pairs.rows import NO_TARGET, Row, batch_of
from charlm.tokenizers import Ids

_ROWS_AT_ONCE = 64


class Source(NamedTuple):
    """Sources that were read: S steps, B of them.

    memory: what attention reads (S, B, D). mask: where there is a token (S, B). state: after each source.
    """

    memory: Tensor
    mask: Tensor
    state: NetworkState


class PairNetwork(Trainable):
    """A recurrent network that predicts the tokens of a target from its source and the tokens before them.

    The forward cells read START, the source, START, and the target. The backward cells read the source only. Without
    attention, nothing but the state carries the source, so there are no backward cells.
    """

    predictable: Tensor
    ratio: Tensor

    @computing()
    def __init__(self, config: ModelConfig, vocabulary_size: int) -> None:
        settings = [name for name in ("tie_weights", "readout") if getattr(config, name) not in (False, "auto")]
        if settings:
            raise ConfigError(
                f"a model of pairs has a readout of its own, so it has no {settings[0]}",
                remedy="leave_out",
                settings=settings,
            )
        attends = config.attention is not False
        both = attends and config.bidirectional is not False
        super().__init__(config, make_embedding(config, vocabulary_size), bidirectional=both)
        width = self.hidden_size
        self.attention = Attention(width, self.width, diagonal=True) if attends else None
        self.dense = nn.ModuleList(nn.Linear(width, width) for _ in range(config.readout_layers - 1))
        self.readout = nn.Linear(width, vocabulary_size)
        # Which tokens occur in targets; the others have probability 0. How long a target is, per token of its source.
        self.register_buffer("predictable", torch.ones(vocabulary_size, dtype=torch.bool))
        self.register_buffer("ratio", torch.ones(()))

    @property
    def choices(self) -> int:
        """The number of tokens: V."""
        return self.readout.out_features

    def read(self, batch: Any, state: NetworkState | None, generator: torch.Generator | None = None) -> Read:
        """Read a batch of pairs."""
        wanted = batch.targets != NO_TARGET
        return Read(self._answers(batch, generator)[wanted], batch.targets[wanted], None)

    @computing()
    def _answers(self, batch: Any, generator: torch.Generator | None = None) -> Tensor:
        """Return the vector from which each target token is predicted, (B, W, H)."""
        return self.answers(*self._queries(batch, generator)).transpose(0, 1)

    def _queries(self, batch: Any, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the arguments of `answers` for the target tokens of a batch."""
        outputs = self.encode(batch.ids, batch.lengths, generator, backward_lengths=batch.sources)
        count = batch.targets.shape[1]
        times = batch.sources[:, None] + torch.arange(count, device=outputs.device)
        times = times.clamp(max=len(outputs) - 1)  # of padding
        row = torch.arange(batch.rows, device=outputs.device)[:, None]
        queries = outputs[times, row, : self.hidden_size].transpose(0, 1)
        steps = int(batch.sources.max())
        mask = mask_of(batch.sources, steps)
        memory = outputs[:steps] * mask.unsqueeze(2)
        at = torch.arange(count, device=outputs.device)[:, None]
        return queries, memory, mask, at

    @computing()
    def answers(self, queries: Tensor, memory: Tensor, mask: Tensor, at: Tensor) -> Tensor:
        """Return the vectors from which tokens are predicted, (W, B, H), from forward outputs (W, B, H).

        at: how many target tokens come before each query, (W, B) or (W, 1).
        """
        if self.attention is None:
            return queries
        contexts, _ = self.attention(queries, memory, mask, self._progress(at, mask))
        combined: Tensor = self.attention.combined(contexts, queries)
        return combined

    @torch.inference_mode()
    @computing()
    def attended(self, row: Row) -> NDArray[np.float64]:
        """Return how much each target token, and EOS, attends to START and each token of the source: (m + 1, n + 1).

        Raises ConfigError if the network has no attention.
        """
        if self.attention is None:
            raise ConfigError("the model was trained without attention")
        queries, memory, mask, at = self._queries(batch_of([row]).part(slice(None), self.device))
        weights = self.attention(queries, memory, mask, self._progress(at, mask))[1]
        values: NDArray[np.float64] = weights[:, 0].double().cpu().numpy()
        return values

    def _progress(self, at: Tensor, mask: Tensor) -> Tensor:
        return (at / (self.ratio * mask.sum(0))).clamp(max=1.0)

    @computing()
    def target_log_probability(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return log P of the token that follows each vector: (N, H) and (N,) → (N,)."""
        return self.log_probabilities(outputs).gather(1, targets[:, None])[:, 0]

    @computing()
    def log_probabilities(self, vectors: Tensor) -> Tensor:
        """Return log P of every token: (..., H) → (..., V)."""
        for layer in self.dense:
            vectors = torch.tanh(layer(vectors))
        return log_softmax(self.readout(vectors).masked_fill(~self.predictable, -torch.inf))

    @computing()
    def read_sources(self, sources: Sequence[Ids]) -> Source:
        """Read sources, each with its START."""
        ids, lengths = (each.to(self.device) for each in padded(sources))
        memory = self.encode(ids, lengths)
        # For the state, the sources end together; a reset where each begins forgets the padding before it.
        steps = torch.arange(len(ids), device=ids.device)[:, None] - (len(ids) - lengths)
        aligned = ids.gather(0, steps.clamp(min=0))
        _, state = self.outputs(aligned, resets=steps == 0)
        return Source(memory, mask_of(lengths, len(ids)), state)

    @torch.inference_mode()
    def target_logprobs(self, rows: Sequence[Row]) -> list[NDArray[np.float64]]:
        """Return log P of the target tokens and EOS of each row: (m + 1,)."""
        results: list[NDArray[np.float64]] = [np.empty(0)] * len(rows)
        by_length = sorted(range(len(rows)), key=lambda index: len(rows[index].ids))
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            chosen = by_length[first : first + _ROWS_AT_ONCE]
            batch = batch_of([rows[index] for index in chosen]).part(slice(None), self.device)
            logprobs = self.log_probabilities(self._answers(batch)).double()
            values = logprobs.gather(2, batch.targets.clamp(min=0).unsqueeze(2))[..., 0].cpu().numpy()
            for index, line in zip(chosen, values, strict=True):
                results[index] = line[: len(rows[index].targets)]
        return results
