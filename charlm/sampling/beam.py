"""Beam search (Lowerre 1976): the likeliest continuation, looked for among the likeliest beginnings of each length."""

from collections.abc import Sequence

import torch

from charlm.data.encoding import Encoded
from charlm.errors import ModelError
from charlm.network import Network, select
from charlm.probability import log_softmax
from charlm.sampling.generation import Sample, read
from charlm.tokenizers import Tokenizer


@torch.inference_mode()
def search(
    network: Network, tokenizer: Tokenizer, prompt: Encoded, *, width: int, length: int, count: int
) -> list[Sample]:
    """The `count` likeliest continuations that were found, best first, each closed by <EOS> or `length` tokens long.

    `width` beginnings are kept at each step; with as many as there are, what is found is the maximum. Texts of
    different lengths compare by log P as it is. Raises ModelError where the network's outputs are not finite.
    """
    logits, state = read(network, tokenizer.sequence(prompt.ids))
    history = torch.empty(1, 0, dtype=torch.long, device=logits.device)  # (B, t), t symbols each
    total = torch.zeros(1, dtype=torch.double)  # (B,), log P of each
    closed: list[tuple[float, tuple[int, ...]]] = []
    for step in range(length):
        following = log_softmax(logits).cpu().double()  # (B, V)
        if following.isnan().any():
            raise ModelError("the network's outputs are not finite numbers; train it with a lower learning rate")
        scores = total[:, None] + following
        ended = zip(scores[:, tokenizer.EOS].tolist(), history.tolist(), strict=True)
        closed += ((score, (*symbols, tokenizer.EOS)) for score, symbols in ended if score > -torch.inf)
        closed = sorted(closed, reverse=True)[:count]
        scores[:, tokenizer.EOS] = -torch.inf
        total, places = scores.flatten().sort(descending=True, stable=True)
        possible = int((total > -torch.inf).sum())
        total, places = total[: min(width, possible)], places[: min(width, possible)].to(logits.device)
        # A text never becomes likelier by going on.
        if not possible or (len(closed) == count and total[0] <= closed[-1][0]):
            history = history[:0]
            break
        rows, symbols = places // logits.shape[1], places % logits.shape[1]
        history = torch.cat((history[rows], symbols[:, None]), dim=1)
        if step + 1 < length:
            following_logits, state = network(symbols[None], select(state, rows))
            logits = following_logits[0]
    closed += zip(total.tolist(), map(tuple, history.tolist()), strict=False)
    return _samples(tokenizer, prompt, sorted(closed, reverse=True)[:count])


def _samples(tokenizer: Tokenizer, prompt: Encoded, found: Sequence[tuple[float, tuple[int, ...]]]) -> list[Sample]:
    return [
        Sample(
            prompt=prompt.text,
            text=tokenizer.decode(symbols),
            tokens=len(symbols),
            logprob=score,
            stopped="eos" if symbols[-1] == tokenizer.EOS else "length",
            seed=None,
            index=index,
        )
        for index, (score, symbols) in enumerate(found)
    ]
