"""Vectors in the text format of word2vec: what is written is read back, and what others write is read."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
