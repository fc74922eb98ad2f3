"""Subwords: pieces of words that are frequent, by sentencepiece (Kudo and Richardson 2018, arXiv:1808.06226).

They are those of a unigram model (Kudo 2018, arXiv:1804.10959) or of byte pair encoding (Sennrich et al. 2016,
arXiv:1508.07909). What has no piece, and every control character, is written in the bytes of UTF-8, so that no text is
unknown. A text is encoded in stretches (`subwords.stretches`), each by itself: a line, and of a longer one as many
words as have 1,024 characters. Other pieces could spell it too, but `encode` never uses them: the probability of a text
is that of its one encoding, a little less than the sum over all of them.
"""

import math
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np
import sentencepiece
from numpy.typing import NDArray

from charlm.config import ModelConfig
from charlm.errors import ConfigError
from charlm.progress import OnProgress, ReadingProgress, ignore
from charlm.tokenizers import Ids, Tokenizer, Unknown
from charlm.tokenizers.sentencepiece import model_file
from charlm.tokenizers.sentencepiece.chunks import WITHHELD, split_chunks
from charlm.tokenizers.sentencepiece.pieces import Piece, check
from charlm.tokenizers.sentencepiece.sample_corpus import sample_corpus
from charlm.tokenizers.sentencepiece.trainer import sentences, train_pieces

_FIRST = len(Tokenizer.CONTROL)  # the number of the first piece
_FIXED = _FIRST + 256 + 1  # symbols that are always there: control symbols, bytes and the space
_LEAST, _FOR_EACH, _MOST = 2**20, 256, 2**24  # characters that pieces are learned from; for each symbol asked for
_LARGEST_UNASKED = 8192  # pieces of several characters
_BLOCK = 2**18  # characters that are encoded together
_SURROGATE = re.compile("[\ud800-\udfff]")  # half of a character of UTF-16, which has no UTF-8


