"""Tokens → what their log-probabilities are summed over: characters, tokens or words.

A word is a run without whitespace, together with the whitespace before it. The log-probabilities of its tokens sum to
that of " cat", which is also the beginning of " cats": over all words such sums exceed one (Oh & Schuler 2024,
arXiv:2406.10851). What makes it the word is that it ends, and the tokenizer writes the end of a word as the beginning
of the next. So `closed` moves the probability of the boundary, which is whitespace or the end, from the next word to
the one it closes (Pimentel & Meister 2024, arXiv:2406.14561):

    log P(word) = Σ log P(its tokens) - log P(a boundary before it) + log P(a boundary after it)

Nothing is lost in between, so that the words still sum to the text. The first word has no boundary before it that was
not read, and the last none after it, unless <EOS> is scored: it may be the beginning of a longer word.

That is exact where a token lies within one word, as a character does. A token may begin with whitespace; one that has
it elsewhere has a probability that belongs to no word, and words are then refused. Characters are refused where tokens
have several: the probability of the second one needs the sum over all tokens that begin with the first. Where tokens
are parts of characters, the parts of one sum to it exactly; of whitespace that is written in parts none alone is a
boundary, so that words are then parted by ASCII whitespace only.
"""

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from charlm.config import check_choice
from charlm.errors import ConfigError
from charlm.tokenizers import Tokenizer

Unit = Literal["char", "token", "word"]
CHAR: Unit = "char"
TOKEN: Unit = "token"
WORD: Unit = "word"
_WORD = re.compile(r"\s*\S+|\s+")
_ASCII_WORD = re.compile(r"\s*\S+|\s+", re.ASCII)


def check(tokenizer: Tokenizer, unit: Unit) -> None:
    """Raise ConfigError where the model's tokens do not have exact probabilities of such units."""
    check_choice("unit", unit, (CHAR, TOKEN, WORD))
    if unit == TOKEN:
        return
    texts = _texts(tokenizer)
    several = next((text for text in texts if len(text) > 1), None)
    if unit == CHAR and several:
        raise ConfigError(f"the model's token {several!r} has a probability, its characters have none; say --unit word")
    inside = re.compile(r"\S\s", re.ASCII if tokenizer.HAS_BYTE_TOKENS else re.UNICODE)
    spanning = next((text for text in texts if inside.search(text)), None)
    if unit == WORD and spanning:
        raise ConfigError(f"the model's token {spanning!r} is part of two words, and its probability of neither")


def is_token(tokenizer: Tokenizer, unit: str) -> bool:
    """Whether each such unit, where it has an exact probability, is one token."""
    return unit == TOKEN or (unit == CHAR and not tokenizer.HAS_BYTE_TOKENS)


def display_unit(tokenizer: Tokenizer) -> Unit:
    """Tokens, or characters where every token is one or a part of one: the smallest unit that can be read."""
    return CHAR if tokenizer.HAS_BYTE_TOKENS and all(len(text) <= 1 for text in _texts(tokenizer)) else TOKEN


def boundaries(tokenizer: Tokenizer) -> NDArray[np.bool_]:
    """(V,): the symbols that end a word by coming after it, whitespace and EOS."""
    space = re.compile(r"\s", re.ASCII if tokenizer.HAS_BYTE_TOKENS else re.UNICODE)
    ends = np.array([space.match(text) is not None for text in _texts(tokenizer)])
    ends[tokenizer.EOS] = True
    return ends


def word_starts(tokenizer: Tokenizer, text: str) -> list[int]:
    """Where in the text each word begins, the whitespace before it included; whitespace at the end is by itself."""
    return [match.start() for match in (_ASCII_WORD if tokenizer.HAS_BYTE_TOKENS else _WORD).finditer(text)]


def groups(starts: Sequence[int], lengths: NDArray[np.int64]) -> list[slice]:
    """The tokens, as slices, of the pieces of a text that begin at these characters; a slice may be empty.

    lengths: characters that each token completes. One that completes none is a part of the next.
    """
    ends = np.cumsum(lengths)
    ends[lengths == 0] += 1
    firsts = np.searchsorted(ends, starts, side="right").tolist()
    return [slice(a, b) for a, b in pairwise([*firsts, len(lengths)])]


def sums(logprobs: NDArray[np.float64], pieces: Sequence[slice]) -> list[float]:
    """log P of the tokens of each piece."""
    return [float(logprobs[piece].sum()) for piece in pieces]


def shift_boundaries(
    logprobs: NDArray[np.float64], boundary: NDArray[np.float64], pieces: Sequence[slice]
) -> list[float]:
    """log P of each piece with the boundary after it in place of the one before; `boundary` is log P of one, by token.

    The first piece keeps what stands before it, the last has nothing after it. Where the model knows no boundary at
    all there is nothing to move.
    """
    found = (float(boundary[piece.start]) for piece in pieces[1:])
    between = [value if math.isfinite(value) else 0.0 for value in found]
    moved = zip(sums(logprobs, pieces), [0.0, *between], [*between, 0.0], strict=False)  # no piece, nothing to move
    return [value - before + after for value, before, after in moved]


def _texts(tokenizer: Tokenizer) -> list[str]:
    """Of each symbol; none of one that is part of a character."""
    return [tokenizer.token_bytes(index).decode("utf-8", "ignore") for index in range(tokenizer.size)]
