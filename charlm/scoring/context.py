"""Cut a context and the text after it into tokens together, as the text would be cut as a whole.

A token may span the end of the context: "simple ques" and "tion" contain the token "question". Cut apart, the two would
have tokens that the whole never has, and their probability would not be P(whole) / P(context). So the scored tokens are
those of the whole after the last boundary up to which it is cut like the context alone.
"""

from typing import NamedTuple

import numpy as np

from charlm.data.encoding import Encoded, UnknownPolicy, apply_policy, encode
from charlm.tokenizers import Ids, Tokenizer


class InContext(NamedTuple):
    """A text after a context: the tokens that are only read, and those that are scored."""

    before: Ids
    scored: Encoded  # its text begins with `moved`
    moved: str = ""  # the end of the context that is scored with the text


def encode_in_context(tokenizer: Tokenizer, context: str, text: str, unknown: UnknownPolicy) -> InContext:
    """Encode a text after a context. Raises UnknownCharacterError if `unknown` is "error"."""
    if not (context and tokenizer.AMBIGUOUS):  # without other tokenizations, no token depends on the text around it
        return InContext(encode(tokenizer, context, unknown).ids, encode(tokenizer, text, unknown))
    whole, alone = encode(tokenizer, context + text, "unk"), encode(tokenizer, context, "unk")
    shared = _common_prefix(whole, alone)
    start = int(whole.lengths[:shared].sum())
    moved = context[start:]
    before = apply_policy(tokenizer, whole.first(shared), unknown)
    return InContext(before.ids, apply_policy(tokenizer, whole.rest(shared), unknown, -len(moved)), moved)


def _common_prefix(one: Encoded, other: Encoded) -> int:
    """Return the number of tokens at the beginning of both texts that are equal and complete equal text."""
    count = min(len(one.ids), len(other.ids))
    equal = (one.ids[:count] == other.ids[:count]) & (one.lengths[:count] == other.lengths[:count])
    return count if equal.all() else int(np.argmin(equal))
