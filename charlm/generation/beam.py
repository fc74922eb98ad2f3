"""Beam search (Lowerre 1976): keep the most likely beginnings of each length, and extend them token by token."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from charlm.generation.ending import Stopped
from charlm.generation.generate import Sample, check_finite
from charlm.generation.opening import Opening
from charlm.nn.network import Network, select
from charlm.nn.probability import log_softmax
from charlm.tokenizers import Tokenizer

_PARTS = 4  # the most tokens in a character, if they are its bytes


class _Text(NamedTuple):
    """A text that has ended."""

    logprob: float
    tokens: tuple[int, ...]
    left_out: float  # sum, over its tokens, of the probability that was left out of the search


class _Beginnings(NamedTuple):
    """Unfinished texts of the same length, the most likely first."""

    tokens: Tensor  # (B, t)
    logprobs: Tensor  # (B,), float64, on the CPU
    left_out: Tensor  # (B,), float64, on the CPU, as in _Text
    rows: Tensor  # (B,), the beginning that each one extends by its last token

    def keep(self, mask: Tensor) -> "_Beginnings":
        """Return those at which the mask (B,), on the CPU, is true."""
        moved = mask.to(self.tokens.device)
        return _Beginnings(self.tokens[moved], self.logprobs[mask], self.left_out[mask], self.rows[moved])

    def extend(self, scores: Tensor, left_out: Tensor, width: int) -> "_Beginnings":
        """Return the `width` most likely extensions. `scores` is (B, V), log P of each beginning with each token."""
        logprobs, indices = scores.flatten().sort(descending=True, stable=True)
        count = min(width, int((logprobs > -torch.inf).sum()))
        indices = indices[:count]
        rows, tokens = indices // scores.shape[1], (indices % scores.shape[1]).to(self.tokens.device)
        moved = rows.to(self.tokens.device)
        longer = torch.cat((self.tokens[moved], tokens[:, None]), dim=1)
        return _Beginnings(longer, logprobs[:count], left_out[rows], moved)

    def texts(self) -> list[_Text]:
        tokens = map(tuple, self.tokens.tolist())
        return list(map(_Text, self.logprobs.tolist(), tokens, self.left_out.tolist()))


@torch.inference_mode()
def search(
    network: Network,
    tokenizer: Tokenizer,
    opening: Opening,
    *,
    width: int,
    length: int,
    count: int,
    stop: str = "",
) -> list[Sample]:
    """Return the `count` most likely continuations in the beam, best first.

    A continuation ends with <EOS>, after `length` tokens, or before a `stop` text, whose tokens count in its log P.
    `width` beginnings are kept at each step; if no beginning is dropped, the result is the true maximum. Texts of
    different lengths are compared by log P, without normalization. If the end of the prompt was taken back, log P of
    the token that begins with it counts in the comparison too. Raises ModelError if the network's outputs are not
    finite.
    """
    logits, state, left_out = opening.logits, opening.state, opening.left_out
    start, zero = torch.zeros(1, dtype=torch.long, device=logits.device), torch.zeros(1, dtype=torch.double)
    beam = _Beginnings(start[:, None][:, :0], zero, zero, start)
    closed: list[_Text] = []
    in_prompt: dict[int, _Text] = {}  # first tokens that add nothing to the prompt, each as a text of its own
    never = [tokenizer.EOS] if left_out is None else [tokenizer.EOS, left_out]
    while len(beam.tokens):
        logprobs = log_softmax(logits).cpu().double()  # (B, V)
        check_finite(~logprobs.isnan())
        sums = beam.left_out + (0.0 if left_out is None else logprobs[:, left_out].exp())
        if not beam.tokens.shape[1] and opening.first_tokens is not None:
            in_prompt = {token: _Text(float(logprobs[0, token]), (token,), float(sums[0])) for token in opening.exact}
            logprobs = logprobs.masked_fill(~opening.first_tokens.cpu(), -torch.inf)
        scores = beam.logprobs[:, None] + logprobs
        ended = zip(scores[:, tokenizer.EOS].tolist(), beam.tokens.tolist(), sums.tolist(), strict=True)
        closed += (
            _Text(score, (*tokens, tokenizer.EOS), share) for score, tokens, share in ended if score > -torch.inf
        )
        closed = sorted(closed, reverse=True)[:count]
        scores[:, never] = -torch.inf
        beam = beam.extend(scores, sums, width)
        # A text never becomes more likely as it grows, so no beginning can overtake the texts that are closed.
        if not len(beam.logprobs) or (len(closed) == count and beam.logprobs[0] <= closed[-1][0]):
            break
        tokens = beam.tokens.tolist()
        complete = torch.tensor([len(each) - (each[0] in in_prompt) == length for each in tokens])
        if stop:
            complete |= torch.tensor([_has(stop, each, tokenizer, opening.rest) for each in tokens])
        closed += beam.keep(complete).texts()
        beam = beam.keep(~complete)
        if len(beam.tokens):
            next_logits, state = network(beam.tokens[None, :, -1], select(state, beam.rows))
            logits = next_logits[0]
    best = sorted(closed, reverse=True)[:count]
    samples = []
    for index, text in enumerate(best):
        first = in_prompt.get(text.tokens[0], _Text(0.0, (), 0.0))
        own = _Text(text.logprob - first.logprob, text.tokens[len(first.tokens) :], text.left_out - first.left_out)
        samples.append(_sample(tokenizer, opening, stop, index, text.tokens, own))
    return samples


def _has(stop: str, tokens: Sequence[int], tokenizer: Tokenizer, rest: str) -> bool:
    """Return whether the stop text occurs at the end of tokens, of which the first begins with `rest`."""
    tail = tokens[-_PARTS * len(stop) :]
    text = tokenizer.decode(tail)
    return stop in (text if len(tail) < len(tokens) else text.removeprefix(rest))


def _sample(
    tokenizer: Tokenizer,
    opening: Opening,
    stop: str,
    index: int,
    all_tokens: Sequence[int],
    own: _Text,
) -> Sample:
    """Return a sample. `own` is the part of the tokens that does not belong to the prompt."""
    text = tokenizer.decode(all_tokens).removeprefix(opening.rest)
    stopped: Stopped = "eos" if all_tokens[-1] == tokenizer.EOS else "length"
    if stop and stop in text:
        text, stopped = text[: text.index(stop)], "stop"
    number = len(own.tokens)
    share = None if opening.left_out is None or not number else own.left_out / number
    return Sample(opening.prompt, text, number, own.logprob, stopped, None, index, opening.rest or None, share)
