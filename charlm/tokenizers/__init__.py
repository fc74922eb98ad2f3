"""The contract of a tokenizer: the mapping between text and token ids.

A new tokenizer is one new file in this folder with one subclass of `Tokenizer`; `--tokenizer` names the file. It sets
the class variables that apply to it and implements the eight abstract methods. Every other method has an implementation
here that follows from these; override one only to make it faster.

Ids 0, 1 and 2 are control tokens in every tokenizer. No text encodes to them: a text that contains the letters `<EOS>`
is encoded as those five characters. Every other token stands for one or more characters, or for a byte of one.
"""

import codecs
import re
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property
from itertools import islice, takewhile
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.config import TOKENIZER_FIELDS, ModelConfig, TextMode
from charlm.errors import ConfigError
from charlm.progress import OnProgress, ignore
from charlm.registry import find

Ids = NDArray[np.int32]
# Half of a UTF-16 character. A Python string may hold one, but it is not a character and has no UTF-8.
SURROGATE = re.compile("[\ud800-\udfff]")


class Unknown(NamedTuple):
    """A character or word that is encoded as UNK, and its offset in the text."""

    position: int
    text: str


class Tokenizer(ABC):
    """Built from the training text by `train`; stored as JSON by `to_json`, and read by `from_json`."""

    # Set by a subclass.
    SETTINGS: ClassVar[frozenset[str]] = frozenset()  # the fields of ModelConfig in TOKENIZER_FIELDS that `train` uses
    NOUN: ClassVar[str] = "token"  # what a token is, in one word
    HAS_BYTE_TOKENS: ClassVar[bool] = False  # some tokens are one byte of a character
    READS_ANY_BYTES: ClassVar[bool] = False  # a text need not be UTF-8 (`charlm.raw_bytes`)
    NEEDS_SPACES: ClassVar[bool] = False  # only a space shows where a word ends
    AMBIGUOUS: ClassVar[bool] = False  # some texts have other token sequences than the one that `encode` returns
    decode_errors: str = "replace"  # what a codec makes of bytes that do not form a character
    import_notes: tuple[str, ...] = ()  # parts of a file of another program that this tokenizer does not use, in words

    # Equal in all tokenizers.
    UNK: ClassVar[int] = 0  # a character or word outside the vocabulary
    START: ClassVar[int] = 1  # input before the first token of a sequence
    EOS: ClassVar[int] = 2  # end of a sequence
    CONTROL: ClassVar[tuple[str, ...]] = ("<UNK>", "<START>", "<EOS>")
    REPLACEMENT: ClassVar[str] = "\ufffd"  # <UNK> in decoded text

    # Build and store: implement these.

    @classmethod
    @abstractmethod
    def train(
        cls,
        texts: Iterable[Iterable[str]],
        config: ModelConfig,
        *,
        mode: TextMode = TextMode.STREAM,
        on_progress: OnProgress = ignore,
    ) -> "Tokenizer":
        """Build the vocabulary from texts, each of which comes in pieces that may be cut anywhere.

        config: the settings named in `SETTINGS` are used. mode: in line mode a newline ends a line and gets no token.
        on_progress: called now and then during work that follows the reading of the texts. Raises ConfigError if the
        requested vocabulary is larger than the text supports, or too small for it.
        """

    @classmethod
    @abstractmethod
    def from_json(cls, values: Any) -> "Tokenizer":
        """Rebuild a tokenizer from the result of `to_json`. Raises ValueError, which says what is wrong."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return the complete tokenizer as plain JSON values."""

    def rules(self) -> dict[str, Any]:
        """Return `to_json` and what else a program in another language needs to encode text. Override it if so."""
        return self.to_json()

    @classmethod
    def check(cls, config: ModelConfig) -> None:
        """Raise ConfigError if `config` has a setting that this tokenizer does not use."""
        defaults = ModelConfig()
        for name in TOKENIZER_FIELDS:
            if name not in cls.SETTINGS and getattr(config, name) != getattr(defaults, name):
                message = f"the {config.tokenizer} tokenizer does not use {name}"
                raise ConfigError(message, remedy="leave_out", settings=[name])

    @classmethod
    def from_other_format(cls, data: bytes) -> "Tokenizer | None":
        """Read a vocabulary file of another program; return None if this tokenizer does not know the format.

        Raises ValueError, which says what is wrong, if the file is damaged.
        """
        return None

    # Encode and decode: implement these.

    @property
    @abstractmethod
    def size(self) -> int:
        """Size V of the vocabulary, control tokens included."""

    @abstractmethod
    def encode(self, text: str) -> Ids:
        """Return the token ids (n,) of a text, UNK for what has no token. Neither START nor EOS is added."""

    @abstractmethod
    def encode_pieces(self, pieces: Iterable[str], *, mode: TextMode = TextMode.STREAM) -> Iterator[Ids]:
        """Encode one text that comes in pieces, cut anywhere, in bounded memory; the ids are those of `encode`.

        mode: in line mode each line is encoded by itself, and its newline becomes EOS.
        """

    @abstractmethod
    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of token ids; `decode(encode(text))` is `text` if nothing in it is unknown.

        START and EOS have no text. UNK becomes REPLACEMENT. Bytes that do not form a character before a control token
        or the end become REPLACEMENT too, or what `decode_errors` makes of them.
        """

    @abstractmethod
    def token_text(self, index: int) -> str | None:
        """Return a token in readable form: its text, None for a control token, `<0xC3>` for a byte above 0x7F."""

    def token_bytes(self, index: int) -> bytes:
        """Return the UTF-8 bytes of a token, empty for a control token. Override it if there are byte tokens."""
        return (self.token_text(index) or "").encode("utf-8", "surrogatepass")

    def fallback_tokens(self) -> NDArray[np.bool_]:
        """Return (V,): the tokens that spell text without a token of its own, such as bytes and letters.

        They may be absent from the training text. Override it if the tokenizer has such tokens.
        """
        return np.zeros(self.size, dtype=bool)

    # Derived from the methods above: override one only to make it faster.

    def beginning_with(self, prefix: bytes) -> list[int]:
        """Return the ids of the tokens whose bytes begin with `prefix`, which is not empty."""
        tokens = self._sorted_tokens
        first = bisect_left(tokens, (prefix, 0))
        return [index for _, index in takewhile(lambda token: token[0].startswith(prefix), islice(tokens, first, None))]

    @cached_property
    def longest_token(self) -> int:
        """Number of bytes of the longest token."""
        return max(len(token) for token, _ in self._sorted_tokens)

    @cached_property
    def _sorted_tokens(self) -> list[tuple[bytes, int]]:
        return sorted((self.token_bytes(index), index) for index in range(self.size))

    def token_texts(self, ids: Sequence[int] | Ids) -> list[str | None]:
        """Return `token_text` of each id."""
        return [self.token_text(index) for index in np.asarray(ids, dtype=np.int64).tolist()]

    def sequence(self, ids: Ids, *, eos: bool = False) -> Ids:
        """Return START, the ids, and EOS if `eos`: what a network reads and predicts."""
        return np.concatenate(([self.START], ids, [self.EOS] if eos else [])).astype(np.int32)

    def sequences(self, ids: Ids) -> Ids:
        """Insert START at the beginning and after every EOS except the last id."""
        firsts = np.flatnonzero(np.concatenate(([self.EOS], ids[:-1])) == self.EOS)
        return np.insert(ids, firsts, self.START)

    def decoder(self) -> Callable[[int], str]:
        """Return a function that takes one token after another, and returns the text that each completes.

        The texts together are those of `decode`. A character of several byte tokens comes with the last of them; a
        control token ends an incomplete character.
        """
        if not self.HAS_BYTE_TOKENS:
            return self._decoded
        utf8 = codecs.getincrementaldecoder("utf-8")(self.decode_errors)

        def decode(index: int) -> str:
            if index >= len(self.CONTROL):
                return utf8.decode(self.token_bytes(index))
            incomplete = utf8.decode(b"", final=True)
            utf8.reset()
            return incomplete + self.REPLACEMENT if index == self.UNK else incomplete

        return decode

    @cached_property
    def _decoded(self) -> Callable[[int], str]:
        """The text of a single token, which is decoded once."""
        return cache(lambda index: self.decode((index,)))

    def lengths(self, text: str, ids: Ids) -> NDArray[np.int64]:
        """Return (n,): how many characters of `text` each of its ids completes. UNK may stand for several."""
        decode = self.decoder()
        return np.fromiter((len(decode(int(index))) for index in ids), dtype=np.int64, count=len(ids))

    def line_ends(self) -> NDArray[np.bool_]:
        """Return (V,): the tokens whose text ends in a newline, so that the next token begins a line."""
        return np.array([self.token_bytes(index).endswith(b"\n") for index in range(self.size)])

    def count_unknown(self, text: str) -> int:
        """Return the number of UNK ids in the encoding of a text."""
        return int((self.encode(text) == self.UNK).sum())

    def first_unknown(self, text: str) -> Unknown | None:
        """Return the first character or word that is encoded as UNK, or None."""
        ids = self.encode(text)
        offsets = np.flatnonzero(ids == self.UNK)
        if not len(offsets):
            return None
        lengths = self.lengths(text, ids)
        start = int(lengths[: offsets[0]].sum())
        return Unknown(start, text[start : start + int(lengths[offsets[0]])])

    def without_unknown(self, text: str) -> str:
        """Return the text without the characters and words that are encoded as UNK."""
        ids = self.encode(text)
        return "".join(select_text(text, self.lengths(text, ids), ids != self.UNK))

    def has(self, character: str) -> bool:
        """Return whether some token's text contains this character; on its own it may still be unknown."""
        return any(character.encode("utf-8", "surrogatepass") in self.token_bytes(index) for index in range(self.size))


def reads_any_bytes(name: str) -> bool:
    """Return whether the tokenizer of this name reads a text that is not UTF-8. Raises UnknownNameError."""
    return find(Tokenizer, name).READS_ANY_BYTES


def select_text(text: str, lengths: NDArray[np.int64], selected: NDArray[np.bool_]) -> Iterator[str]:
    """Yield the parts of a text that belong to the selected tokens; `lengths` are the characters of each token."""
    ends = np.cumsum(lengths)
    for start, end in zip((ends - lengths)[selected].tolist(), ends[selected].tolist(), strict=True):
        yield text[start:end]
