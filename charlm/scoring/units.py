"""Sum the log-probabilities of tokens up to characters or words.

A word is a run without whitespace, together with the whitespace before it. The log-probabilities of its tokens sum to
that of " cat", which is also a prefix of " cats": over all words such sums exceed one (Oh & Schuler 2024,
arXiv:2406.10851). A word is complete when it ends, and the tokenizer writes the end of a word as the beginning of the
next one. `shift_boundaries` therefore moves the probability of the boundary, whitespace or the end, from the next word
to the one that it closes (Pimentel & Meister 2024, arXiv:2406.14561):

    log P(word) = Σ log P(its tokens) - log P(a boundary before it) + log P(a boundary after it)

The shifts cancel, so the words still sum to the text. The first word has no scored boundary before it. The last word
has none after it unless <EOS> is scored: it may be the prefix of a longer word.

This is exact if every token is part of a single word, as a character is. A token may begin with whitespace. A token
with whitespace elsewhere spans two words, so its probability belongs to neither, and words are refused. Characters are
refused if a token has several: the probability of the second character would need the sum over all tokens that begin
with the first. If tokens are bytes, the bytes of a character sum to it exactly. A byte of non-ASCII whitespace is not a
boundary by itself, so words are then separated by ASCII whitespace only.
"""

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from charlm.errors import ConfigError
from charlm.settings import check_choice
from charlm.tokenizers import Tokenizer

Unit = Literal["char", "token", "word"]
CHAR: Unit = "char"
TOKEN: Unit = "token"
WORD: Unit = "word"
_WORD = re.compile(r"\s*\S+|\s+")
_ASCII_WORD = re.compile(r"\s*\S+|\s+", re.ASCII)


def check(tokenizer: Tokenizer, unit: str) -> None:
    """Raise ConfigError if the model's tokens do not give exact probabilities of the unit."""
    check_choice("unit", unit, (CHAR, TOKEN, WORD))
    if unit == TOKEN:
        return
    texts = _texts(tokenizer)
    several = next((text for text in texts if len(text) > 1), None)
    if unit == CHAR and several:
        raise ConfigError(
            f"the token {several!r} has several characters, so characters have no exact probability", remedy="unit_word"
        )
    inside = re.compile(r"\S\s", re.ASCII if tokenizer.HAS_BYTE_TOKENS else re.UNICODE)
    spanning = next((text for text in texts if inside.search(text)), None)
    if unit == WORD and spanning:
        raise ConfigError(
            f"the token {spanning!r} spans a word boundary, so words have no exact probability", remedy="unit_token"
        )


def is_token(tokenizer: Tokenizer, unit: str) -> bool:
    """Return whether each unit is one token, for a unit that `check` accepts."""
    return unit == TOKEN or (unit == CHAR and not tokenizer.HAS_BYTE_TOKENS)


def display_unit(tokenizer: Tokenizer) -> Unit:
    """Return the smallest readable unit: characters if each token is one or a part of one, else tokens."""
    return CHAR if tokenizer.HAS_BYTE_TOKENS and has_single_characters(tokenizer) else TOKEN


def has_single_characters(tokenizer: Tokenizer) -> bool:
    """Return whether each token is a character or a part of one."""
    return all(len(text) <= 1 for text in _texts(tokenizer))


def boundaries(tokenizer: Tokenizer) -> NDArray[np.bool_]:
    """Return a mask (V,) of the tokens that end the word before them: whitespace and EOS."""
    space = re.compile(r"\s", re.ASCII if tokenizer.HAS_BYTE_TOKENS else re.UNICODE)
    ends = np.array([space.match(text) is not None for text in _texts(tokenizer)])
    ends[tokenizer.EOS] = True
    return ends


def word_starts(tokenizer: Tokenizer, text: str) -> list[int]:
    """Return the offset of each word in the text, its leading whitespace included. Trailing whitespace is a word."""
    return [match.start() for match in (_ASCII_WORD if tokenizer.HAS_BYTE_TOKENS else _WORD).finditer(text)]


def groups(starts: Sequence[int], lengths: NDArray[np.int64]) -> list[slice]:
    """Return the tokens of each piece of a text as a slice, which may be empty; `starts` are the pieces' offsets.

    lengths: characters that each token completes. A token that completes none is a part of the next character.
    """
    ends = np.cumsum(lengths)
    ends[lengths == 0] += 1
    firsts = np.searchsorted(ends, starts, side="right").tolist()
    return [slice(a, b) for a, b in pairwise([*firsts, len(lengths)])]


def sums(logprobs: NDArray[np.float64], pieces: Sequence[slice]) -> list[float]:
    """Return the sum of log P over the tokens of each piece."""
    return [float(logprobs[piece].sum()) for piece in pieces]


def shift_boundaries(
    logprobs: NDArray[np.float64], boundary: NDArray[np.float64], pieces: Sequence[slice]
) -> list[float]:
    """Return log P of each piece, with the boundary after it instead of the one before it.

    boundary: (T,), log P that each token is a boundary. The first piece keeps what comes before it, and the last has
    nothing after it. If the model has no boundary token, log P is infinite and nothing is shifted.
    """
    values = (float(boundary[piece.start]) for piece in pieces[1:])
    between = [value if math.isfinite(value) else 0.0 for value in values]
    shifted = zip(sums(logprobs, pieces), [0.0, *between], [*between, 0.0], strict=False)  # not strict: maybe no piece
    return [value - before + after for value, before, after in shifted]


def _texts(tokenizer: Tokenizer) -> list[str]:
    """Return the text of each token; empty for a part of a character."""
    return [tokenizer.token_bytes(index).decode("utf-8", "ignore") for index in range(tokenizer.size)]