class SubwordTokenizer(Tokenizer):
    """`pieces`, from the commonest to the rarest: texts with their scores, and the 256 bytes."""

    SETTINGS = frozenset({"vocab_size", "model_type"})
    AMBIGUOUS = True
    HAS_BYTE_TOKENS = True

    def __init__(self, model_type: str, pieces: list[Piece]) -> None:
        """Raises ValueError where sentencepiece does not take them."""
        self.model_type, self.pieces = model_type, pieces
        self._surfaces = (b"", b"", b"", *map(_surface, pieces))
        self._characters = np.array([1, 0, 0, *(1 if isinstance(each, int) else len(each[0]) for each in pieces)])
        self._continues = np.array(
            [len(each) == 1 and 0x80 <= each[0] < 0xC0 for each in self._surfaces]
        )  # a character
        numbers = {piece: number for number, piece in enumerate(pieces, _FIRST) if isinstance(piece, int)}
        self._apart = {
            character: [self.UNK] if _SURROGATE.match(character) else [numbers[byte] for byte in character.encode()]
            for character in WITHHELD
        }
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model_file.write(model_type, pieces))
        except RuntimeError as error:
            raise ValueError(f"sentencepiece does not take its pieces: {str(error)[:200]}") from None

    @classmethod
    def train(
        cls,
        texts: Iterable[Iterable[str]],
        config: ModelConfig,
        *,
        lines: bool = False,
        on_progress: OnProgress = ignore,
    ) -> "SubwordTokenizer":
        """Learn from 2²⁰ characters, or from 256 for each symbol asked for, up to 2²⁴, drawn evenly from the texts.

        Where no size is asked for it is that of bytes and characters, and so many longer pieces as the square root of
        the number of characters, up to 8,192. Raises CorpusError where sentencepiece fails.
        """
        asked = config.vocab_size
        found = sample_corpus(texts, min(max(_LEAST, _FOR_EACH * (asked or 0)), _MOST))
        text = sentences(found.texts)
        letters = len(set(text) - {"\n", " "})
        longer = min(math.isqrt(found.characters), _LARGEST_UNASKED) if asked is None else asked - _FIXED - letters
        if longer < 0:
            raise ConfigError(
                f"vocab-size is {asked:,}, and the text has {letters:,} characters, beside {_FIXED:,} symbols that are"
                f" always there; make it {_FIXED + letters:,} or more"
            )
        drawn = sum(map(len, found.texts))
        pieces = train_pieces(
            *(config.model_type, letters + longer, text),
            lambda seconds: on_progress(ReadingProgress("subwords", drawn, found.characters, seconds)),
        )
        tokenizer = cls(config.model_type, pieces)
        if asked is not None and tokenizer.size < asked:
            raise ConfigError(
                f"vocab-size is {asked:,}, and the text supports {tokenizer.size:,} symbols with the model-type"
                f" {config.model_type}; make it that or less"
            )
        return tokenizer._by_count(found.texts)

    def _by_count(self, texts: Iterable[str]) -> "SubwordTokenizer":
        """The same pieces, from the commonest in these texts to the rarest."""
        counts = np.zeros(self.size, dtype=np.int64)
        for ids in chain.from_iterable(map(self._encoded, texts)):
            counts += np.bincount(ids, minlength=self.size)
        order = np.argsort(-counts[_FIRST:], kind="stable")
        return SubwordTokenizer(self.model_type, [self.pieces[place] for place in order])

    @classmethod
    def from_other_format(cls, data: bytes) -> "SubwordTokenizer | None":
        if not data.startswith(b"\n"):  # where the first piece begins
            return None
        model_type, pieces, import_notes = model_file.read(data)
        tokenizer = cls(model_type, pieces)
        tokenizer.import_notes = import_notes
        return tokenizer

    @classmethod
    def from_json(cls, values: Any) -> "SubwordTokenizer":
        if not isinstance(values, dict) or set(values) != {"model_type", "pieces", "scores"}:
            raise ValueError("it should hold 'model_type' and two lists, 'pieces' and 'scores'")
        names, scores = values["pieces"], values["scores"]
        if not isinstance(names, list) or not isinstance(scores, list) or len(names) != len(scores):
            raise ValueError("'pieces' and 'scores' should be lists of the same length")
        given = [name if isinstance(name, int) else (name, score) for name, score in zip(names, scores, strict=True)]
        return cls(values["model_type"], check(values["model_type"], given))

    def to_json(self) -> dict[str, Any]:
        names, scores = zip(*((each, 0.0) if isinstance(each, int) else each for each in self.pieces), strict=True)
        return {"model_type": self.model_type, "pieces": list(names), "scores": list(scores)}

    @property
    def size(self) -> int:
        return _FIRST + len(self.pieces)

    def encode(self, text: str) -> Ids:
        return np.concatenate([np.empty(0, dtype=np.int32), *self._encoded(text)])

    def _encoded(self, text: str) -> Iterator[Ids]:
        return self.encode_pieces(text[start : start + _BLOCK] for start in range(0, len(text), _BLOCK))

    def encode_pieces(self, pieces: Iterable[str], *, lines: bool = False) -> Iterator[Ids]:
        apart = self._apart | {"\n": [self.EOS]} if lines else self._apart
        for some in split_chunks(pieces):
            stretches = [part for part in some if part not in apart]
            found = iter(self._processor.encode(stretches, num_threads=1))
            ids = chain.from_iterable(apart[part] if part in apart else next(found) for part in some)
            yield np.fromiter(ids, dtype=np.int32)

    def decode(self, ids: Iterable[int]) -> str:
        decode = self.decoder()
        return "".join(map(decode, ids)) + decode(self.EOS)

    def lengths(self, text: str, ids: Ids) -> NDArray[np.int64]:
        """A character in bytes is there with the last of them, after which comes none of those that continue one."""
        lengths = self._characters[ids]
        lengths[:-1][self._continues[ids[1:]]] = 0
        return lengths

    def token_text(self, index: int) -> str | None:
        if index < _FIRST:
            return None
        piece = self.pieces[index - _FIRST]
        if isinstance(piece, int):
            return chr(piece) if piece < 0x80 else f"<0x{piece:02X}>"
        return piece[0]

    def token_bytes(self, index: int) -> bytes:
        return self._surfaces[index]

    def first_unknown(self, text: str) -> Unknown | None:
        found = _SURROGATE.search(text)
        return Unknown(found.start(), found[0]) if found else None

    def without_unknown(self, text: str) -> str:
        return _SURROGATE.sub("", text)

    def fallback_tokens(self) -> NDArray[np.bool_]:
        return np.array([False] * _FIRST + [isinstance(each, int) or len(each[0]) == 1 for each in self.pieces])


def _surface(piece: Piece) -> bytes:
    return bytes((piece,)) if isinstance(piece, int) else piece[0].encode()
