"""The contract of a tokenizer: text ↔ symbol numbers.

Numbers 0, 1 and 2 are control symbols in every tokenizer. They have no surface form: a text that contains the
letters `<EOS>` is encoded as those five characters. Any other symbol stands for a few characters, or for a part of one.
"""

import codecs
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.config import VOCABULARY, ModelConfig
from charlm.errors import ConfigError
from charlm.progress import OnProgress, ignore

Ids = NDArray[np.int32]


class Unknown(NamedTuple):
    """What UNK stands for: its offset in the text, and the character or the word."""

    position: int
    text: str


class Tokenizer(ABC):
    """Built from the training text by `train`, kept as JSON by `to_json` and `from_json`."""

    SETTINGS: ClassVar[frozenset[str]] = frozenset()  # those of VOCABULARY that `train` heeds
    HAS_BYTE_TOKENS: ClassVar[bool] = False  # whether there are symbols that are a part of a character
    AMBIGUOUS: ClassVar[bool] = False  # whether other symbols than those of `encode` can spell the same text
    UNK: ClassVar[int] = 0  # a symbol outside the vocabulary
    START: ClassVar[int] = 1  # stands before the first symbol of a sequence
    EOS: ClassVar[int] = 2  # closes a sequence
    import_notes: tuple[str, ...] = ()  # what of a file of another program is not, in words
    CONTROL: ClassVar[tuple[str, ...]] = ("<UNK>", "<START>", "<EOS>")
    REPLACEMENT: ClassVar[str] = "\ufffd"  # what <UNK> looks like in decoded text

    @classmethod
    @abstractmethod
    def train(
        cls,
        texts: Iterable[Iterable[str]],
        config: ModelConfig,
        *,
        lines: bool = False,
        on_progress: OnProgress = ignore,
    ) -> "Tokenizer":
        """Build the vocabulary from the training texts, each in pieces, cut anywhere.

        config: of which the settings named in `SETTINGS` are heeded. lines: a newline ends a line and is no part of the
        text. on_progress: called now and then by what takes time once the texts are read. Raises ConfigError for a
        vocabulary that is larger than the text supports, or too small for it.
        """

    @classmethod
    def check(cls, config: ModelConfig) -> None:
        """Raise ConfigError where a setting is given that this kind of tokenizer does not have."""
        defaults = ModelConfig()
        for name in VOCABULARY:
            if name not in cls.SETTINGS and getattr(config, name) != getattr(defaults, name):
                option = name.replace("_", "-")
                raise ConfigError(f"the {config.tokenizer} tokenizer has no --{option}; leave it out")

    @classmethod
    def from_other_format(cls, data: bytes) -> "Tokenizer | None":
        """A vocabulary in the file format of another program; None where this kind knows none, or it is not that.

        Raises ValueError, with what is wrong, for such a file that is damaged.
        """
        return None

    @classmethod
    @abstractmethod
    def from_json(cls, values: Any) -> "Tokenizer":
        """Rebuild from what `to_json` returned. Raises ValueError, with what is wrong, for anything else."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """All there is to know, as plain JSON values."""

    @property
    @abstractmethod
    def size(self) -> int:
        """V, control symbols included."""

    @abstractmethod
    def encode(self, text: str) -> Ids:
        """Symbol numbers (n,) of a text; UNK where there is no symbol. Neither START nor EOS is added."""

    def sequence(self, ids: Ids, *, eos: bool = False) -> Ids:
        """START, the ids, and EOS if asked: what a network reads and predicts."""
        return np.concatenate(([self.START], ids, [self.EOS] if eos else [])).astype(np.int32)

    def sequences(self, ids: Ids) -> Ids:
        """START before each of the sequences that EOS closes; the last may be open."""
        firsts = np.flatnonzero(np.concatenate(([self.EOS], ids[:-1])) == self.EOS)
        return np.insert(ids, firsts, self.START)

    @abstractmethod
    def encode_pieces(self, pieces: Iterable[str], *, lines: bool = False) -> Iterator[Ids]:
        """The ids of one text that comes in pieces, cut anywhere, in bounded memory: what `encode` says of the whole.

        lines: a newline ends a line and becomes EOS; each line is encoded by itself.
        """

    @abstractmethod
    def decode(self, ids: Iterable[int]) -> str:
        """The text of symbol numbers; START and EOS are empty. `decode(encode(s))` is s where nothing is unknown.

        UNK, and what is no whole character where a control symbol or the end comes, is REPLACEMENT.
        """

    @abstractmethod
    def token_text(self, index: int) -> str | None:
        """One symbol for people: its text, None for a control symbol, `<0xC3>` for a byte that is no character."""

    def token_bytes(self, index: int) -> bytes:
        """The text of one symbol in UTF-8, of which it may be a part; of a control symbol none."""
        return (self.token_text(index) or "").encode("utf-8", "surrogatepass")

    def count_unknown(self, text: str) -> int:
        """How often `encode` has to write UNK."""
        return int((self.encode(text) == self.UNK).sum())

    def first_unknown(self, text: str) -> Unknown | None:
        """The first place where `encode` has to write UNK, or None."""
        ids = self.encode(text)
        places = np.flatnonzero(ids == self.UNK)
        if not len(places):
            return None
        lengths = self.lengths(text, ids)
        start = int(lengths[: places[0]].sum())
        return Unknown(start, text[start : start + int(lengths[places[0]])])

    def without_unknown(self, text: str) -> str:
        """The text less what has no symbol."""
        ids = self.encode(text)
        return "".join(select_text(text, self.lengths(text, ids), ids != self.UNK))

    def has(self, character: str) -> bool:
        """Whether a symbol's text has this character, though it may be unknown when it stands alone."""
        return any(character.encode("utf-8", "surrogatepass") in self.token_bytes(index) for index in range(self.size))

    def decoder(self) -> Callable[[int], str]:
        """A function that takes a sequence symbol by symbol and returns the text each one completes: that of `decode`.

        A character in parts comes with the last of them; a control symbol ends what is not complete.
        """
        if not self.HAS_BYTE_TOKENS:
            return lambda index: self.decode((index,))
        bytes_ = codecs.getincrementaldecoder("utf-8")("replace")

        def decode(index: int) -> str:
            if index >= len(self.CONTROL):
                return bytes_.decode(self.token_bytes(index))
            cut = bytes_.decode(b"", final=True)
            bytes_.reset()
            return cut + self.REPLACEMENT if index == self.UNK else cut

        return decode

    def lengths(self, text: str, ids: Ids) -> NDArray[np.int64]:
        """(n,): how many characters of a text each of its ids completes; UNK may stand for several."""
        decode = self.decoder()
        return np.fromiter((len(decode(int(index))) for index in ids), dtype=np.int64, count=len(ids))

    def token_texts(self, ids: Sequence[int] | Ids) -> list[str | None]:
        """Each symbol for people, None for control symbols."""
        return [self.token_text(int(index)) for index in ids]

    def line_ends(self) -> NDArray[np.bool_]:
        """(V,): whether a symbol's text ends in a newline, so that what follows begins a line."""
        return np.array([self.token_bytes(index).endswith(b"\n") for index in range(self.size)])

    def fallback_tokens(self) -> NDArray[np.bool_]:
        """(V,): what is there to spell what has no symbol of its own, and may stand nowhere else: bytes, letters."""
        return np.zeros(self.size, dtype=bool)


def select_text(text: str, lengths: NDArray[np.int64], chosen: NDArray[np.bool_]) -> Iterator[str]:
    """What of a text belongs to some of its symbols, which complete so many characters each."""
    ends = np.cumsum(lengths)
    for start, end in zip((ends - lengths)[chosen].tolist(), ends[chosen].tolist(), strict=True):
        yield text[start:end]
