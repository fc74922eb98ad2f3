"""A file of counts: the same counts come back, and a damaged or hostile file is refused with one sentence."""

import json
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from charlm import ConfigError, ModelError
from charlm.counts import Counts, CountSettings
from charlm.counts.file import NAME, read, to_bytes
from charlm.tokenizers import Tokenizer

V = 12
PREDICTABLE = np.arange(V) >= Tokenizer.EOS
Header = dict[str, Any]


def counted(limit: int = 2**20, seed: int = 1) -> Counts:
    draw = np.random.default_rng(seed)
    ids = np.concatenate([[*draw.integers(3, V - 1, 40), Tokenizer.EOS] for _ in range(30)])
    return Counts.of(ids, np.arange(0, len(ids), 41), PREDICTABLE, CountSettings(order=5, limit=limit))


@pytest.fixture(scope="module")
def blob() -> bytes:
    return to_bytes(counted())


def test_counts_come_back_from_their_file(tmp_path: Path, blob: bytes) -> None:
    (tmp_path / NAME).write_bytes(blob)
    counts, again = counted(), read(tmp_path / NAME, V)
    assert (again.order, again.cuts) == (5, (1, 1, 1, 1, 1))
    assert again.predictable.tolist() == PREDICTABLE.tolist()
    row = np.array([Tokenizer.START, 3, 4, 5, 6, 7, 3, 3, 11, Tokenizer.EOS])
    for mine, theirs in zip(counts.figures(row), again.figures(row), strict=True):
        assert np.array_equal(mine, theirs)
    assert to_bytes(again) == blob == to_bytes(counted()), "equal counts are equal bytes"


def test_a_limit_holds_for_the_file(tmp_path: Path, blob: bytes) -> None:
    """The rarest of the longest n-grams are dropped first, and the cuts say so."""
    limit = len(blob) * 3 // 4
    small = counted(limit)
    assert len(to_bytes(small)) <= limit
    assert small.cuts[0] == 1 and small.cuts[-1] > 1 and list(small.cuts) == sorted(small.cuts)
    (tmp_path / NAME).write_bytes(to_bytes(small))
    assert read(tmp_path / NAME, V).cuts == small.cuts
    for context in ([3, 4, 5, 6], [7], []):
        assert small.distribution(context).sum() == pytest.approx(1, abs=1e-6)


def test_counts_that_are_too_large_for_a_file_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charlm.counts.file.LARGEST_FILE", 1000)
    with pytest.raises(ConfigError, match=r"the counts take [\d,]+ bytes; a file of counts has at most 1,000"):
        to_bytes(counted())


def test_counts_that_are_not_rounded_are_not_written() -> None:
    with pytest.raises(ConfigError, match="not rounded"):
        to_bytes(counted(limit=0))


def changed(blob: bytes, change: Callable[[Header, bytearray], object]) -> bytes:
    """Change the header and the data, and state the checksum that they then have."""
    end = 8 + int.from_bytes(blob[:8], "little")
    header, data = json.loads(blob[8:end]), bytearray(blob[end:])
    change(header, data)
    metadata = header.pop("__metadata__")
    metadata["sha256_tensors"] = sha256(json.dumps(header, sort_keys=True).encode() + data).hexdigest()
    text = json.dumps({"__metadata__": metadata, **header}).encode()
    return len(text).to_bytes(8, "little") + text + data


def stated(**values: str) -> Callable[[Header, bytearray], object]:
    return lambda header, data: header["__metadata__"].update(values)


def described(name: str, **values: object) -> Callable[[Header, bytearray], object]:
    return lambda header, data: header[name].update(values)


def filled(name: str, byte: int, first: int = 0, size: int | None = None) -> Callable[[Header, bytearray], object]:
    """Overwrite bytes of a tensor."""

    def change(header: Header, data: bytearray) -> None:
        start, end = header[name]["data_offsets"]
        stop = end if size is None else start + first + size
        data[start + first : stop] = bytes([byte]) * (stop - start - first)

    return change


