"""Words: a text is cut into words, spaces, and signs; those that are frequent in the training text are tokens.

A word consists of letters, marks, digits, and underscores, and may contain one apostrophe (`don't`). Spaces, tabs, and
newlines form runs. Any other character is a unit of its own, and so is a character of a script that has no spaces
between words (Chinese, Thai). No unit is longer than 64 characters; a longer run is cut into several.

A word that is not a token is spelled character by character, or is <UNK> in a closed vocabulary. A known word could be
spelled too, but `encode` never does so: the probability of a text is that of this one encoding, slightly less than the
sum over all encodings.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache, cached_property
from itertools import chain, islice
from typing import Any

import numpy as np
import regex
from numpy.typing import NDArray

from charlm.config import ModelConfig, TextMode
from charlm.errors import ConfigError
from charlm.progress import OnProgress, ignore
from charlm.tokenizers import Ids, Tokenizer

LARGEST_UNASKED = 20_000  # tokens, if no vocabulary size is set
_LETTER = r"[\w--[\p{Han}\p{Hiragana}\p{Line_Break=Complex_Context}]]"
_UNIT = "{0}{{1,48}}+(?:['’]{0}{{1,15}}+)?+| {{1,64}}+|\n{{1,64}}+|\t{{1,64}}+|."  # of some letters
_LONGEST = 64
_TOKEN = regex.compile(_UNIT.format(_LETTER), regex.V1 | regex.DOTALL)
_ASCII_TOKEN = re.compile(_UNIT.format("[A-Za-z0-9_]"), re.DOTALL)  # the same for a text of ASCII characters
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_IS_WORD = regex.compile(_LETTER, regex.V1)
_COUNTED = 2**21  # different words counted at once, more than Unicode has characters
_CHUNK = 2**18  # words between two checks of that limit
_BLOCK = 2**20  # characters


class WordTokenizer(Tokenizer):
    """`words` are the tokens after the control tokens, from the most to the least frequent.

    They include the single characters that spell other words, unless the vocabulary is `closed`.
    """

    SETTINGS = frozenset({"vocab_size", "min_count", "closed"})
    AMBIGUOUS = True

    def __init__(self, words: Iterable[str], closed: bool = False) -> None:
        self.words, self.closed = tuple(words), closed
        self._index = {word: number for number, word in enumerate(self.words, len(self.CONTROL))}
        self._texts = (self.REPLACEMENT, "", "", *self.words)
        self._lengths = np.array(list(map(len, self._texts)), dtype=np.int64)

    @classmethod
    def train(
        cls,
        texts: Iterable[Iterable[str]],
        config: ModelConfig,
        *,
        mode: TextMode = TextMode.STREAM,
        on_progress: OnProgress = ignore,
    ) -> "WordTokenizer":
        """Give a token to every word that occurs at least `min_count` times, up to `vocab_size`.

        The default of `min_count` is 2: words that occur once are spelled, and so teach the model to spell.
        """
        counts = _count(chain.from_iterable(each for pieces in texts for each in _cut(pieces)), config.closed)
        if mode == TextMode.LINE:
            counts = Counter({word: count for word, count in counts.items() if word[0] != "\n"})
        letters = {letter for word in counts if not (config.closed and _is_word(word)) for letter in word}
        least = 2 if config.min_count is None else config.min_count
        common = [word for word, count in counts.items() if count >= least and word not in letters]
        common.sort(key=lambda word: (-counts[word], word))
        known = set(common[: _room(config, len(letters), len(common), least)])
        uses = Counter({word: counts[word] for word in known})
        for word, count in counts.items():
            if word not in known:
                uses.update({letter: word.count(letter) * count for letter in letters.intersection(word)})
        return cls(sorted(letters | known, key=lambda word: (-uses[word], word)), config.closed)

    @classmethod
    def from_json(cls, values: Any) -> "WordTokenizer":
        if not isinstance(values, dict) or set(values) != {"words", "closed"} or type(values["closed"]) is not bool:
            raise ValueError("it must contain a list, 'words', and 'closed', which is true or false")
        words = values["words"]
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ValueError("'words' must be a list of strings")
        if len(set(words)) < len(words):
            raise ValueError("'words' must contain each word only once")
        strange = next((word for word in words if not _TOKEN.fullmatch(word)), None)
        if strange is not None:
            raise ValueError(f"{strange[:40]!r} is not one word")
        return cls(words, values["closed"])

    def to_json(self) -> dict[str, Any]:
        return {"words": list(self.words), "closed": self.closed}

    def rules(self) -> dict[str, Any]:
        """Return also `letters`: the first and last code points of the ranges of letters, one after the other."""
        return self.to_json() | {"letters": _letter_ranges()}

    @property
    def size(self) -> int:
        return len(self._texts)

    def encode(self, text: str) -> Ids:
        blocks = (text[start : start + _BLOCK] for start in range(0, len(text), _BLOCK))
        return np.concatenate([np.empty(0, dtype=np.int32), *self.encode_pieces(blocks)])

    def encode_pieces(self, pieces: Iterable[str], *, mode: TextMode = TextMode.STREAM) -> Iterator[Ids]:
        lines = mode == TextMode.LINE
        find = (self._index_in_line if lines else self._index).get
        for words in _cut(pieces):
            indices = [find(word, -1) for word in words]
            ids: list[int] = []
            done = 0
            for at in _positions(indices, -1):
                ids += indices[done:at]
                if lines and words[at][0] == "\n":
                    ids += [self.EOS] * len(words[at])
                else:
                    ids += (index for _, index in self._spelled(words[at]))
                done = at + 1
            yield np.array(ids + indices[done:], dtype=np.int32)

    @cached_property
    def _index_in_line(self) -> dict[str, int]:
        return {word: index for word, index in self._index.items() if word[0] != "\n"}

    def decode(self, ids: Iterable[int]) -> str:
        return "".join([self._texts[index] for index in ids])

    def lengths(self, text: str, ids: Ids) -> NDArray[np.int64]:
        if self.closed and (ids == self.UNK).any():
            return np.array([len(part) for part, _ in self._parts(text)], dtype=np.int64)
        lengths: NDArray[np.int64] = self._lengths[ids]
        return lengths

    def token_text(self, index: int) -> str | None:
        return self._texts[index] if index >= len(self.CONTROL) else None

    def fallback_tokens(self) -> NDArray[np.bool_]:
        spelling = [len(word) == 1 and not (self.closed and _is_word(word)) for word in self.words]
        return np.array([False] * len(self.CONTROL) + spelling)

    def _parts(self, text: str) -> Iterator[tuple[str, int]]:
        """Yield the text and the id of each token."""
        for word in _units(text):
            if word in self._index:
                yield word, self._index[word]
            else:
                yield from self._spelled(word)

    def _spelled(self, word: str) -> Iterator[tuple[str, int]]:
        """Yield the text and the id of each token that spells a word."""
        if self.closed and _is_word(word):
            return iter([(word, self.UNK)])
        return ((letter, self._index.get(letter, self.UNK)) for letter in word)


@cache
def _letter_ranges() -> list[int]:
    letters = regex.compile(rf"{_LETTER}++", regex.V1)
    spans = (match.span() for match in letters.finditer("".join(map(chr, range(sys.maxunicode + 1)))))
    return [point for first, end in spans for point in (first, end - 1)]


def _cut(pieces: Iterable[str]) -> Iterator[list[str]]:
    """Cut a text into words, spaces, and signs, in lists. A cut depends on no more than the next 64 characters."""
    rest = ""
    for piece in pieces:
        rest += piece
        if len(rest) < 4 * _LONGEST:
            continue
        words = _units(rest)
        open_ = 0  # characters of the words that may continue in the next piece
        while open_ <= _LONGEST:
            open_ += len(words.pop())
        yield words
        rest = rest[len(rest) - open_ :]
    yield _units(rest)


def _units(text: str) -> list[str]:
    """Cut a text into words, spaces, and signs.

    Python's own expressions are three times as fast as those with the properties of Unicode, which only lines with
    other characters than ASCII need. No unit has a newline beside another character, so lines can be cut apart.
    """
    units: list[str] = []
    done = 0
    while other := _NOT_ASCII.search(text, done):
        first = text.rfind("\n", done, other.start()) + 1 or done
        last = text.find("\n", other.end())
        if last < 0:
            last = len(text)
        units += _ASCII_TOKEN.findall(text, done, first)
        units += _TOKEN.findall(text, first, last)
        done = last
    return units + _ASCII_TOKEN.findall(text, done)


def _positions(values: list[int], wanted: int) -> Iterator[int]:
    """Yield each index at which a list has a number. The list searches faster than a loop compares."""
    at = -1
    with suppress(ValueError):
        while True:
            at = values.index(wanted, at + 1)
            yield at


def _count(words: Iterator[str], closed: bool) -> Counter[str]:
    """Count words in bounded memory (Manku & Motwani 2002).

    If there are too many different words, the counts of the rarest are dropped and, unless the vocabulary is closed,
    added to their letters.
    """
    counts, least = Counter[str](), 0
    while chunk := list(islice(words, _CHUNK)):
        counts.update(chunk)
        while len(counts) > _COUNTED:
            least += 1
            rare = [word for word, count in counts.items() if count <= least and len(word) > 1]
            for word in rare:
                count = counts.pop(word)
                if not (closed and _is_word(word)):
                    counts.update({letter: word.count(letter) * count for letter in set(word)})
    return counts


def _room(config: ModelConfig, letters: int, words: int, least: int) -> int:
    """Return the number of words in the vocabulary in addition to its letters."""
    fixed = len(Tokenizer.CONTROL) + letters
    if config.vocab_size is None:
        return min(words, max(0, LARGEST_UNASKED - fixed))
    if config.vocab_size < fixed:
        raise ConfigError(
            f"vocab_size is {config.vocab_size:,}, but the {letters:,} characters that spell other words and the"
            f" control tokens already need {fixed:,}; make it {fixed:,} or more",
            setting="vocab_size",
        )
    if config.vocab_size > fixed + words:
        raise ConfigError(
            f"vocab_size is {config.vocab_size:,}, but the text supports {fixed + words:,}: {words:,} words that occur"
            f" at least {least:,} time{'s' * (least != 1)}, and {fixed:,} characters and control tokens",
            setting="vocab_size",
        )
    return config.vocab_size - fixed


def _is_word(text: str) -> bool:
    return _IS_WORD.match(text) is not None
