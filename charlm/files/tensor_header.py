"""The header of a safetensors file: the metadata, and the types and shapes of the tensors, without the data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from charlm.errors import ModelError
from charlm.files.atomic import parse_json, read_file

ROUNDINGS = ("float32", "bfloat16", "int8")  # how weights can be stored
SCALES = ".scales"  # after the name of a matrix of int8: the scale of each row
LARGEST_HEADER = 16 * 2**20  # bytes
_LENGTH = 8  # bytes that give the length of the header


class Header(NamedTuple):
    """What a header says: the metadata, and the description of each tensor."""

    metadata: Mapping[str, Any]
    tensors: Any


def is_trained(name: str, dtype: str) -> bool:
    """Whether a tensor is weights, by its name and type in the header: neither scales nor a mask."""
    return dtype in ("F32", "BF16", "I8") and not name.endswith(SCALES)


def header_end(start: bytes) -> int:
    """Return the length of the header, with the bytes that give it, from the first bytes of a file."""
    return _LENGTH + int.from_bytes(start[:_LENGTH], "little")


def parse_header(path: Path, start: bytes) -> Header:
    """Parse the header at the start of a file. Raises ModelError, which names `path`, if it has none."""
    end = header_end(start)
    if not _LENGTH < end <= min(len(start), LARGEST_HEADER):
        raise ModelError(f"{path} is damaged, or not a safetensors file: its header would have {end - _LENGTH:,} bytes")
    header: Any = parse_json(path, start[_LENGTH:end])
    metadata = header.pop("__metadata__", {}) if isinstance(header, dict) else {}
    return Header(metadata if isinstance(metadata, dict) else {}, header)


def read_header(path: Path) -> Header:
    """Read only the header of a file. Raises OSError, ModelError."""
    end = header_end(read_file(path, _LENGTH, beginning=True))
    return parse_header(path, read_file(path, min(end, LARGEST_HEADER), beginning=True))