HOSTILE = {
    "of a newer charlm": (stated(format_version="2"), "newer charlm"),
    "no version": (stated(format_version="x"), "format_version is 'x'"),
    "another vocabulary": (stated(vocabulary="13"), "vocabulary of 13 tokens; the model has 12"),
    "a huge order": (stated(order="99999999999"), "order is"),
    "a higher order": (stated(order="6", cuts="1 1 1 1 1 1"), "tensors of counts of order 6"),
    "no cuts": (stated(cuts=""), "leaves out"),
    "a huge count": (stated(count="999"), "count is '999'"),
    "a huge shape": (described("3.tokens", shape=[2**62]), "shape of 3.tokens"),
    "a negative shape": (described("3.tokens", shape=[-1]), "shape of 3.tokens"),
    "a shape of truth": (described("3.tokens", shape=[True]), "shape of 3.tokens"),
    "two dimensions": (described("1.tokens", shape=[1, 11]), "shape of 1.tokens"),
    "another type": (described("unigrams", dtype="F64"), "type or shape of unigrams"),
    "a shorter tensor": (described("2.shares", shape=[5]), "do not have the same length"),
    "more data": (lambda header, data: data.extend(b"12345678"), "size is not that of its tensors"),
    "a tensor more": (lambda header, data: header.update(more=header["unigrams"]), "tensors of counts"),
    "a tensor less": (lambda header, data: header.pop("2.tokens"), "tensors of counts"),
    "no description": (lambda header, data: header.update({"1.tokens": 7}), "shape of 1.tokens"),
    "NaN": (filled("unigrams", 0xFF), "unigrams are not probabilities"),
    "no unigrams": (filled("unigrams", 0), "unigrams are not probabilities"),
    "tokens beyond the vocabulary": (filled("2.tokens", 200), "not in order"),
    "followers beyond the vocabulary": (filled("2.following", 200), "not in order"),
    "too many children": (filled("2.children", 255), "number of rows"),
    "no followers": (filled("2.followers", 0), "number of rows"),
    "shares of one": (filled("2.shares", 0), "leave nothing to the lower order"),
    "a huge count of a node": (filled("1.counts", 255), "count that is too large"),
    "a follower that cannot occur": (filled("1.following", 0, size=1), "follower that cannot occur"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused(tmp_path: Path, blob: bytes, name: str) -> None:
    change, words = HOSTILE[name]
    path = tmp_path / NAME
    path.write_bytes(changed(blob, change))
    with pytest.raises(ModelError, match=re.escape(words)) as error:
        read(path, V)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)


def test_a_truncated_or_damaged_file_is_refused(tmp_path: Path, blob: bytes) -> None:
    path = tmp_path / NAME
    draw = np.random.default_rng(0)
    for size in (0, 7, 8, 100, len(blob) // 2, len(blob) - 1):
        path.write_bytes(blob[:size])
        with pytest.raises(ModelError, match=re.escape(str(path))):
            read(path, V)
    for _ in range(60):
        damaged = bytearray(blob)
        damaged[draw.integers(len(blob))] ^= 1 << draw.integers(8)
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match=re.escape(str(path))):
            read(path, V)


def test_a_file_is_neither_followed_nor_waited_for(tmp_path: Path, blob: bytes) -> None:
    (tmp_path / "other").write_bytes(blob)
    (tmp_path / NAME).symlink_to("other")
    with pytest.raises(ModelError, match="symbolic link"):
        read(tmp_path / NAME, V)
    with pytest.raises(ModelError, match="cannot be read"):
        read(tmp_path / "missing", V)


def test_counts_of_a_short_text_are_read_while_a_model_has_no_memory(tmp_path: Path) -> None:
    """Levels without a context have tensors without elements."""
    counts = Counts.of(np.array([3, 4]), np.array([0]), PREDICTABLE, CountSettings(order=5))
    (tmp_path / NAME).write_bytes(to_bytes(counts))
    with torch.device("meta"):
        assert read(tmp_path / NAME, V).order == 5
