"""Vectors in the text format of word2vec: what is written is read back, and what others write is read."""

import gzip
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charlm.errors import ConfigError
from charlm.files import word2vec

SYMBOLS = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=8, unique=True)
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(SYMBOLS, st.integers(1, 4), st.data())
@settings(max_examples=30, deadline=None)
def test_every_symbol_and_every_number_comes_back(symbols: list[str], width: int, data: st.DataObject) -> None:
    """Spaces, newlines, backslashes, what looks like an escape, numbers: all of it in lines of text."""
    rows = data.draw(
        st.lists(st.lists(FLOATS, min_size=width, max_size=width), min_size=len(symbols), max_size=len(symbols))
    )
    matrix = np.array(rows, dtype=np.float32)
    written: list[bytes] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word2vec, "write_atomic", lambda path, content: written.append(content))
        word2vec.write(Path("v"), symbols, matrix)
    found = _read(written[0], [None, *symbols])
    np.testing.assert_array_equal(found.matrix[1:], matrix)
    assert found.known.tolist() == [False] + [True] * len(symbols)
    assert written[0].count(b"\n") == len(symbols) + 1
    assert all(len(line.split(b" ")) == width + 1 for line in written[0].splitlines()[1:])


def _read(content: bytes, symbols: Any) -> word2vec.Vectors:
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "v").write_bytes(content)
        return word2vec.read(Path(place) / "v", symbols)


def test_files_of_other_programs_are_read() -> None:
    """No first line (GloVe), spaces at the line ends (word2vec), CR LF, spaces in a symbol, a lone backslash."""
    content = b"king 1 2 \r\n. . . 3 4\n\\ 5 6\n12 7 8\nking 9 9\n"
    found = _read(content, ["king", "queen", ". . .", "\\", "12"])
    assert found.known.tolist() == [True, False, True, True, True]
    assert found.matrix.tolist() == [[1, 2], [0, 0], [3, 4], [5, 6], [7, 8]]


VECTORS = "3 2\nthé 1 2\ncat 3 4\n— 5 6\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (VECTORS.encode("utf-16"), "is UTF-16, not UTF-8; convert it: iconv -f UTF-16 -t UTF-8 < {} > new.txt"),
        (VECTORS.encode("utf-16-le"), "is UTF-16, not UTF-8; convert it: iconv -f UTF-16LE -t UTF-8 < {} > new.txt"),
        (VECTORS.encode("utf-32"), "is UTF-32, not UTF-8; convert it: iconv -f UTF-32 -t UTF-8 < {} > new.txt"),
        (gzip.compress(VECTORS.encode()), "is compressed; unpack it: gzip -dc < {} > new.txt"),
        (VECTORS.replace("\n", "\r").encode(), "end in CR alone; convert it: tr '\\r' '\\n' < {} > new.txt"),
    ],
    ids=["UTF-16", "UTF-16 without a mark", "UTF-32", "gzip", "CR"],
)
def test_another_form_is_refused_with_the_command_that_makes_it_readable(
    data: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "v"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as error:
        word2vec.read(path, ["cat"])
    command = words.format(path).rpartition(": ")[2]
    assert words.format(path) in str(error.value)
    if os.name == "posix":
        subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True)
        assert (tmp_path / "new.txt").read_text(encoding="utf-8") == VECTORS


def test_the_binary_form_is_called_binary(tmp_path: Path) -> None:
    (tmp_path / "v").write_bytes(b"1 3\ncat " + np.array([0.5, 0, -1.25], dtype="<f4").tobytes() + b"\n")
    with pytest.raises(ConfigError, match="is a binary file; it must be in the text format of word2vec"):
        word2vec.read(tmp_path / "v", ["cat"])


def test_a_mark_is_left_out_and_tokens_that_are_not_utf_8_match_nothing() -> None:
    content = b"\xef\xbb\xbf4 1\ncaf\xe9 1\nn\xf1 2\ncaf\xef\xbf\xbd 3\na 4\n"
    vectors = _read(content, ["caf\ufffd", "n\ufffd", "a"])
    assert vectors.known.tolist() == [True, False, True]
    assert vectors.matrix.tolist() == [[3], [0], [4]]
    assert vectors.not_utf8 == 2
