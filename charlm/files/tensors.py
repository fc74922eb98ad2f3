"""Convert tensors to the bytes of a safetensors file, and back.

The header has a fixed order, so that equal tensors are equal bytes, and states the SHA-256 of everything else.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as write_tensors
from torch import Tensor

from charlm.errors import ModelError
from charlm.files.tensor_header import header_end, parse_header


def pack(tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> bytes:
    """Return the bytes of a safetensors file with these tensors and this metadata."""
    plain, header = _plain(tensors)
    end = header_end(plain)
    metadata = dict(sorted({"format": "pt", **metadata, "sha256_tensors": _digest(header, plain)}.items()))
    text = json.dumps({"__metadata__": metadata, **header}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join((len(text).to_bytes(8, "little"), text, memoryview(plain)[end:]))


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of tensors, which a file of them states as `sha256_tensors`."""
    plain, header = _plain(tensors)
    return _digest(header, plain)


def unpack(path: Path, blob: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata in the bytes of `path`. Raises ModelError, which names `path`, for damage."""
    metadata, header = parse_header(path, blob)
    if metadata.get("sha256_tensors") != _digest(header, blob):
        raise ModelError(f"{path} is damaged: its weights do not have the SHA-256 it states")
    try:
        with torch.device("cpu"):  # a tensor without elements would be on the default device
            return read_tensors(blob), dict(metadata)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ModelError(f"{path} is damaged, or not a safetensors file: {error}") from None


def _plain(tensors: Mapping[str, Tensor]) -> tuple[bytes, Any]:
    """Return the bytes of a file without metadata, and its header."""
    plain = write_tensors({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    return plain, json.loads(plain[8 : header_end(plain)])


def _digest(header: Any, blob: bytes) -> str:
    """Return the SHA-256 of the header without its metadata and of the data, without copying the data."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    digest.update(memoryview(blob)[header_end(blob) :])
    return digest.hexdigest()
