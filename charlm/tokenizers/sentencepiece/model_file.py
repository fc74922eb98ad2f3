"""sentencepiece's model file, a protocol buffers message: read without sentencepiece, and written for it.

    ModelProto     1: SentencePiece (one for each token)  2: TrainerSpec  3: NormalizerSpec
    SentencePiece  1: text  2: score  3: type

Only the pieces and scores of a file are used, so that no file can change a text or do harm by its normalizer.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from charlm.tokenizers.sentencepiece.pieces import MOST, NAME_OF_A_BYTE, Piece, check, complete, is_text

LARGEST = 2**24  # bytes; the files of well-known models have less than 6 MB
SPACE = "\u2581"  # ▁, which sentencepiece writes for a space
_TYPES = {1: "unigram", 2: "bpe"}
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_VARINT, _BYTES, _FIXED32 = 0, 2, 5  # wire types
_SIZES = {1: 8, _FIXED32: 4}  # bytes of the types with a fixed size

Value = int | bytes


class Model(NamedTuple):
    """Content of a model file. `import_notes` names the parts that charlm does not use."""

    model_type: str
    pieces: list[Piece]
    import_notes: tuple[str, ...]


def write(model_type: str, pieces: Sequence[Piece]) -> bytes:
    """Return a model file that leaves every text unchanged; piece i gets the id i + 3."""
    (number,) = (number for number, name in _TYPES.items() if name == model_type)
    controls = (
        ("\1", _UNKNOWN),
        ("\2", _CONTROL),
        ("\3", _CONTROL),
    )  # never in a chunk
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
    """Read a unigram or BPE model file. Raises ValueError, which says what is wrong, for any other file."""
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
            raise ValueError(f"it has more than {MOST:,} tokens")
    pieces = [piece for piece in entries if piece is not None]
    left_out = len(entries) - len(pieces)
    kind = trainer.get(3, 1)
    if not isinstance(kind, int) or kind not in _TYPES:
        raise ValueError("it is neither a unigram model nor a byte pair encoding model")
    if all(isinstance(piece, int) for piece in pieces):
        raise ValueError("it contains no text pieces")
    unused = {  # a file without these fields has no rules, but adds and squeezes spaces
        "its normalization rules": normalizer.get(2) or normalizer.get(6),
        "the space it adds before a text": normalizer.get(3, 1),
        "how it squeezes spaces": normalizer.get(4, 1),
        f"{left_out:,} of its tokens (control, unused, or user-defined)": left_out,
    }
    notes = tuple(name for name, applies in unused.items() if applies)
    return Model(_TYPES[kind], check(_TYPES[kind], complete(pieces)), notes)


def _piece(entry: dict[int, Value]) -> Piece | None:
    """Return a piece, or None for an entry that never matches a chunk, such as a control token."""
    name = _bytes(entry.get(1, b"")).decode()
    kind = entry.get(3, _NORMAL)
    if kind == _BYTE and (byte := NAME_OF_A_BYTE.fullmatch(name)):
        return int(byte[1], 16)
    text = name.replace(SPACE, " ")
    (score,) = struct.unpack("<f", _bytes(entry.get(2, bytes(4))))
    return (text, score) if kind == _NORMAL and is_text(text) else None


def _of(value: Value, *numbers: int) -> dict[int, Value]:
    """Return the fields of a message that have one of these numbers."""
    return {number: each for number, each in _fields(_bytes(value)) if number in numbers}


def _fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """Yield (number, value) of each field of a message; a float remains four bytes."""
    offset = 0
    while offset < len(data):
        key, offset = _varint(data, offset)
        kind, size = key & 7, _SIZES.get(key & 7, 0)
        if kind == _BYTES:
            size, offset = _varint(data, offset)
        if kind == _VARINT:
            value, offset = _varint(data, offset)
            yield key >> 3, value
        elif size <= len(data) - offset and (size or kind == _BYTES):
            yield key >> 3, data[offset : offset + size]
            offset += size
        else:
            raise ValueError("it is damaged, or cut short")


def _varint(data: bytes, offset: int) -> tuple[int, int]:
    """Return the number that begins at `offset`, and the offset after it."""
    value = 0
    for count, byte in enumerate(data[offset : offset + 10]):
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return value, offset + count + 1
    raise ValueError("it is damaged, or cut short")


def _bytes(value: Value) -> bytes:
    if isinstance(value, int):
        raise ValueError("it has a number in place of a text")
    return value


def _entry(name: str, score: float, kind: int) -> bytes:
    parts = (_message(1, name.encode()), bytes((2 << 3 | _FIXED32,)), struct.pack("<f", score), _number(3, kind))
    return _message(1, b"".join(parts))


def _message(number: int, data: bytes) -> bytes:
    return _to_varint(number << 3 | _BYTES) + _to_varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _to_varint(number << 3 | _VARINT) + _to_varint(value)


def _to_varint(value: int) -> bytes:
    """Write a number in seven bits per byte, the lowest first."""
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*data, value))
