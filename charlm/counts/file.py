"""Counts as a safetensors file: the unigrams, and six tensors for each number of context tokens.

    unigrams      (V,) float32         probabilities of the tokens without context; 0: the token cannot occur
    k.children    (P,)                 nodes below each of the P nodes of the level above
    k.tokens      (n,)                 the first token of the context of each node
    k.counts      (n,) uint8           ⌊log2(1 + how often it occurs)⌋
    k.followers   (n,)                 how many tokens follow it
    k.following   (m,)                 the tokens that follow the nodes
    k.shares      (m,) uint16          (a - D) / Σ a, where c represents 2 ** (-c / 2048)

Tokens and numbers of tokens have the smallest type that holds V: uint8, uint16 or uint32. What the shares of a node
leave goes to the lower order, so the probabilities of each context sum to one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from charlm.counts.counts import Counts
from charlm.counts.settings import LARGEST_FILE
from charlm.counts.smoothing import backoffs, decode_shares, share_codes
from charlm.counts.text import id_type
from charlm.counts.tree import Nodes, Tree
from charlm.errors import ConfigError, ModelError
from charlm.files.atomic import read_file
from charlm.files.reading import read_errors
from charlm.files.tensor_header import header_end, read_header
from charlm.files.tensors import pack, unpack
from charlm.task_settings import MAX_ORDER
from charlm.tokenizers import Tokenizer

NAME = "counts.safetensors"
FORMAT_VERSION = 1
_ROOT = "unigrams"
_TYPES = {"|u1": "U8", "<u2": "U16", "<u4": "U32", "<f4": "F32"}
_MOST = 64  # of the logarithm of a count

Arrays = Mapping[str, NDArray[Any]]


def to_bytes(counts: Counts) -> bytes:
    """Return the bytes of a file of counts; equal counts give equal bytes.

    Raises ConfigError for counts without a limit, and for counts that are too large for a file.
    """
    arrays: dict[str, NDArray[Any]] = {_ROOT: counts.tree.unigrams}
    number = id_type(len(counts.predictable))
    for k, level in enumerate(counts.tree.levels, start=1):
        arrays |= {
            f"{k}.children": np.diff(level.children).astype(number),
            f"{k}.tokens": level.tokens,
            f"{k}.counts": level.counts,
            f"{k}.followers": np.diff(level.starts).astype(number),
            f"{k}.following": level.following,
            f"{k}.shares": share_codes(level.shares),
        }
    if any(not np.array_equal(decode_shares(share_codes(level.shares)), level.shares) for level in counts.tree.levels):
        raise ConfigError("counts without a limit are not rounded, so they cannot be written; count with a limit")
    if (size := sum(each.nbytes for each in arrays.values())) > LARGEST_FILE:
        raise ConfigError(f"the counts take {size:,} bytes; a file of counts has at most {LARGEST_FILE:,}")
    metadata = {
        "format_version": FORMAT_VERSION,
        "order": counts.order,
        "vocabulary": len(counts.predictable),
        "count": counts.tree.count,
        "followers": counts.tree.followers,
        "cuts": " ".join(map(str, counts.cuts)),
    }
    tensors = {name: torch.from_numpy(np.ascontiguousarray(each)) for name, each in arrays.items()}
    return pack(tensors, {name: str(value) for name, value in metadata.items()})


def read(path: Path, vocabulary: int) -> Counts:
    """Read a file of counts of a vocabulary of this size.

    Raises ModelError, which names the file, if it is missing, damaged, of a newer version, or does not belong to the
    vocabulary. The header is checked before memory is taken for the data.
    """
    with read_errors(path, ModelError):
        size = path.lstat().st_size
        header = read_header(path)
        _check_header(path, header.metadata, header.tensors, vocabulary, size)
        blob = read_file(path, LARGEST_FILE + 2**20)
    tensors, metadata = unpack(path, blob)
    order, cuts = _settings(path, metadata, vocabulary)
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    try:
        tree = _tree(arrays, order, int(metadata["count"]), int(metadata["followers"]))
    except ValueError as error:
        raise ModelError(f"{path} is damaged: {error}") from None
    return Counts(order, cuts, tree.unigrams > 0, tree)


def _settings(path: Path, metadata: Mapping[str, Any], vocabulary: int) -> tuple[int, tuple[int, ...]]:
    """Return the order and the cuts. Raises ModelError."""
    version = _number(path, metadata, "format_version", 2**31)
    if version > FORMAT_VERSION:
        raise ModelError(f"{path} has format {version} of a newer charlm; this charlm reads format {FORMAT_VERSION}")
    order = _number(path, metadata, "order", MAX_ORDER)
    size = _number(path, metadata, "vocabulary", 2**32)
    if size != vocabulary:
        raise ModelError(f"{path} has counts of a vocabulary of {size:,} tokens; the model has {vocabulary:,}")
    for name in ("count", "followers"):
        _number(path, metadata, name, 255)
    cuts = str(metadata.get("cuts", "")).split(" ")
    if len(cuts) != order or not all(each.isascii() and each.isdigit() and len(each) < 10 for each in cuts):
        raise ModelError(f"{path} is damaged: it does not state which n-grams it leaves out")
    return order, tuple(map(int, cuts))


def _number(path: Path, metadata: Mapping[str, Any], name: str, most: int) -> int:
    text = metadata.get(name)
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= most):
        raise ModelError(f"{path} is damaged, or not a file of counts: its {name} is {str(text)[:20]!r}")
    return int(text)


def _check_header(path: Path, metadata: Mapping[str, Any], header: Any, vocabulary: int, size: int) -> None:
    """Raise ModelError unless the tensors have the names, types and sizes of counts, and fill the file."""
    order, _ = _settings(path, metadata, vocabulary)
    number = id_type(vocabulary)
    names = ("children", "tokens", "counts", "followers", "following", "shares")
    types: tuple[np.dtype[Any], ...] = (number, number, np.dtype("u1"), number, number, np.dtype("<u2"))
    wanted: dict[str, np.dtype[Any]] = {_ROOT: np.dtype("<f4")}
    wanted |= {f"{k}.{name}": kind for k in range(1, order) for name, kind in zip(names, types, strict=True)}
    if not isinstance(header, dict) or set(header) != set(wanted):
        raise ModelError(f"{path} is damaged: it does not have the tensors of counts of order {order}")
    lengths: dict[str, int] = {}
    for name, kind in wanted.items():
        shape: Any = header[name].get("shape") if isinstance(header[name], dict) else None
        is_list = isinstance(shape, list) and len(shape) == 1 and type(shape[0]) is int and 0 <= shape[0] <= size
        if not is_list or header[name].get("dtype") != _TYPES[kind.str]:
            raise ModelError(f"{path} is damaged: the type or shape of {name} is not that of counts")
        lengths[name] = shape[0]
    above = 1
    for k in range(1, order):
        nodes, grams = lengths[f"{k}.tokens"], lengths[f"{k}.following"]
        same = lengths[f"{k}.counts"] == lengths[f"{k}.followers"] == nodes and lengths[f"{k}.shares"] == grams
        if not same or lengths[f"{k}.children"] != above:
            raise ModelError(f"{path} is damaged: the tensors of {k} tokens of context do not have the same length")
        above = nodes
    data = sum(lengths[name] * kind.itemsize for name, kind in wanted.items())
    with path.open("rb") as file:
        end = header_end(file.read(8))
    if lengths[_ROOT] != vocabulary or data + end != size:
        raise ModelError(f"{path} is damaged: its size is not that of its tensors")


def _tree(arrays: Arrays, order: int, count: int, followers: int) -> Tree:
    """Return the tree. Raises ValueError, which says what is wrong, for values that no counts have."""
    unigrams = arrays[_ROOT]
    if not (np.isfinite(unigrams).all() and (unigrams >= 0).all() and abs(unigrams.sum(dtype=np.float64) - 1) < 1e-4):
        raise ValueError("its unigrams are not probabilities")
    levels: list[Nodes] = []
    for k in range(1, order):
        name = f"the tensors of {k} tokens of context"
        tokens, following = arrays[f"{k}.tokens"], arrays[f"{k}.following"]
        children = _offsets(arrays[f"{k}.children"], len(tokens), name)
        starts = _offsets(arrays[f"{k}.followers"], len(following), name)
        if not (_ascend(tokens, children, len(unigrams)) and _ascend(following, starts, len(unigrams))):
            raise ValueError(f"{name} have tokens that are not in order")
        if levels and (np.diff(children)[levels[-1].tokens == Tokenizer.START] > 0).any():
            raise ValueError(f"{name} have a token before the start of a text")
        if (np.diff(starts.astype(np.int64)) == 0).any() or not (unigrams[following] > 0).all():
            raise ValueError(f"{name} have a context without followers, or a follower that cannot occur")
        counts, shares = arrays[f"{k}.counts"], decode_shares(arrays[f"{k}.shares"])
        backoff = backoffs(shares, starts.astype(np.int64))
        if not ((backoff > 0).all() and (counts <= _MOST).all()):
            raise ValueError(
                f"{name} have probabilities that leave nothing to the lower order, or a count that is too large"
            )
        levels.append(Nodes(tokens, children, counts, starts, following, shares, backoff))
    return Tree(unigrams, count, followers, tuple(levels))


def _offsets(sizes: NDArray[Any], total: int, name: str) -> NDArray[np.uint32]:
    """Return where each row begins and the last one ends (rows + 1,). Raises ValueError unless that is `total`."""
    ends = np.cumsum(sizes, dtype=np.int64)
    if (ends[-1] if len(ends) else 0) != total:
        raise ValueError(f"{name} do not have the number of rows that they state")
    return np.concatenate([[0], ends]).astype(np.uint32)


def _ascend(tokens: NDArray[Any], starts: NDArray[np.uint32], vocabulary: int) -> bool:
    """Return whether the tokens of each row ascend, and all are in the vocabulary."""
    rises = np.ones(len(tokens), dtype=bool)
    rises[1:] = tokens[1:] > tokens[:-1]
    rises[starts[:-1][starts[:-1] < len(tokens)]] = True
    return bool(rises.all() and (tokens < vocabulary).all())
