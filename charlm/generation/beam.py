"""Beam search (Lowerre 1976): the likeliest continuation, looked for among the likeliest beginnings of each length."""

from collections.abc import Sequence

import torch

from charlm.data.encoding import Encoded
from charlm.generation.ending import Stopped
from charlm.generation.generate import Sample, check_finite, read
from charlm.nn.network import Network, select
from charlm.nn.probability import log_softmax
from charlm.tokenizers import Tokenizer

_PARTS = 4  # symbols that a character may have, as bytes


@torch.inference_mode()
def search(
    network: Network, tokenizer: Tokenizer, prompt: Encoded, *, width: int, length: int, count: int, stop: str = ""
) -> list[Sample]:
    """The `count` likeliest continuations that were found, best first, each closed by <EOS> or `length` tokens long.

    A `stop` text closes one too, and is no part of it; log P is with the tokens that completed it.

    `width` beginnings are kept at each step; with as many as there are, what is found is the maximum. Texts of
    different lengths compare by log P as it is. Raises ModelError where the network's outputs are not finite.
    """
    logits, state = read(network, tokenizer.sequence(prompt.ids))
    history = torch.empty(1, 0, dtype=torch.long, device=logits.device)  # (B, t), t symbols each
    total = torch.zeros(1, dtype=torch.double)  # (B,), log P of each
    closed: list[tuple[float, tuple[int, ...]]] = []
    for step in range(length):
        following = log_softmax(logits).cpu().double()  # (B, V)
        check_finite(~following.isnan())
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
        if stop:
            tails = history[:, -_PARTS * len(stop) :].tolist()
            over = torch.tensor([stop in tokenizer.decode(tail) for tail in tails])
            closed += zip(total[over].tolist(), map(tuple, history[over.to(history.device)].tolist()), strict=True)
            total, open_ = total[~over], (~over).to(history.device)
            history, rows, symbols = history[open_], rows[open_], symbols[open_]
            if not len(history):
                break
        if step + 1 < length:
            following_logits, state = network(symbols[None], select(state, rows))
            logits = following_logits[0]
    closed += zip(total.tolist(), map(tuple, history.tolist()), strict=False)
    best = enumerate(sorted(closed, reverse=True)[:count])
    return [_sample(tokenizer, prompt, stop, index, *found) for index, found in best]


def _sample(
    tokenizer: Tokenizer, prompt: Encoded, stop: str, index: int, logprob: float, symbols: Sequence[int]
) -> Sample:
    text = tokenizer.decode(symbols)
    stopped: Stopped = "eos" if symbols[-1] == tokenizer.EOS else "length"
    if stop and stop in text:
        text, stopped = text[: text.index(stop)], "stop"
    return Sample(prompt.text, text, len(symbols), logprob, stopped, seed=None, index=index)
