"""Reading of files, folders, gzip files, and stdin: every character is kept, and anything but text is refused."""

import gzip
import io
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import charlm
from charlm.data.corpus import Corpus, read, stem
from charlm.data.documents import Document


def refusal(path: Path | str) -> str:
    """Return the message with which a path is refused."""
    with pytest.raises(charlm.CorpusError) as error:
        read([path])
    return str(error.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a text.txt"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text("ab \r\n\t\0<EOS>é\u2028\x85\x1a\ufffd\ufeff😀", min_size=1))
def test_every_character_of_a_file_is_kept(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Both kinds of line ends and NUL bytes are kept; only a byte order mark is not."""
    path = tmp_path_factory.getbasetemp() / "text"
    path.write_bytes(("x" + text).encode())
    (document,) = read([path]).documents
    assert document == Document(str(path), "x" + text)


def test_a_byte_order_mark_is_left_out_and_noted(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfabc\xef\xbb\xbf")
    found = read([file])
    assert found.documents[0].text == "abc\ufeff"
    assert [str(file) in note and "byte order mark" in note for note in found.notes] == [True]


def test_a_file_that_is_not_there_is_named_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "shakespeare.txt").write_text("x")
    with pytest.raises(charlm.CorpusNotFoundError) as error:
        read([tmp_path / "shakespear.txt"])
    assert str(error.value) == (
        f"there is no file {tmp_path / 'shakespear.txt'}; did you mean {tmp_path / 'shakespeare.txt'}?"
    )
    assert refusal(tmp_path / "quite-different") == f"there is no file {tmp_path / 'quite-different'}"
    assert refusal(tmp_path / "no" / "a.txt").endswith(f"nor a folder {tmp_path / 'no'}")


def test_a_common_suffix_is_not_a_likeness(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("x")
    assert refusal(tmp_path / "nosuch.txt") == f"there is no file {tmp_path / 'nosuch.txt'}"
    assert refusal(tmp_path / "nmaes.txt").endswith(f"; did you mean {tmp_path / 'names.txt'}?")
    assert refusal(tmp_path / "names").endswith(f"; did you mean {tmp_path / 'names.txt'}?")


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", gzip.compress(b"")], ids=["empty", "mark", "gzip"])
def test_an_empty_corpus_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert refusal(file) == f"{file} contains no text: 0 characters"


def test_an_empty_file_among_others_is_left_out_and_noted(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    (tmp_path / "b").write_text("")
    found = read([tmp_path / "a", tmp_path / "b"])
    assert [document.text for document in found.documents] == ["text"]
    assert found.notes == (f"{tmp_path / 'b'} is empty",)


@pytest.mark.parametrize(
    ("content", "offset", "byte"),
    [
        (b"caf\xe9", "3", "0xe9"),
        (b"a" * 12_345 + b"\xff", "12,345", "0xff"),
        ("é".encode()[:1], "0", "0xc3"),
        (b"\xed\xa0\x80", "0", "0xed"),  # a surrogate
        (gzip.compress(b"caf\xe9!"), "3", "0xe9"),
    ],
    ids=range(5),
)
def test_what_is_not_utf_8_is_refused_with_the_byte_and_its_offset(
    file: Path, content: bytes, offset: str, byte: str
) -> None:
    file.write_bytes(content)
    assert f"{file} is not UTF-8 text: byte {byte} at offset {offset}, line 1; if it is " in refusal(file)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le"])
def test_utf_16_is_recognised_and_the_cure_named(file: Path, encoding: str) -> None:
    """It is recognized by its byte order mark."""
    file.write_bytes("\ufeffany text".removeprefix("\ufeff" if encoding == "utf-16" else "").encode(encoding))
    assert re.search("is UTF-16, not UTF-8.* iconv -f UTF-16 -t UTF-8", refusal(file))


def test_gzip_is_recognised_by_its_content_whatever_the_name(tmp_path: Path) -> None:
    for name in ("a.txt.gz", "plain"):
        (tmp_path / name).write_bytes(gzip.compress("é\r\n".encode()))
        assert read([tmp_path / name]).documents[0].text == "é\r\n"
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"one ") + gzip.compress(b"two"))  # as `cat` joins them
    assert read([tmp_path / "b.gz"]).documents[0].text == "one two"


def test_a_damaged_gzip_file_is_refused(file: Path) -> None:
    whole = gzip.compress(b"some text, and some more text" * 20)
    for content in (whole[:2], whole[:5], whole[:-9], whole[:-1], whole + b"rest", whole[:-6] + b"\0\1" + whole[-4:]):
        file.write_bytes(content)
        assert f"{file} is not a complete gzip file" in refusal(file)
    file.write_bytes(whole[:12] + bytes(20) + whole[32:])
    assert f"{file} is not a complete gzip file" in refusal(file)


def test_a_folder_is_its_files_in_order_without_the_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.md", "a/c.gz", ".hidden", ".git/config", "a/.cache/x"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(gzip.compress(b"packed") if name.endswith(".gz") else name.encode())
    found = read([tmp_path])
    assert [document.text for document in found.documents] == ["packed", "a/z.md", "b.txt"]
    assert [document.name for document in found.documents][2] == str(tmp_path / "b.txt")
    assert not found.notes


def test_what_is_no_text_in_a_folder_is_left_out_and_noted(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    for number in range(5):
        (tmp_path / f"picture{number}").write_bytes(b"\x89PNG\r\n\x1a\n\xff")
    found = read([tmp_path])
    assert [document.text for document in found.documents] == ["text"]
    (note,) = found.notes
    assert note.startswith(f"left out 5 files of {tmp_path} without UTF-8 text") and "picture0" in note


def test_a_folder_without_text_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"the folder {tmp_path} contains no text file"
    (tmp_path / "picture").write_bytes(b"\xff\xd8")
    (tmp_path / ".hidden").write_text("text")
    assert refusal(tmp_path) == f"the folder {tmp_path} contains no text file"


def test_a_folder_of_empty_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert "contains no text" in refusal(tmp_path)


@pytest.mark.parametrize("path", ["x" * 300, "a\0b"], ids=["long", "nul"])
def test_what_cannot_be_the_name_of_a_file_is_refused_like_any_other(path: str) -> None:
    """For example, a text in place of a file name."""
    assert repr(path)[1:20] in refusal(path)


def test_stdin_is_read_for_a_dash_among_files_in_the_order_given(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("from a file")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("é\r\n\0".encode()), encoding="ascii"))
    found = read(["-", file])
    assert [document.text for document in found.documents] == ["é\r\n\0", "from a file"]
    assert found.documents[0].name == "stdin"
    assert found.characters == 15


def test_stdin_that_is_no_text_or_closed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ab\xff")))
    assert "stdin is not UTF-8 text: byte 0xff at offset 2" in refusal("-")
    monkeypatch.setattr(sys, "stdin", None)
    assert "stdin is closed" in refusal("-")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b.txt", "b"),
        ("b.txt.gz", "b"),
        ("b.gz", "b"),
        ("b", "b"),
        ("b.tar.txt", "b.tar"),
        (".bashrc", ".bashrc"),
        ("-", "stdin"),
    ],
)
def test_a_model_is_named_after_the_stem_of_its_corpus(path: str, name: str) -> None:
    assert stem(path) == name


def test_a_model_of_a_folder_is_named_after_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my.texts").mkdir()
    assert stem(str(tmp_path / "my.texts")) == "my.texts"
    monkeypatch.chdir(tmp_path / "my.texts")
    assert stem(".") == "my.texts"


def test_a_fingerprint_is_that_of_the_texts_and_their_borders() -> None:
    """File names do not matter."""

    def of(*texts: str) -> str:
        return Corpus(tuple(Document(str(number), text) for number, text in enumerate(texts))).fingerprint()

    assert of("ab", "c") == Corpus((Document("x", "ab"), Document("y", "c"))).fingerprint()
    assert len({of("ab", "c"), of("a", "bc"), of("c", "ab"), of("abc"), of("ab", "d")}) == 5


def test_a_text_a_path_and_several_paths_are_all_a_corpus(file: Path) -> None:
    from charlm.data.sources import as_corpus

    file.write_text("a\nb")
    expected = as_corpus("a\nb").fingerprint()
    assert {as_corpus(each).fingerprint() for each in (file, str(file), [file], [str(file)])} == {expected}
