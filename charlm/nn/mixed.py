"""A network beside counts of n-grams: P(w) = (1 − g<t>) · P_network(w) + g<t> · P_counts(w).

The gate g<t> = σ(G[m, k, d] + u · h<t> / H) depends on the longest context that was counted: its length m, how often it
was seen, k, and how many different tokens follow it, d. It also depends on the network's output h<t>. Both parts are
distributions, so the mixture is one. Letters: V vocabulary, H hidden, N any number of outputs, C = order − 1 tokens of
context.

The network knows the likeliest tokens of the counts: its readout reads h<t> after `guidance.py` has changed it.

A mixed network appends to each output what its readout needs besides h<t>: in training the figures of the target in
counts without the target's own part of the text, otherwise the C tokens before the one to predict.
"""

import copy
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from charlm.config import ModelConfig
from charlm.counts import GUESSES, Counts, Figures, Guesses, Statistics
from charlm.nn.encoder import Encoder, NetworkState
from charlm.nn.gate_fit import GateFit
from charlm.nn.guidance import Guidance
from charlm.nn.native.threads import computing
from charlm.nn.network import Network
from charlm.nn.rows import TokenRows
from charlm.nn.trainable import Read

NETWORK, COUNTS, GATE = "network", "counts", "gate"  # log P by each part of the mixture, and g<t>
GATE_BY_CONTEXT, GATE_BY_OUTPUT = "gate by context", "gate by output"  # the two parts of the logit of g<t>
DEPTH = "depth"  # m
ALONE = "network alone"  # log P by the network without guesses
_GATE_PARAMETERS = ("gate_table", "gate_vector")  # G and u
_UNKNOWN = -1  # a token of context before the beginning of what is read
_COUNTS = 12  # sizes of k; a context seen 2,047 times or more has the last one
_LARGEST = 4.0  # of G while it is trained
_LOSS_ALONE = 0.5  # weight of the loss without guesses, beside the loss with them
_CERTAIN = 40.0  # the logit of a share that is 1 in float32
_FOLLOWERS = (2, 3, 5)  # the least numbers of followers of all values of d but the first


def figures_of_windows(figures: Figures, order: int) -> NDArray[np.float32]:
    """Return log P, the cell of G, the guesses with their P, and 1 (it is mixed) for each target of a training window:
    (T, B, 3), or (T, B, 3 + 2 · GUESSES) with guesses.
    """
    guesses = (column for each in figures.guesses or () for column in np.moveaxis(each, -1, 0))
    columns = (figures.logprobs, _cells(figures.context, order), *guesses, np.ones(figures.logprobs.shape))
    return np.stack(columns, axis=-1, dtype=np.float32)


def _cells(context: Statistics, order: int) -> NDArray[np.int64]:
    """Return the cell of G for each context, (N,)."""
    depth, counts, followers = cell_parts(order)
    cells: NDArray[np.int64] = depth[context.depth] + counts[context.counts] + followers[context.followers]
    return cells


@cache
def cell_parts(order: int) -> NDArray[np.int64]:
    """Return what each depth, count and number of followers adds to the number of a cell of G: (3, 256)."""
    values, columns = np.arange(256), len(_FOLLOWERS) + 1
    depth, counts = np.minimum(values, order - 1), np.minimum(values, _COUNTS - 1)
    return np.stack((depth * _COUNTS * columns, counts * columns, np.searchsorted(_FOLLOWERS, values, side="right")))


