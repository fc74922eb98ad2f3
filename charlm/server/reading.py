"""Read the prompts of a request, up to where their completions begin."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charlm.data.encoding import encode
from charlm.generation.opening import Opening, check_prompt, open_prompt, open_tokens
from charlm.language_model import LanguageModel
from charlm.nn.probability import LOGPROB, Quantity, highest, likeliest, quantities
from charlm.server.batch import Token
from charlm.server.completion_request import CompletionRequest, Prompt
from charlm.server.errors import RequestError
from charlm.tokenizers import Ids, Tokenizer

_IDS, _VALUES = "ids", "values"  # names of quantities


@dataclass(frozen=True)
class PromptToken:
    """A token of a prompt.

    length: characters that it completes. drawn: log P with alternatives; None for START, which comes before all.
    """

    id: int
    length: int
    drawn: Token | None


@dataclass(frozen=True)
class ReadPrompt:
    """A prompt that was read.

    size: number of its tokens. tokens: all of them, if the client wants their log-probabilities. opening: where the
    completions begin; None if there are none.
    """

    text: str
    size: int
    tokens: Sequence[PromptToken]
    opening: Opening | None


@dataclass(frozen=True)
class _Encoded:
    """Tokens of a prompt. marked: whether they begin with START, which the client wrote itself."""

    text: str
    ids: Ids
    lengths: NDArray[np.int64]
    marked: bool


def read_prompts(model: LanguageModel, request: CompletionRequest, limit: int) -> list[ReadPrompt]:
    """Read all prompts of a request. Raises RequestError and the errors of the library."""
    encoded = [_encode(model, each, request) for each in request.prompts]
    size = sum(len(each.ids) for each in encoded)
    if size > limit:
        raise RequestError(
            f"the prompts have {size:,} tokens; the limit is {limit:,}", param="prompt", code="context_length_exceeded"
        )
    tokens: list[list[PromptToken]] = [[] for _ in encoded]
    if request.echo and request.alternatives is not None:
        tokens = _score(model, encoded, request.alternatives)
    return [
        ReadPrompt(each.text, len(each.ids) + each.marked, parts, _open(model, prompt, each, request))
        for each, parts, prompt in zip(encoded, tokens, request.prompts, strict=True)
    ]


def _encode(model: LanguageModel, prompt: Prompt, request: CompletionRequest) -> _Encoded:
    tokenizer = model.tokenizer
    if not isinstance(prompt, str):
        return _from_ids(tokenizer, prompt)
    check_prompt(prompt, line=model.line)
    # An unknown word at the end may be the beginning of a known one; `open_prompt` decides.
    unknown = request.unknown if request.reads_whole_prompt or request.unknown == "skip" else "unk"
    text, ids, lengths, _ = encode(tokenizer, prompt, unknown)
    return _Encoded(text, ids, lengths, marked=False)


def _from_ids(tokenizer: Tokenizer, prompt: Sequence[int]) -> _Encoded:
    for index in prompt:
        if not 0 <= index < tokenizer.size:
            known = f"the vocabulary has the ids 0 to {tokenizer.size - 1:,}"
            raise RequestError(f"prompt has the token id {index}; {known}", param="prompt")
    marked = bool(prompt) and prompt[0] == tokenizer.START
    ids = np.array(prompt[1:] if marked else prompt, dtype=np.int32)
    decode = tokenizer.decoder()
    pieces = [decode(int(index)) for index in ids]
    lengths = np.array([len(piece) for piece in pieces], dtype=np.int64)
    return _Encoded("".join(pieces), ids, lengths, marked)


def _open(model: LanguageModel, prompt: Prompt, encoded: _Encoded, request: CompletionRequest) -> Opening | None:
    if not request.max_tokens:
        return None
    network, tokenizer = model.network, model.tokenizer
    if isinstance(prompt, str) and not request.reads_whole_prompt:
        return open_prompt(network, tokenizer, prompt, request.unknown, allow_unk=False)
    return open_tokens(network, tokenizer, encoded.text, encoded.ids, allow_unk=False)


def _score(model: LanguageModel, encoded: Sequence[_Encoded], alternatives: int) -> list[list[PromptToken]]:
    """Return the tokens of each prompt with log P, and with the likeliest tokens in the place of each."""
    tokenizer = model.tokenizer
    others: dict[str, Quantity] = {}
    if alternatives:
        others = {_IDS: likeliest(alternatives), _VALUES: highest(alternatives)}
    rows = [tokenizer.sequence(each.ids) for each in encoded]
    scored = []
    for each, values in zip(encoded, quantities(model.network, rows, others), strict=True):
        best: list[list[tuple[int, float]]] = [[] for _ in each.ids]
        if alternatives and len(each.ids):
            pairs = zip(values[_IDS].tolist(), values[_VALUES].tolist(), strict=True)
            best = [list(zip(*pair, strict=True)) for pair in pairs]
        drawn = map(Token, each.ids.tolist(), values[LOGPROB].tolist(), best)
        tokens = [
            PromptToken(token.id, length, token) for token, length in zip(drawn, each.lengths.tolist(), strict=True)
        ]
        scored.append([PromptToken(tokenizer.START, 0, None), *tokens] if each.marked else tokens)
    return scored
