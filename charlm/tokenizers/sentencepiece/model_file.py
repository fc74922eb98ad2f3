"""sentencepiece's model file, a message of protocol buffers: read without its code, written for it.

    ModelProto     1: SentencePiece (one for each symbol)  2: TrainerSpec  3: NormalizerSpec
    SentencePiece  1: text  2: score  3: type

Of a file only pieces and scores are used, so that none can change a text, or do harm by its normaliser.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from charlm.tokenizers.sentencepiece.pieces import MOST, NAME_OF_A_BYTE, Piece, check, complete, is_text

LARGEST = 2**24  # bytes; those of well-known models are below 6 MB
SPACE = "\u2581"  # what sentencepiece writes for one
_TYPES = {1: "unigram", 2: "bpe"}
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_VARINT, _BYTES, _FIXED32 = 0, 2, 5  # how a field is written
_SIZES = {1: 8, _FIXED32: 4}  # bytes of one that is always as long

Value = int | bytes


class Model(NamedTuple):
    """`import_notes`: what of the file is not, in words."""

    model_type: str
    pieces: list[Piece]
    import_notes: tuple[str, ...]


def write(model_type: str, pieces: Sequence[Piece]) -> bytes:
    """A model that sees every text as it is, in which piece i has the number i + 3."""
    (number,) = (number for number, name in _TYPES.items() if name == model_type)
    controls = (("\1", _UNKNOWN), ("\2", _CONTROL), ("\3", _CONTROL))  # what no text that it is given has
    entries = [_entry(name, 0.0, kind) for name, kind in controls]
    for piece in pieces:
        if isinstance(piece, int):
            entries.append(_entry(f"<0x{piece:02X}>", 0.0, _BYTE))
        else:
            entries.append(_entry(piece[0].replace(" ", SPACE), piece[1], _NORMAL))
    trainer = _number(3, number) + _number(35, 1)  # byte_fallback
    normalizer = _message(1, b"identity") + _number(3, 0) + _number(4, 0) + _number(5, 1)
    return b"".join((*entries, _message(2, trainer), _message(3, normalizer)))


def read(data: bytes) -> Model:
    """Raises ValueError, with what is wrong, for a file that is damaged, or has neither unigram nor BPE pieces."""
    if len(data) > LARGEST:
        raise ValueError(f"it has more than {LARGEST:,} bytes")
    entries: list[Piece | None] = []
    trainer: dict[int, Value] = {}
    normalizer: dict[int, Value] = {}
    for number, value in _fields(data):
        if number == 1:
            entries.append(_piece(_of(value, 1, 2, 3)))
        elif number == 2:
            trainer |= _of(value, 3)
        elif number == 3:
            normalizer |= _of(value, 2, 3, 4, 6)
        if len(entries) > MOST:
            raise ValueError(f"it has more than {MOST:,} symbols")
    found = [piece for piece in entries if piece is not None]
    left_out = len(entries) - len(found)
    kind = trainer.get(3, 1)
    if not isinstance(kind, int) or kind not in _TYPES:
        raise ValueError("it is neither a unigram model nor one of byte pair encoding")
    if all(isinstance(piece, int) for piece in found):
        raise ValueError("it has no pieces of text")
    import_notes = {  # where a file does not say, there are no rules, and all else is done
        "its rules of normalisation": normalizer.get(2) or normalizer.get(6),
        "the space it puts before a text": normalizer.get(3, 1),
        "how it squeezes spaces": normalizer.get(4, 1),
        f"{left_out:,} of its symbols (control, unused or user-defined ones)": left_out,
    }
    said = tuple(name for name, there in import_notes.items() if there)
    return Model(_TYPES[kind], check(_TYPES[kind], complete(found)), said)


def _piece(entry: dict[int, Value]) -> Piece | None:
    """None for one that stands for no text, or for none that sentencepiece is shown here."""
    name = _bytes(entry.get(1, b"")).decode()
    kind = entry.get(3, _NORMAL)
    if kind == _BYTE and (byte := NAME_OF_A_BYTE.fullmatch(name)):
        return int(byte[1], 16)
    text = name.replace(SPACE, " ")
    (score,) = struct.unpack("<f", _bytes(entry.get(2, bytes(4))))
    return (text, score) if kind == _NORMAL and is_text(text) else None


def _of(value: Value, *numbers: int) -> dict[int, Value]:
    """These fields of a message."""
    return {number: each for number, each in _fields(_bytes(value)) if number in numbers}


def _fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """(number, value) of each field of a message; the four bytes of a float as they are."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        kind, size = key & 7, _SIZES.get(key & 7, 0)
        if kind == _BYTES:
            size, place = _varint(data, place)
        if kind == _VARINT:
            value, place = _varint(data, place)
            yield key >> 3, value
        elif size <= len(data) - place and (size or kind == _BYTES):
            yield key >> 3, data[place : place + size]
            place += size
        else:
            raise ValueError("it is damaged, or cut short")


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """The number that begins there, and where it ends."""
    value = 0
    for count, byte in enumerate(data[place : place + 10]):
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return value, place + count + 1
    raise ValueError("it is damaged, or cut short")


def _bytes(value: Value) -> bytes:
    if isinstance(value, int):
        raise ValueError("it has a number where a text should be")
    return value


def _entry(name: str, score: float, kind: int) -> bytes:
    parts = (_message(1, name.encode()), bytes((2 << 3 | _FIXED32,)), struct.pack("<f", score), _number(3, kind))
    return _message(1, b"".join(parts))


def _message(number: int, data: bytes) -> bytes:
    return _written(number << 3 | _BYTES) + _written(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _written(number << 3 | _VARINT) + _written(value)


def _written(value: int) -> bytes:
    """A number, seven bits to the byte, the lowest first."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))
