"""The distribution of the token that follows a prompt."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from charlm.generation.generate import read
from charlm.generation.samplers import Sampler
from charlm.nn.network import Network
from charlm.nn.probability import log_softmax
from charlm.tokenizers import Ids, Tokenizer


class TokenProbability(NamedTuple):
    """A token and its probability; text is None for a control token."""

    id: int
    text: str | None
    probability: float


@torch.inference_mode()
def next_token_probabilities(
    network: Network, tokenizer: Tokenizer, ids: Ids, samplers: Sequence[Sampler]
) -> list[TokenProbability]:
    """Return all tokens with their probability to follow a prompt of these ids, the likeliest first."""
    logits, _ = read(network, tokenizer.sequence(ids))
    for sampler in samplers:
        logits, _ = sampler(logits, logits.new_empty(1, 0, dtype=torch.long), None)
    probabilities = log_softmax(logits[0]).exp().tolist()
    order = sorted(range(len(probabilities)), key=lambda index: -probabilities[index])
    return [TokenProbability(index, tokenizer.token_text(index), probabilities[index]) for index in order]
