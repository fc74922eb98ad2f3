"""Sampling novel sequences: feed back what was drawn, until the ending."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from charlm.data.encoding import Encoded
from charlm.errors import ModelError
from charlm.generation.drawing import draws
from charlm.generation.ending import Ending, Row, Stopped
from charlm.generation.samplers import Sampler
from charlm.nn.network import Network, NetworkState, select
from charlm.nn.probability import log_softmax, perplexity
from charlm.randomness import uniform
from charlm.tokenizers import Ids, Tokenizer

_BLOCK = 1024  # tokens of a prompt read at once
_AT_ONCE = 64  # steps drawn before the texts are looked at, at most
_LOGITS = 2**22  # numbers kept meanwhile, at most


@dataclass(frozen=True)
class Sample:
    """A drawn sequence."""

    prompt: str
    text: str  # what follows the prompt
    tokens: int  # drawn, <EOS> included
    logprob: float  # log P (nats) of what was drawn, <EOS> included, by the model untempered and unfiltered
    stopped: Stopped
    seed: int | None  # None where nothing was left to chance
    index: int

    @property
    def perplexity(self) -> float | None:
        """exp(−log P / tokens); None for no tokens."""
        return perplexity(-self.logprob, self.tokens)


@dataclass(frozen=True)
class Piece:
    """Text that a sample has just become longer by."""

    index: int
    text: str


@torch.inference_mode()
def generate(
    network: Network,
    tokenizer: Tokenizer,
    prompt: Encoded,
    samplers: Sequence[Sampler],
    *,
    indices: Sequence[int],
    ending: Ending,
    seed: int,
) -> Iterator[Piece | Sample]:
    """Draw the samples `indices` side by side: pieces of text as they come, and each Sample when it is complete.

    The draw for sample i at step t depends on (seed, i, t) alone, and on the logits. Raises ModelError where these are
    not finite.
    """
    logits, state = read(network, tokenizer.sequence(prompt.ids))
    rows = [Row(index, tokenizer.decoder(), ending) for index in indices]
    everyone = torch.zeros(len(rows), dtype=torch.long, device=logits.device)
    logits, state = logits.index_select(0, everyone), select(state, everyone)
    history = torch.as_tensor(prompt.ids, device=logits.device).long().expand(len(rows), -1)
    on = draws(network, samplers, logits, state, history, tokenizer.EOS)
    step, at_once = 0, 1
    while rows:
        at_once = max(1, min(at_once, _AT_ONCE, _LOGITS // (len(rows) * logits.shape[1]), ending.limit - step))
        chances = uniform(seed, [row.index for row in rows], np.arange(step, step + at_once)[:, None])  # (n, B)
        symbols, drawn_from = on(torch.from_numpy(chances))
        step += len(symbols)
        at_once *= 2  # the first symbols are soon seen, the later ones come in larger groups
        logprobs = log_softmax(drawn_from).gather(2, symbols[:, :, None])[:, :, 0]
        check_finite(logprobs.isfinite() | (symbols == tokenizer.EOS) & (logprobs == -torch.inf))
        for row, drawn, values in zip(rows, symbols.t().tolist(), logprobs.t().tolist(), strict=True):
            if piece := row.take(drawn, values, tokenizer.EOS):
                yield Piece(row.index, piece)
            if row.stopped:
                yield Sample(prompt.text, row.text, row.tokens, row.logprob, row.stopped, seed, row.index)
        going = [place for place, row in enumerate(rows) if not row.stopped]
        if len(going) < len(rows):
            rows = [rows[place] for place in going]
            on.keep(torch.tensor(going, dtype=torch.long, device=logits.device))


def check_finite(finite: Tensor) -> None:
    """Raise ModelError unless every element of a boolean tensor is true."""
    if not finite.all():
        raise ModelError("the network's outputs are not finite numbers; train the model with a lower learning rate")


def side_by_side(count: int, most: int, *, endless: bool = False) -> Iterator[range]:
    """The indices of the samples that are drawn at once: `count` in all, at most `most`.

    endless: more and more after them, as many as are asked for, in groups that grow.
    """
    first, size = 0, min(count, most)
    while endless or first < count:
        yield range(first, first + size if endless else min(first + size, count))
        first, size = first + size, min(2 * size, most)


def read(network: Network, ids: Ids) -> tuple[Tensor, NetworkState]:
    """Read symbols of any number ≥ 1, START first: logits (1, V) for what follows, and the state."""
    state: NetworkState | None = None
    column = network.column(ids)
    for first in range(0, len(ids), _BLOCK):
        outputs, state = network.outputs(column[first : first + _BLOCK], state)
    assert state is not None
    return network.logits(outputs[-1]), state
