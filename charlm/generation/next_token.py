"""What may follow a prompt: every token with its probability."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from charlm.generation.opening import Opening
from charlm.generation.samplers import Sampler
from charlm.generation.without import without
from charlm.nn.network import Network, select
from charlm.nn.probability import log_softmax
from charlm.tokenizers import Tokenizer


class TokenProbability(NamedTuple):
    """A token and its probability.

    id: number of the token in the vocabulary.
    text: what the token adds to the prompt; None for a control token.
    probability: P(token | prompt), from 0 to 1.
    """

    id: int
    text: str | None
    probability: float


@torch.inference_mode()
def next_token_probabilities(
    network: Network, tokenizer: Tokenizer, opening: Opening, samplers: Sequence[Sampler]
) -> list[TokenProbability]:
    """Return the tokens that may follow a prompt, the likeliest first; their probabilities sum to 1.

    If the end of the prompt was taken back, these are the longer tokens that begin with it, each with the text that it
    adds, and every token that may follow those that do not. The samplers must not depend on what was drawn before.
    """
    ids, texts, logits = _candidates(network, tokenizer, opening)
    for sampler in [*without(opening.left_out), *samplers]:
        logits, _ = sampler(logits, logits.new_empty(1, 0, dtype=torch.long), None)
    probabilities = log_softmax(logits[0]).exp().tolist()
    order = sorted(range(len(ids)), key=lambda number: -probabilities[number])
    return [TokenProbability(ids[number], texts[number], probabilities[number]) for number in order]


def _candidates(network: Network, tokenizer: Tokenizer, opening: Opening) -> tuple[list[int], list[str | None], Tensor]:
    """Return the tokens, their texts, and their logits (1, n); the whole vocabulary comes first, in order."""
    ids = list(range(tokenizer.size))
    texts = tokenizer.token_texts(ids)
    if opening.first_tokens is None:
        return ids, texts, opening.logits
    logprobs = log_softmax(opening.logits[0])
    exact = torch.tensor(sorted(opening.exact), dtype=torch.long, device=logprobs.device)
    longer = [token for token in opening.first_tokens.nonzero()[:, 0].tolist() if token not in opening.exact]
    after = torch.full_like(logprobs, -torch.inf)  # log P of each token after a token that adds nothing
    if len(exact):
        rows = torch.zeros_like(exact)
        following, _ = network(exact[None], select(opening.state, rows))
        after = (logprobs[exact][:, None] + log_softmax(following[0])).logsumexp(0)
    added = [(tokenizer.token_text(token) or "").removeprefix(opening.rest) for token in longer]
    return [*ids, *longer], [*texts, *added], torch.cat((after, logprobs[longer]))[None]
