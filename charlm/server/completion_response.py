"""Completions in JSON, whole or piece by piece, in the form of the completions interface."""

import time
import uuid
from collections.abc import Sequence
from typing import Any

from charlm.generation.ending import Stopped
from charlm.server.batch import Token
from charlm.server.reading import PromptToken
from charlm.tokenizers import SURROGATE, Tokenizer

_IMPOSSIBLE = -9999.0  # log P of a token that cannot occur, since JSON has no infinity and clients add up numbers
_REASONS: dict[Stopped, str] = {"eos": "stop", "stop": "stop", "length": "length"}


class Head:
    """What all parts of a response have in common."""

    def __init__(self, model: str) -> None:
        self._values = {
            "id": f"cmpl-{uuid.uuid4().hex}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": model,
        }

    def response(self, choices: list[dict[str, Any]], usage: dict[str, int] | None) -> dict[str, Any]:
        """Return the values of a response, or of a part of one that comes in parts."""
        return {**self._values, "choices": choices, **({} if usage is None else {"usage": usage})}


def usage(prompt: int, completion: int) -> dict[str, int]:
    """Return the counts of tokens."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def choice(
    index: int, text: str, logprobs: dict[str, Any] | None, stopped: Stopped | None, seed: int
) -> dict[str, Any]:
    """Return a completion, or a part of one; `stopped` is why it ends here."""
    return {
        "index": index,
        "text": shown(text),
        "logprobs": logprobs,
        "finish_reason": _REASONS[stopped] if stopped else None,
        "seed": seed,
    }


def shown(text: str) -> str:
    """Replace bytes that are not UTF-8 by U+FFFD, since JSON cannot have them."""
    return SURROGATE.sub("\ufffd", text)


class LogprobTable:
    """The tokens of a completion with their log-probabilities and offsets, in the form of the interface.

    offset: where the first token begins in the text of the response.
    """

    def __init__(self, tokenizer: Tokenizer, offset: int) -> None:
        self._tokenizer, self._offset, self._decode = tokenizer, offset, tokenizer.decoder()

    def prompt(self, tokens: Sequence[PromptToken]) -> dict[str, Any]:
        """Return the table of a prompt."""
        lengths = [each.length for each in tokens]
        return self._table([each.id for each in tokens], [each.drawn for each in tokens], lengths)

    def drawn(self, tokens: Sequence[Token]) -> dict[str, Any]:
        """Return the table of the tokens that follow."""
        ids = [token.id for token in tokens]
        return self._table(ids, tokens, [len(self._decode(index)) for index in ids])

    def _table(self, ids: Sequence[int], tokens: Sequence[Token | None], lengths: Sequence[int]) -> dict[str, Any]:
        offsets = []
        for length in lengths:
            offsets.append(self._offset)
            self._offset += length
        return {
            "tokens": [self._name(index) for index in ids],
            "token_logprobs": [None if token is None else _finite(token.logprob) for token in tokens],
            "top_logprobs": [None if token is None else self._likeliest(token) for token in tokens],
            "text_offset": offsets,
        }

    def _name(self, index: int) -> str:
        """Return the text of a token, or the name of a control token."""
        text = self._tokenizer.token_text(index)
        return self._tokenizer.CONTROL[index] if text is None else shown(text)

    def _likeliest(self, token: Token) -> dict[str, float] | None:
        """Return the likeliest tokens and the token itself. If two have the same text, the likelier one counts."""
        if not token.likeliest:
            return None
        values: dict[str, float] = {}
        for index, logprob in (*token.likeliest, (token.id, token.logprob)):
            values.setdefault(self._name(index), _finite(logprob))
        return values


def _finite(logprob: float) -> float:
    return max(logprob, _IMPOSSIBLE)


def joined(tables: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Join the tables of consecutive tokens."""
    return {name: [value for table in tables for value in table[name]] for name in tables[0]}
