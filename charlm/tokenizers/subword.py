"""Subwords: frequent pieces of words, by sentencepiece (Kudo and Richardson 2018, arXiv:1808.06226).

The pieces are those of a unigram model (Kudo 2018, arXiv:1804.10959) or of byte pair encoding (Sennrich et al. 2016,
arXiv:1508.07909). A character without a piece, and every control character, is encoded as its UTF-8 bytes, so that no
text is unknown. Chunks of a text are encoded separately (`sentencepiece/chunks.py`): a chunk is a line or, of a long
line, the words that fit into 1,024 characters. Other pieces could spell the same text, but `encode` never uses them:
the probability of a text is that of this one encoding, slightly less than the sum over all encodings.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np
import sentencepiece
from numpy.typing import NDArray

from charlm.config import ModelConfig, TextMode
from charlm.errors import ConfigError
from charlm.progress import OnProgress, ReadingProgress, ignore
from charlm.tokenizers import SURROGATE, Ids, Tokenizer, Unknown
from charlm.tokenizers.sentencepiece import model_file
from charlm.tokenizers.sentencepiece.chunks import WITHHELD, split_chunks
from charlm.tokenizers.sentencepiece.pieces import Piece, check
from charlm.tokenizers.sentencepiece.sample_corpus import sample_corpus
from charlm.tokenizers.sentencepiece.trainer import sentences, train_pieces

_FIRST = len(Tokenizer.CONTROL)  # id of the first piece
_FIXED = _FIRST + 256 + 1  # tokens of every vocabulary: control tokens, bytes, and the space
_MIN_SAMPLE, _SAMPLE_PER_TOKEN, _MAX_SAMPLE = 2**20, 256, 2**24  # characters from which pieces are learned
_LARGEST_UNASKED = 8192  # pieces of several characters, if no vocabulary size is set
_BLOCK = 2**18  # characters that are encoded together


class SubwordTokenizer(Tokenizer):
    """`pieces` are the tokens from the most to the least frequent: texts with their scores, and the 256 bytes."""

    SETTINGS = frozenset({"vocab_size", "model_type"})
    AMBIGUOUS = True
    HAS_BYTE_TOKENS = True

    def __init__(self, model_type: str, pieces: list[Piece]) -> None:
        """Raises ValueError if sentencepiece rejects the pieces."""
        self.model_type, self.pieces = model_type, pieces
        self._bytes = (b"", b"", b"", *map(_piece_bytes, pieces))
        self._characters = np.array([1, 0, 0, *(1 if isinstance(each, int) else len(each[0]) for each in pieces)])
        # The bytes that continue a character.
        self._continues = np.array([len(each) == 1 and 0x80 <= each[0] < 0xC0 for each in self._bytes])
        byte_ids = {piece: index for index, piece in enumerate(pieces, _FIRST) if isinstance(piece, int)}
        self._withheld = {
            character: [self.UNK] if SURROGATE.match(character) else [byte_ids[byte] for byte in character.encode()]
            for character in WITHHELD
        }
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model_file.write(model_type, pieces))
        except RuntimeError as error:
            raise ValueError(f"sentencepiece rejects its pieces: {str(error)[:200]}") from None

    @classmethod
    def train(
        cls,
        texts: Iterable[Iterable[str]],
        config: ModelConfig,
        *,
        mode: TextMode = TextMode.STREAM,
        on_progress: OnProgress = ignore,
    ) -> "SubwordTokenizer":
        """Learn pieces from a sample drawn evenly from the texts; the same texts always give the same pieces.

        The sample has 2²⁰ characters or, if `vocab_size` is set, 256 for each token, up to 2²⁴. If it is not set, the
        vocabulary has all bytes and characters, and as many longer pieces as the square root of the number of
        characters, up to 8,192. Raises CorpusError if sentencepiece fails.
        """
        size = config.vocab_size
        sample = sample_corpus(texts, min(max(_MIN_SAMPLE, _SAMPLE_PER_TOKEN * (size or 0)), _MAX_SAMPLE))
        text = sentences(sample.texts)
        letters = len(set(text) - {"\n", " "})
        longer = min(math.isqrt(sample.characters), _LARGEST_UNASKED) if size is None else size - _FIXED - letters
        if longer < 0:
            raise ConfigError(
                f"vocab_size is {size:,}, but the {letters:,} characters of the text and the {_FIXED:,} tokens of every"
                f" vocabulary already need {_FIXED + letters:,}; make it {_FIXED + letters:,} or more",
                setting="vocab_size",
            )
        drawn = sum(map(len, sample.texts))
        pieces = train_pieces(
            *(config.model_type, letters + longer, text),
            lambda seconds: on_progress(ReadingProgress("subwords", drawn, sample.characters, seconds)),
        )
        tokenizer = cls(config.model_type, pieces)
        if size is not None and tokenizer.size < size:
            raise ConfigError(
                f"vocab_size is {size:,}, but the text supports {tokenizer.size:,} tokens with model_type"
                f" {config.model_type}; make it {tokenizer.size:,} or less",
                setting="vocab_size",
            )
        return tokenizer._sorted_by_count(sample.texts)

    def _sorted_by_count(self, texts: Iterable[str]) -> "SubwordTokenizer":
        """Return this tokenizer with its pieces sorted from the most to the least frequent in these texts."""
        counts = np.zeros(self.size, dtype=np.int64)
        for ids in chain.from_iterable(map(self._encoded, texts)):
            counts += np.bincount(ids, minlength=self.size)
        order = np.argsort(-counts[_FIRST:], kind="stable")
        return SubwordTokenizer(self.model_type, [self.pieces[index] for index in order])

    @classmethod
    def from_other_format(cls, data: bytes) -> "SubwordTokenizer | None":
        if not data.startswith(b"\n"):  # the tag of the first piece
            return None
        model_type, pieces, import_notes = model_file.read(data)
        tokenizer = cls(model_type, pieces)
        tokenizer.import_notes = import_notes
        return tokenizer

    @classmethod
    def from_json(cls, values: Any) -> "SubwordTokenizer":
        if not isinstance(values, dict) or set(values) != {"model_type", "pieces", "scores"}:
            raise ValueError("it must contain 'model_type' and two lists, 'pieces' and 'scores'")
        names, scores = values["pieces"], values["scores"]
        if not isinstance(names, list) or not isinstance(scores, list) or len(names) != len(scores):
            raise ValueError("'pieces' and 'scores' must be lists of the same length")
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

    def encode_pieces(self, pieces: Iterable[str], *, mode: TextMode = TextMode.STREAM) -> Iterator[Ids]:
        withheld = self._withheld | {"\n": [self.EOS]} if mode == TextMode.LINE else self._withheld
        for parts in split_chunks(pieces):
            chunks = [part for part in parts if part not in withheld]
            encoded = iter(self._processor.encode(chunks, num_threads=1))
            ids = chain.from_iterable(withheld[part] if part in withheld else next(encoded) for part in parts)
            yield np.fromiter(ids, dtype=np.int32)

    def decode(self, ids: Iterable[int]) -> str:
        decode = self.decoder()
        return "".join(map(decode, ids)) + decode(self.EOS)

    def lengths(self, text: str, ids: Ids) -> NDArray[np.int64]:
        """Count a character at its last byte: the byte before one that does not continue a character."""
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
        return self._bytes[index]

    def first_unknown(self, text: str) -> Unknown | None:
        match = SURROGATE.search(text)
        return Unknown(match.start(), match[0]) if match else None

    def without_unknown(self, text: str) -> str:
        return SURROGATE.sub("", text)

    def fallback_tokens(self) -> NDArray[np.bool_]:
        return np.array([False] * _FIRST + [isinstance(each, int) or len(each[0]) == 1 for each in self.pieces])


def _piece_bytes(piece: Piece) -> bytes:
    return bytes((piece,)) if isinstance(piece, int) else piece[0].encode()
