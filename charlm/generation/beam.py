"""Beam search (Lowerre 1976): keep the most likely beginnings of each length, and extend them token by token."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from charlm.data.encoding import Encoded
from charlm.generation.ending import Stopped
from charlm.generation.generate import Sample, check_finite, read
from charlm.nn.network import Network, select
from charlm.nn.probability import log_softmax
from charlm.tokenizers import Tokenizer

_PARTS = 4  # the most tokens in a character, if they are its bytes
_Text = tuple[float, tuple[int, ...]]  # log P, tokens


class _Beginnings(NamedTuple):
    """Unfinished texts of the same length, the most likely first."""

    tokens: Tensor  # (B, t)
    logprobs: Tensor  # (B,), float64, on the CPU
    rows: Tensor  # (B,), the beginning that each one extends by its last token

    def keep(self, mask: Tensor) -> "_Beginnings":
        """Return those at which the mask (B,), on the CPU, is true."""
        moved = mask.to(self.tokens.device)
        return _Beginnings(self.tokens[moved], self.logprobs[mask], self.rows[moved])

    def extend(self, scores: Tensor, width: int) -> "_Beginnings":
        """Return the `width` most likely extensions. `scores` is (B, V), log P of each beginning with each token."""
        logprobs, indices = scores.flatten().sort(descending=True, stable=True)
        count = min(width, int((logprobs > -torch.inf).sum()))
        indices = indices[:count].to(self.tokens.device)
        rows, tokens = indices // scores.shape[1], indices % scores.shape[1]
        return _Beginnings(torch.cat((self.tokens[rows], tokens[:, None]), dim=1), logprobs[:count], rows)

    def texts(self) -> list[_Text]:
        return list(zip(self.logprobs.tolist(), map(tuple, self.tokens.tolist()), strict=True))


@torch.inference_mode()
def search(
    network: Network, tokenizer: Tokenizer, prompt: Encoded, *, width: int, length: int, count: int, stop: str = ""
) -> list[Sample]:
    """Return the `count` most likely continuations in the beam, best first.

    A continuation ends with <EOS>, after `length` tokens, or before a `stop` text, whose tokens count in its log P.
    `width` beginnings are kept at each step; if no beginning is dropped, the result is the true maximum. Texts of
    different lengths are compared by log P, without normalization. Raises ModelError if the network's outputs are not
    finite.
    """
    logits, state = read(network, tokenizer.sequence(prompt.ids))
    start = torch.zeros(1, dtype=torch.long, device=logits.device)
    beam = _Beginnings(start[:, None][:, :0], torch.zeros(1, dtype=torch.double), start)
    closed: list[_Text] = []
    for step in range(length):
        logprobs = log_softmax(logits).cpu().double()  # (B, V)
        check_finite(~logprobs.isnan())
        scores = beam.logprobs[:, None] + logprobs
        ended = zip(scores[:, tokenizer.EOS].tolist(), beam.tokens.tolist(), strict=True)
        closed += ((score, (*tokens, tokenizer.EOS)) for score, tokens in ended if score > -torch.inf)
        closed = sorted(closed, reverse=True)[:count]
        scores[:, tokenizer.EOS] = -torch.inf
        beam = beam.extend(scores, width)
        # A text never becomes more likely as it grows, so no beginning can overtake the texts that are closed.
        if not len(beam.logprobs) or (len(closed) == count and beam.logprobs[0] <= closed[-1][0]):
            break
        if stop:
            tails = beam.tokens[:, -_PARTS * len(stop) :].tolist()
            stopped = torch.tensor([stop in tokenizer.decode(tail) for tail in tails])
            closed += beam.keep(stopped).texts()
            beam = beam.keep(~stopped)
            if not len(beam.logprobs):
                break
        if step + 1 < length:
            next_logits, state = network(beam.tokens[None, :, -1], select(state, beam.rows))
            logits = next_logits[0]
    else:
        closed += beam.texts()
    best = sorted(closed, reverse=True)[:count]
    return [_sample(tokenizer, prompt, stop, index, *text) for index, text in enumerate(best)]


def _sample(
    tokenizer: Tokenizer, prompt: Encoded, stop: str, index: int, logprob: float, tokens: Sequence[int]
) -> Sample:
    text = tokenizer.decode(tokens)
    stopped: Stopped = "eos" if tokens[-1] == tokenizer.EOS else "length"
    if stop and stop in text:
        text, stopped = text[: text.index(stop)], "stop"
    return Sample(prompt.text, text, len(tokens), logprob, stopped, seed=None, index=index)