class MixedNetwork(Network):
    """A network, and the counts that share the prediction with it.

    `counts` are set once, after the weights are made or loaded.
    """

    counts: Counts
    scored_parts: ClassVar[tuple[str, ...]] = (ALONE, COUNTS)
    part_names: ClassVar[tuple[str, ...]] = (NETWORK, COUNTS, GATE)
    # The gate has to follow the network, whose predictions improve quickly at first.
    rate_scales: ClassVar[Mapping[str, float]] = dict.fromkeys(_GATE_PARAMETERS, 12.0)

    @computing()
    def __init__(self, config: ModelConfig, vocabulary_size: int) -> None:
        super().__init__(config, vocabulary_size)
        self.order = config.ngram_order
        # G is flat, because only matrices decay. At first, the gate trusts the counts more than the network. Python
        # computes the numbers, because torch would load its compiler for tensors without memory.
        cells = range(_COUNTS * (len(_FOLLOWERS) + 1))  # of one m
        self.gate_table = nn.Parameter(
            torch.tensor([(m - self.order / 2) / 2 + 2 for m in range(self.order) for _ in cells])
        )
        self.gate_vector = nn.Parameter(torch.zeros(self.hidden_size))  # u
        self.guidance = Guidance(self.hidden_size, vocabulary_size) if config.ngram_guesses else None

    def read(self, batch: Any, state: NetworkState | None, generator: torch.Generator | None = None) -> Read:
        outputs, targets, after = super().read(batch, state, generator)
        return Read(torch.cat((outputs, batch.figures.flatten(0, 1)), dim=1), targets, after)

    def zero_state(self, batch_size: int) -> NetworkState:
        """Return the state at the start of a sequence. While it reads, its last part is the context (B, C)."""
        state = super().zero_state(batch_size)
        if self.training:
            return state
        return (*state, (torch.full((batch_size, self.order - 1), _UNKNOWN, device=self.device),))

    @computing()
    def outputs(
        self,
        ids: Tensor,
        state: NetworkState | None = None,
        resets: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, NetworkState]:
        """Return the last layer's outputs with the tokens before each next one: (T, B, H + C) while it reads."""
        if self.training:
            return super().outputs(ids, state, resets, generator)
        *own, (before,) = state or self.zero_state(ids.shape[1])
        outputs, after = super().outputs(ids, tuple(own), resets, generator)
        tokens = torch.cat((before.t(), ids))  # (C + T, B)
        size = self.order - 1
        contexts = tokens.unfold(0, size, 1)[1:]  # (T, B, C)
        return torch.cat((outputs, contexts.to(outputs.dtype)), dim=2), (*after, (tokens[len(tokens) - size :].t(),))

    @computing()
    def logits(self, outputs: Tensor) -> Tensor:
        """Return log P of each token by the mixture, (..., H + C) → (..., V), or the network's logits for (..., H)."""
        h, contexts = outputs[..., : self.hidden_size], outputs[..., self.hidden_size :]
        if not contexts.shape[-1]:
            return super().logits(h)
        shares, statistics = self.counts.distributions(contexts.reshape(-1, contexts.shape[-1]).long().cpu().numpy())
        guided = self._guided(h, Guesses.of(shares)) if self.guidance else h
        logits = super().logits(guided)
        counted = torch.from_numpy(shares).to(h.device).view(*logits.shape)
        gate = self.gate(h, self._cells_of(statistics, h).view(h.shape[:-1]))[..., None]
        # Both parts give 0 to a token that cannot occur, and the gradient of log(0 + 0) is NaN. So the counts give 1
        # here, and the last line masks the token.
        impossible = ~self.allowed_tokens
        counted = counted.masked_fill_(impossible, 1.0).log_()
        return mixture_by_gate(torch.log_softmax(logits, dim=-1), counted, gate).masked_fill(impossible, -torch.inf)

    @computing()
    def target_log_probability(self, outputs: Tensor, targets: Tensor) -> Tensor:
        h, rest = outputs[:, : self.hidden_size], outputs[:, self.hidden_size :]
        if not self.training and rest.shape[1]:
            return self.target_parts(outputs, targets)[0]
        alone = super().target_log_probability(h, targets)
        if not rest.shape[1]:
            return alone
        # The network learns as if it were alone, with and without guesses. Sharing its error with the counts made it
        # learn less.
        counted, cells, *guesses, mixes = rest.detach().unbind(dim=1)
        learned, by_network = alone, alone.detach()
        if self.guidance:
            tokens, chances = torch.stack(guesses[:GUESSES], 1).long(), torch.stack(guesses[GUESSES:], 1)
            guided = super().target_log_probability(self.guidance(h, tokens, chances * mixes[:, None]), targets)
            learned, by_network = _LOSS_ALONE * alone + guided, guided.detach()
        mixed = mixture_by_gate(by_network, counted, self.gate(h.detach(), cells.long()))
        return torch.where(mixes > 0, mixed, by_network) + learned - learned.detach()

    @computing()
    def target_parts(
        self, outputs: Tensor, targets: Tensor, names: Sequence[str] = ()
    ) -> tuple[Tensor, dict[str, Tensor]]:
        h, contexts = outputs[:, : self.hidden_size], outputs[:, self.hidden_size :]
        before = contexts.long().cpu().numpy()
        figures = self.counts.figures_after(before, targets.cpu().numpy())
        guided = self._guided(h, self.counts.guesses(before)) if self.guidance else h
        by_network = super().target_log_probability(guided, targets)
        counted = torch.from_numpy(figures.logprobs).to(h.device)
        by_context, by_output = self._gate_parts(h, self._cells_of(figures.context, h))
        gate = by_context + by_output
        parts = {NETWORK: by_network, COUNTS: counted, GATE: torch.sigmoid(gate)}
        parts |= {GATE_BY_CONTEXT: by_context, GATE_BY_OUTPUT: by_output}
        parts[DEPTH] = torch.from_numpy(figures.context.depth).to(counted)
        if ALONE in names:
            parts[ALONE] = super().target_log_probability(h, targets) if self.guidance else by_network
        return mixture_by_gate(by_network, counted, gate), {name: parts[name] for name in names}

    def _guided(self, h: Tensor, guesses: Guesses) -> Tensor:
        """Return what the readout reads of the outputs h (..., H) with as many guesses: (..., H)."""
        assert self.guidance
        tokens, chances = (torch.from_numpy(each).to(h.device) for each in guesses)
        guided: Tensor = self.guidance(h.reshape(-1, self.hidden_size), tokens, chances)
        return guided.view(h.shape)

    @torch.no_grad()
    def bound(self) -> None:
        """Keep G where the gate still learns: a part with no share has no gradient, and could not come back."""
        self.gate_table.clamp_(-_LARGEST, _LARGEST)

    @property
    def counts_alone(self) -> bool:
        """Whether this is a network of `with_counts_alone`. Training keeps G far below that gate."""
        return bool((self.gate_table >= _CERTAIN).all())

    def with_counts_alone(self) -> "MixedNetwork":
        """Return a copy that leaves the prediction to the counts."""
        return self.with_gate(GateFit((_CERTAIN,), 0.0, 0.0))

    def with_network_alone(self) -> "MixedNetwork":
        """Return a copy that gives the counts no share and leaves out their guesses."""
        network = self.with_gate(GateFit((-_CERTAIN,), 0.0, 0.0))
        if network.guidance:
            nn.init.zeros_(network.guidance.turn.weight)
        return network

    @torch.no_grad()
    def with_gate(self, fit: GateFit) -> "MixedNetwork":
        """Return a copy with this change of the gate. It shares the counts."""
        network = copy.deepcopy(self, {id(self.counts): self.counts})
        by_depth = network.gate_table.view(self.order, -1)
        shifts = torch.from_numpy(fit.shifts_at(np.arange(self.order)))
        by_depth.mul_(fit.by_context).add_(shifts.to(by_depth)[:, None])
        network.gate_vector.mul_(fit.by_output)
        return network

    @torch.no_grad()
    def start_from(self, source: Encoder, rows: TokenRows) -> None:
        super().start_from(source, rows)
        if self.guidance and isinstance(source, MixedNetwork) and source.guidance:
            self.guidance.start_from(source.guidance, rows.outputs)

    def continue_from(self, weights: Mapping[str, Tensor], *, trained: bool) -> None:
        """Load the weights. Keep the gate of this network if they are those of the counts alone, whose gate cannot
        learn."""
        own = {} if trained else {name: self.state_dict()[name] for name in _GATE_PARAMETERS}
        super().continue_from({**weights, **own}, trained=trained)

    def gate(self, h: Tensor, cells: Tensor) -> Tensor:
        """Return the logit of g<t>: (..., H) and the cells of G (...) → (...)."""
        by_context, by_output = self._gate_parts(h, cells)
        return by_context + by_output

    def _gate_parts(self, h: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        return self.gate_table[cells], h @ self.gate_vector / self.hidden_size

    def _cells_of(self, context: Statistics, like: Tensor) -> Tensor:
        return torch.from_numpy(_cells(context, self.order)).to(like.device)


def mixture_by_gate(network: Tensor, counts: Tensor, gate: Tensor) -> Tensor:
    """Return log P of the mixture from log P of both parts, and the logit of g<t>; -inf where both parts have -inf."""
    mixed = torch.logaddexp(network + functional.logsigmoid(-gate), counts + functional.logsigmoid(gate))
    return mixed.clamp(max=0.0)  # the sum is rounded


def network_of(config: ModelConfig, vocabulary_size: int) -> Network:
    """Return the network of a language model, which is mixed if the configuration asks for counts."""
    return (MixedNetwork if config.ngram_order else Network)(config, vocabulary_size)
