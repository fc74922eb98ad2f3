"""Generation of samples: draw tokens and feed them back until each sample ends."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from charlm.errors import ModelError
from charlm.generation.drawing import draws
from charlm.generation.ending import Ending, Row, Stopped
from charlm.generation.opening import Opening
from charlm.generation.samplers import Sampler
from charlm.generation.without import without
from charlm.markup import continuation
from charlm.nn.network import Network, select
from charlm.nn.probability import log_softmax, perplexity
from charlm.randomness import uniform
from charlm.tokenizers import Tokenizer
from charlm.wording import plural, quoted

_MAX_STEPS = 64  # the most steps to draw before the texts are checked
_MAX_LOGITS = 2**22  # the most logits to keep meanwhile


@dataclass(frozen=True)
class Sample:
    """A generated text.

    prompt: the text that was continued.
    text: what follows the prompt.
    tokens: number of tokens of the text, <EOS> included; the first may begin in the prompt.
    logprob: log P (nats) of these tokens by the model without samplers.
    stopped: why the text ends: eos, length, stop, whole or match.
    seed: the seed of the draw; None if nothing was left to chance.
    index: number of the sample, from 0.
    taken_back: the end of the prompt that was drawn again as the beginning of a token; None: none.
    unk_share: mean probability of <UNK>, which was left out of the draw; None if it was not.
    """

    prompt: str
    text: str
    tokens: int
    logprob: float
    stopped: Stopped
    seed: int | None
    index: int
    taken_back: str | None = None
    unk_share: float | None = None

    def __repr__(self) -> str:
        prompt = f"{quoted(self.prompt)} + " if self.prompt else ""
        return f"<Sample {self.index}: {prompt}{quoted(self.text)}, {self._figures}>"

    def _repr_html_(self) -> str:
        """Return the text after its prompt, which a notebook shows."""
        return continuation(self.prompt, self.text, self._figures)

    @property
    def _figures(self) -> str:
        seed = "" if self.seed is None else f", seed {self.seed}"
        return f"{plural(self.tokens, 'token')}, {self.logprob:.4f} nats, stopped by {self.stopped}{seed}"

    @property
    def perplexity(self) -> float | None:
        """exp(−log P / tokens); None for no tokens."""
        return perplexity(-self.logprob, self.tokens)


@dataclass(frozen=True)
class Piece:
    """Text to append to the sample with this index."""

    index: int
    text: str


@torch.inference_mode()
def generate(
    network: Network,
    tokenizer: Tokenizer,
    opening: Opening,
    samplers: Sequence[Sampler],
    *,
    indices: Sequence[int],
    ending: Ending,
    seed: int,
) -> Iterator[Piece | Sample]:
    """Draw the samples `indices` in parallel; yield pieces of their text, and each Sample when it is complete.

    The random number for sample i at step t depends on (seed, i, t) only. Raises ModelError if the network's outputs
    are not finite.
    """
    rows = [Row(index, tokenizer.decoder(), ending, opening.rest) for index in indices]
    first = torch.zeros(len(rows), dtype=torch.long, device=opening.logits.device)
    logits, state = opening.logits.index_select(0, first), select(opening.state, first)
    history = torch.as_tensor(opening.ids, device=logits.device).long().expand(len(rows), -1)
    filters = [*without(opening.left_out), *samplers]
    drawing = draws(network, filters, logits, state, history, tokenizer.EOS, opening.first_tokens)
    step, steps = 0, 1
    while rows:
        room = max(row.room for row in rows)
        steps = max(1, min(steps, _MAX_STEPS, _MAX_LOGITS // (len(rows) * logits.shape[1]), room))
        chances = uniform(seed, [row.index for row in rows], np.arange(step, step + steps)[:, None])  # (n, B)
        tokens, drawn_from = drawing(torch.from_numpy(chances))
        step += len(tokens)
        steps *= 2  # the first tokens appear soon, later ones in larger groups
        all_logprobs = log_softmax(drawn_from)
        logprobs = all_logprobs.gather(2, tokens[:, :, None])[:, :, 0]
        check_finite(logprobs.isfinite() | (tokens == tokenizer.EOS) & (logprobs == -torch.inf))
        left_out = [] if opening.left_out is None else [opening.left_out]
        shares = all_logprobs[:, :, left_out].exp().sum(2).t().tolist()
        for row, drawn, values, share in zip(rows, tokens.t().tolist(), logprobs.t().tolist(), shares, strict=True):
            if piece := row.take(drawn, values, tokenizer.EOS, share):
                yield Piece(row.index, piece)
            if row.stopped:
                yield _sample(row, opening, seed)
        running = [number for number, row in enumerate(rows) if not row.stopped]
        if len(running) < len(rows):
            rows = [rows[number] for number in running]
            drawing.keep(torch.tensor(running, dtype=torch.long, device=logits.device))


def _sample(row: Row, opening: Opening, seed: int) -> Sample:
    assert row.stopped
    return Sample(
        prompt=opening.prompt,
        text=row.text,
        tokens=row.tokens,
        logprob=row.logprob,
        stopped=row.stopped,
        seed=seed,
        index=row.index,
        taken_back=opening.rest or None,
        unk_share=None if opening.left_out is None or not row.tokens else row.left_out / row.tokens,
    )


def check_finite(finite: Tensor) -> None:
    """Raise ModelError unless every element of a boolean tensor is true."""
    if not finite.all():
        raise ModelError("the network's outputs are not finite numbers; train the model with a lower learning rate")


def side_by_side(count: int, most: int, *, endless: bool = False) -> Iterator[range]:
    """Yield groups of sample indices to draw in parallel: `count` in all, at most `most` per group.

    endless: continue after `count`, in groups that grow, for as long as the caller asks.
    """
    first, size = 0, min(count, most)
    while endless or first < count:
        yield range(first, first + size if endless else min(first + size, count))
        first, size = first + size, min(2 * size, most)
