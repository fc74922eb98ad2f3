"""Cut a context and the text after it into tokens together, as the text would be cut as a whole.

A token may span the end of the context: of "simple ques" and "tion", the token "question". Cut apart, the two would
have tokens that the whole never has, and their probability would not be that of the text. So the scored tokens are
those of the whole after the last boundary that it shares with the context alone.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.data.encoding import Encoded, UnknownPolicy, apply_policy, encode
from charlm.scoring import units
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
    whole = encode(tokenizer, context + text, "unk")
    start = max(_boundaries(encode(tokenizer, context, "unk").lengths) & _boundaries(whole.lengths))
    _, after = units.groups([0, start], whole.lengths)
    moved = context[start:]
    rest = Encoded(whole.text[start:], whole.ids[after], whole.lengths[after])
    before = Encoded(context[:start], whole.ids[: after.start], whole.lengths[: after.start])
    scored = apply_policy(tokenizer, rest, unknown, -len(moved))
    return InContext(apply_policy(tokenizer, before, unknown).ids, scored, moved)


def _boundaries(lengths: NDArray[np.int64]) -> set[int]:
    """Return the offsets at which a token can begin."""
    return {0, *np.cumsum(lengths).tolist()}
