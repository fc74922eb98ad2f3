"""Sampling novel sequences: feed back what was drawn, until <EOS>, a stop text or a length limit."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

import numpy as np
import torch
from torch import Tensor

from charlm.encoding import Encoded, UnknownPolicy
from charlm.native.stepping import steps
from charlm.network import Network, NetworkState, select
from charlm.probability import log_softmax
from charlm.randomness import uniform
from charlm.samplers import Sampler
from charlm.tokenizers import Ids, Tokenizer

_BLOCK = 1024  # tokens of a prompt read at once
_AHEAD = 64  # steps for which random numbers are made at once


class Settings(TypedDict, total=False):
    """How to draw; `LanguageModel.draw` says what each means, and its default."""

    length: int | None
    count: int
    temperature: float
    top_k: int | None
    top_p: float | None
    stop: str | None
    seed: int | None
    unknown: UnknownPolicy


@dataclass(frozen=True)
class Sample:
    """A drawn sequence."""

    prompt: str
    text: str  # what follows the prompt
    tokens: int  # drawn, <EOS> included
    logprob: float  # log P (nats) of what was drawn, <EOS> included, by the model untempered and unfiltered
    stopped: Literal["eos", "length", "stop"]
    seed: int
    index: int


@dataclass(frozen=True)
class Piece:
    """Text that a sample has just become longer by."""

    index: int
    text: str


@dataclass
class _Row:
    """A sample being drawn."""

    index: int
    decode: Callable[[int], str]
    text: str = ""
    shown: int = 0  # characters of the text that are already out
    tokens: int = 0
    logprob: float = 0.0
    stopped: Literal["eos", "length", "stop"] | None = None

    def take(self, symbol: int, logprob: float, eos: int, length: int, stop: str | None) -> str:
        """Append a drawn symbol, decide whether to stop, and return the text that is now certain."""
        self.tokens += 1
        self.logprob += logprob
        if symbol == eos:
            self.stopped = "eos"
        else:
            self.text += self.decode(symbol)
            if stop and stop in self.text:
                self.text, self.stopped = self.text[: self.text.index(stop)], "stop"
            elif self.tokens == length:
                self.stopped = "length"
        certain = len(self.text) - (0 if self.stopped else _overlap(self.text, stop or ""))
        piece, self.shown = self.text[self.shown : certain], max(self.shown, certain)
        return piece


@torch.inference_mode()
def generate(
    network: Network,
    tokenizer: Tokenizer,
    prompt: Encoded,
    samplers: Sequence[Sampler],
    *,
    indices: Sequence[int],
    length: int,
    stop: str | None,
    seed: int,
) -> Iterator[Piece | Sample]:
    """Draw the samples `indices` side by side: pieces of text as they come, and each Sample when it is complete.

    The draw for sample i at step t depends on (seed, i, t) alone, and on the logits.
    """
    logits, state = read(network, np.concatenate(([tokenizer.START], prompt.ids)))
    device = logits.device
    rows = [_Row(index, tokenizer.decoder()) for index in indices]
    everyone = torch.zeros(len(rows), dtype=torch.long, device=device)
    logits, state = logits.index_select(0, everyone), select(state, everyone)
    history = torch.as_tensor(prompt.ids, device=device).long().expand(len(rows), -1)
    step_on = steps(network, state)
    memories = [sampler.start(len(rows)) for sampler in samplers]
    for step in range(length):
        filtered = logits
        for place, sampler in enumerate(samplers):
            filtered, memories[place] = sampler(filtered, history, memories[place])
        if step % _AHEAD == 0:
            places = np.arange(len(rows))
            chances = uniform(seed, [[row.index] for row in rows], range(step, step + _AHEAD))
        symbols = draw(filtered, chances[places, step % _AHEAD])
        logprobs = log_softmax(logits).gather(1, symbols[:, None])[:, 0].tolist()
        for row, symbol, logprob in zip(rows, symbols.tolist(), logprobs, strict=True):
            if piece := row.take(symbol, logprob, tokenizer.EOS, length, stop):
                yield Piece(row.index, piece)
            if row.stopped:
                yield Sample(prompt.text, row.text, row.tokens, row.logprob, row.stopped, seed, row.index)
        going = [place for place, row in enumerate(rows) if not row.stopped]
        if not going:
            return
        history = torch.cat((history, symbols[:, None]), dim=1)
        if len(going) < len(rows):
            kept = torch.tensor(going, device=device)
            rows, places = [rows[place] for place in going], places[going]
            symbols, history = symbols[kept], history[kept]
            step_on.keep(kept)
            memories = [memory if memory is None else memory[kept] for memory in memories]
        logits = step_on(symbols)


def draw(logits: Tensor, chance: np.ndarray) -> Tensor:
    """The symbol (B,) at which the cumulative distribution of each row of logits (B, V) passes `chance` (B,)."""
    cumulative = torch.softmax(logits.cpu().double(), dim=-1).cumsum(dim=-1)  # in float64, which not all GPUs have
    level = torch.from_numpy(chance)[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, level, right=True)[:, 0].to(logits.device)


def read(network: Network, ids: Ids) -> tuple[Tensor, NetworkState]:
    """Read symbols of any number ≥ 1, START first: logits (1, V) for what follows, and the state."""
    state: NetworkState | None = None
    column = torch.from_numpy(ids.astype(np.int64)).to(network.readout.weight.device)[:, None]
    for first in range(0, len(ids), _BLOCK):
        logits, state = network(column[first : first + _BLOCK], state)
    assert state is not None
    return logits[-1], state


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of the text may be the beginning of the stop text."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
