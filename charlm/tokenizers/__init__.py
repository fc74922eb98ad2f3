"""The contract of a tokenizer: text ↔ symbol numbers.

Numbers 0, 1 and 2 are control symbols in every tokenizer. They have no surface form: a text that contains the
letters `<EOS>` is encoded as those five characters.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]


class Unknown(NamedTuple):
    """A character that has no symbol: its offset in the text, and the character."""

    position: int
    character: str


class Tokenizer(ABC):
    """Built from the training text by `train`, kept as JSON by `to_json` and `from_json`."""

    UNK: ClassVar[int] = 0  # a symbol outside the vocabulary
    START: ClassVar[int] = 1  # stands before the first symbol of a sequence
    EOS: ClassVar[int] = 2  # closes a sequence
    CONTROL: ClassVar[tuple[str, ...]] = ("<UNK>", "<START>", "<EOS>")
    REPLACEMENT: ClassVar[str] = "\ufffd"  # what <UNK> looks like in decoded text

    @classmethod
    @abstractmethod
    def train(cls, texts: Iterable[str], *, lines: bool = False) -> "Tokenizer":
        """Build the vocabulary from the training texts; a long one comes in pieces, which end after a newline if any.

        lines: a newline ends a line and is no part of the text.
        """

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

    @abstractmethod
    def encode_pieces(self, pieces: Iterable[str], *, lines: bool = False) -> Iterator[Ids]:
        """The ids of one text that comes in pieces, cut anywhere, in bounded memory: what `encode` says of the whole.

        lines: a newline ends a line and becomes EOS; each line is encoded by itself.
        """

    @abstractmethod
    def decode(self, ids: Iterable[int]) -> str:
        """The text of symbol numbers; START and EOS are empty. `decode(encode(s))` is s where nothing is unknown."""

    @abstractmethod
    def symbol(self, index: int) -> str | None:
        """The text of one symbol, None for a control symbol."""

    @abstractmethod
    def first_unknown(self, text: str) -> Unknown | None:
        """The first place where `encode` has to write UNK, or None."""

    @abstractmethod
    def without_unknown(self, text: str) -> str:
        """The text less what has no symbol."""

    def count_unknown(self, text: str) -> int:
        """How often `encode` has to write UNK."""
        return int((self.encode(text) == self.UNK).sum())

    def decoder(self) -> Callable[[int], str]:
        """A function that takes a sequence symbol by symbol and returns the text each one completes."""
        return lambda index: self.decode((index,))

    def symbols(self, ids: Sequence[int] | Ids) -> list[str | None]:
        """The text of each symbol, None for control symbols."""
        return [self.symbol(int(index)) for index in ids]

    def line_ends(self) -> NDArray[np.bool_]:
        """(V,): whether a symbol's text ends in a newline, so that what follows begins a line."""
        return np.array([(self.symbol(index) or "").endswith("\n") for index in range(self.size)])
