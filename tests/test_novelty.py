"""What a text has in common with a corpus, against looking for every stretch of it."""

import gzip
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import charlm
from charlm.blocks import read_blocks
from charlm.novelty import Novelty, novelty

TEXTS = st.lists(st.text("ab", max_size=14) | st.text("abc", max_size=20), max_size=5)


def stretches(text: str, n: int) -> list[str]:
    return [text[place : place + n] for place in range(len(text) - n + 1)]


def by_looking(text: str, corpus: list[str]) -> Novelty:
    def copied(stretch: str) -> bool:
        return any(stretch in document for document in corpus)

    def share(n: int) -> float | None:
        found = [not copied(each) for each in stretches(text, n)]
        return sum(found) / len(found) if found else None

    longest = max(n for n in range(len(text) + 1) if not n or any(map(copied, stretches(text, n))))
    first = next(filter(copied, stretches(text, longest))) if longest else ""
    return Novelty(longest, first, share(4), share(8))


@settings(max_examples=500, deadline=None, derandomize=True)
@given(TEXTS, st.lists(st.text("abc", max_size=60), max_size=4), st.integers(1, 9))
def test_it_is_what_looking_for_every_stretch_finds(texts: list[str], corpus: list[str], size: int) -> None:
    blocks = [[document[place : place + size] for place in range(0, len(document), size)] for document in corpus]
    assert novelty(texts, blocks) == [by_looking(text, corpus) for text in texts]


def test_a_worked_example() -> None:
    """Of eight 4-grams "at s", "t sa" and " sat" are new, of four 8-grams all but the first, which is "the cat "."""
    (found,) = novelty(["the cat sat"], [["the ca", "t ran"]])
    assert found == Novelty(8, "the cat ", 3 / 8, 3 / 4)


def test_memory_does_not_grow_with_the_corpus() -> None:
    """A megabyte passes by, and a tenth of that is never held."""

    def document() -> Iterator[str]:
        for _ in range(50):
            yield "x" * 1_000 + "word"

    tracemalloc.start()
    try:
        novelty(["a word or two"], (document() for _ in range(20)))
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_files_are_read_in_blocks_that_give_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A character may lie across the border of two blocks, and a byte order mark is none."""
    monkeypatch.setattr("charlm.blocks._BYTES", 3)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_bytes("\ufeffé€😀 fin\r\n".encode())
    (tmp_path / "folder" / "b.txt.gz").write_bytes(gzip.compress(b"zweiter Text"))
    (tmp_path / "folder" / ".hidden").write_text("no")
    found = ["".join(document) for document in read_blocks([tmp_path / "folder", tmp_path / "folder" / "a.txt"])]
    assert found == ["é€😀 fin\r\n", "zweiter Text", "é€😀 fin\r\n"]


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(charlm.CorpusNotFoundError, match=r"no file .*nothing"):
        read_blocks([tmp_path / "nothing"])
    monkeypatch.setattr("charlm.blocks._BYTES", 4)
    (tmp_path / "latin").write_bytes("aé€ ".encode() + b"caf\xe9 au lait")
    with pytest.raises(charlm.CorpusError, match="latin is not UTF-8 text: byte 0xe9 at offset 10;"):
        list(next(read_blocks([tmp_path / "latin"])))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"some text" * 100)[:-9])
    with pytest.raises(charlm.CorpusError, match="not a complete gzip file"):
        list(next(read_blocks([tmp_path / "cut.gz"])))
