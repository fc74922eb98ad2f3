"""Read a prompt up to the token boundary from which samples go on.

A prompt may end inside a token. After "the fal", a model of words expects the token "falcon", and has never read its
first letters by themselves. So the last tokens of the prompt are taken back, and the first token of a sample is drawn
only among the tokens that begin with their text. The boundaries before them stay where the tokenizer sets them in the
prompt alone.

For each number of tokens that can be taken back, the probability of the prompt is P(the tokens before) · P(a token that
begins with the rest); if none is taken back, it is P(all tokens). The number with the highest probability is chosen.
Where no longer token begins with the rest, as among characters and bytes, nothing is taken back.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from charlm.data.encoding import Encoded, UnknownPolicy, apply_policy, encode
from charlm.errors import ConfigError
from charlm.nn.network import Network, NetworkState
from charlm.nn.probability import log_softmax
from charlm.tokenizers import Ids, Tokenizer
from charlm.wording import quoted

_BLOCK = 1024  # tokens of a prompt to read at once


@dataclass(frozen=True, eq=False)
class Opening:
    """A prompt that was read as far as its tokens are certain."""

    prompt: str  # without the characters that were left out
    ids: Ids  # the tokens that were read
    logits: Tensor  # (1, V), of the next token
    state: NetworkState
    rest: str = ""  # the end of the prompt that was taken back
    first_tokens: Tensor | None = None  # (V,), the tokens that begin with `rest`; None: any token may come next
    exact: frozenset[int] = frozenset()  # those that are no longer than `rest`, so that they add nothing to the prompt
    left_out: int | None = None  # a token that is never drawn: <UNK>, which stands for text outside the vocabulary


class _Choice(NamedTuple):
    """Fields of an Opening, for a number of last tokens that may be taken back."""

    rest: str
    first_tokens: Tensor
    exact: frozenset[int]


@torch.inference_mode()
def open_prompt(
    network: Network, tokenizer: Tokenizer, prompt: str, unknown: UnknownPolicy, *, allow_unk: bool
) -> Opening:
    """Read a prompt. Raises UnknownCharacterError if `unknown` is "error".

    An unknown word at the end is taken back if it begins a known one, and is then not unknown. allow_unk: whether <UNK>
    may be drawn.
    """
    allowed, left_out = network.allowed_tokens, _left_out(network, tokenizer, allow_unk)
    whole = encode(tokenizer, prompt, "unk")
    choices = _choices(tokenizer, whole, allowed)
    if not choices and unknown == "skip":
        whole = apply_policy(tokenizer, whole, unknown)
        choices = _choices(tokenizer, whole, allowed)
    most = max(choices, default=0)
    before = apply_policy(tokenizer, whole.first(len(whole.ids) - most), unknown)
    last = whole.rest(len(whole.ids) - most)
    logits, state = read(network, tokenizer.sequence(before.ids))
    candidates: list[tuple[float, Opening]] = []
    logprob = 0.0  # of the last tokens so far
    for index in range(most + 1):
        ids = np.concatenate((before.ids, last.ids[:index]))
        opening = Opening(before.text + last.text, ids, logits, state, left_out=left_out)
        logprobs = log_softmax(logits[0].cpu().double())  # not all GPUs have float64
        if choice := choices.get(most - index):
            mass = float(logprobs[choice.first_tokens.cpu()].logsumexp(0))
            candidates.append((logprob + mass, replace(opening, **choice._asdict())))
        if index == most:
            candidates.append((logprob, opening))
        else:
            token = int(last.ids[index])
            logprob += float(logprobs[token]) if token != tokenizer.UNK else -math.inf
            next_logits, state = network(network.column(last.ids[index : index + 1]), state)
            logits = next_logits[-1]
    return max(candidates, key=lambda candidate: candidate[0])[1]


@torch.inference_mode()
def open_tokens(network: Network, tokenizer: Tokenizer, prompt: str, ids: Ids, *, allow_unk: bool) -> Opening:
    """Read a prompt that is cut into tokens already; none is taken back."""
    logits, state = read(network, tokenizer.sequence(ids))
    return Opening(prompt, ids, logits, state, left_out=_left_out(network, tokenizer, allow_unk))


def check_prompt(prompt: str, *, line: bool) -> None:
    """Raise ConfigError for a prompt that a model of lines cannot continue."""
    if line and "\n" in prompt:
        raise ConfigError(f"the prompt {quoted(prompt, 40)} has a newline; a line model continues a single line")


def _left_out(network: Network, tokenizer: Tokenizer, allow_unk: bool) -> int | None:
    """Return <UNK>, unless it may be drawn, cannot occur, or is all that can."""
    allowed = network.allowed_tokens
    others = int(allowed.sum()) > 1
    return tokenizer.UNK if not allow_unk and allowed[tokenizer.UNK] and others else None


def _choices(tokenizer: Tokenizer, prompt: Encoded, allowed: Tensor) -> dict[int, _Choice]:
    """Return the numbers of last tokens with whose text a longer token begins."""
    choices: dict[int, _Choice] = {}
    possible = allowed.cpu().numpy()
    rest, end = b"", len(prompt.text)
    last_first = zip(prompt.ids[::-1].tolist(), prompt.lengths[::-1].tolist(), strict=True)
    for count, (index, length) in enumerate(last_first, start=1):
        unknown = prompt.text[end - length : end].encode("utf-8", "surrogatepass")
        rest = (unknown if index == tokenizer.UNK else tokenizer.token_bytes(index)) + rest
        end -= length
        if len(rest) >= tokenizer.longest_token:
            break
        tokens = [token for token in tokenizer.beginning_with(rest) if possible[token]]
        exact = frozenset(token for token in tokens if len(tokenizer.token_bytes(token)) == len(rest))
        if len(exact) < len(tokens):
            first_tokens = torch.zeros_like(allowed)
            first_tokens[tokens] = True
            choices[count] = _Choice(rest.decode(errors="surrogatepass"), first_tokens, exact)
        if index == tokenizer.UNK:
            break
    return choices


def read(network: Network, ids: Ids) -> tuple[Tensor, NetworkState]:
    """Read one token or more, beginning with START; return the logits (1, V) of the next token, and the state."""
    state: NetworkState | None = None
    column = network.column(ids)
    for first in range(0, len(ids), _BLOCK):
        outputs, state = network.outputs(column[first : first + _BLOCK], state)
    assert state is not None
    return network.logits(outputs[-1]), state
