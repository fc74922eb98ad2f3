"""Texts that are not UTF-8, and unusual line ends: they are recognized, and the commands that are named mend them."""

import gzip
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import charlm
from charlm.data import corpus
from charlm.data.corpus import read
from charlm.files import decoding, line_ends
from charlm.files.decoding import recognize

ENGLISH = "".join(f"When the train stopped at {n}, nobody was waiting.\r\n" for n in range(200))
TEXTS = {
    "English": ENGLISH,
    "short": "ab",
    "German": "Über den Wäldern: „Grüße“, 5 €.\n" * 30,
    "Russian": "Когда поезд остановился, никто не ждал.\n" * 30,
    "Greek": "Όταν το τρένο σταμάτησε, κανείς δεν περίμενε.\n" * 30,
    "Chinese": "火车停下时,没有人在等。\n" * 30,
    "Japanese": "列車が止まったとき、 誰も待っていなかった。\n" * 30,
    "emoji": "🐈 and 🐕\n" * 30,
}
UNICODE = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
NO_TOOLS = os.name != "posix" or not all(map(shutil.which, ("sh", "iconv", "perl", "tr")))
tools = pytest.mark.skipif(NO_TOOLS, reason="the commands need sh, iconv, perl, and tr")


def named(message: str) -> str:
    """Return the command that a message names."""
    (command,) = re.findall(r": ((?:gzip|iconv|perl|tr) .*?)(?:; a model trained.*)?$", message)
    return str(command)


def cured(command: str, folder: Path) -> bytes:
    """Return what the command makes of the text."""
    subprocess.run(["sh", "-c", command], cwd=folder, check=True)
    return (folder / "new.txt").read_bytes()


def refusal(path: Path | str) -> str:
    with pytest.raises(charlm.CorpusError) as error:
        read([path])
    return str(error.value)


@pytest.mark.parametrize("encoding", UNICODE)
@pytest.mark.parametrize("text", TEXTS)
def test_utf_16_and_utf_32_are_recognized_with_a_mark_and_without(text: str, encoding: str) -> None:
    expected = encoding.upper() if encoding in ("utf-16", "utf-32") else encoding.upper().replace("-LE", "LE")
    assert recognize(TEXTS[text].encode(encoding)) == expected.replace("-BE", "BE")


@pytest.mark.parametrize(
    "data",
    [
        *[b"", b"\0", b"a\0", b"\0\0\0\0", b"plain text\n" * 99, "naïve café\n".encode() * 99],
        *[b"a\0b\0\n" * 200, b"./a.txt\0./b/c.txt\0" * 30, b"record1\0" * 99, b"ab\0" * 99, b"name\0\0\0\0other\0\0\0"],
        *[bytes(range(256)) * 8, Path(sys.executable).resolve().read_bytes()[:5000]],
        "Когда поезд\0остановился\0".encode() * 9,
    ],
    ids=range(14),
)
def test_nothing_else_is_taken_for_utf_16_or_utf_32(data: bytes) -> None:
    assert recognize(data) is None


LATIN1 = "".join(f"{word}\n" for word in ("señor", "café", "plain", "über"))
PASSWORDS = [b"abc123", "contraseña".encode(), "пароль".encode(), "été2009".encode(), b" a\tb "]


@tools
@pytest.mark.parametrize(
    ("data", "text"),
    [
        *[(TEXTS[text].encode(encoding), TEXTS[text]) for text in ("English", "Russian") for encoding in UNICODE],
        ("\ufeffabc\n".encode("utf-16-be"), "abc\n"),
        ("\ufeffabc\n".encode("utf-32-be"), "abc\n"),
        (LATIN1.encode("latin-1"), LATIN1),
        (LATIN1.removesuffix("\n").encode("latin-1"), LATIN1.removesuffix("\n")),
        ("“naïve” – 5 €\r\n".encode("cp1252"), "“naïve” – 5 €\r\n"),
        (
            b"\n".join([*PASSWORDS, b"ni\xf1o77", *PASSWORDS]),
            b"\n".join([*PASSWORDS, "niño77".encode(), *PASSWORDS]).decode(),
        ),
    ],
    ids=range(18),
)
def test_the_command_that_an_error_names_gives_the_text_back(data: bytes, text: str, tmp_path: Path) -> None:
    for name, content in (("a 'text'.txt", data), ("-text.gz", gzip.compress(data))):
        (tmp_path / name).write_bytes(content)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            assert cured(named(refusal(name)), tmp_path) == text.encode()
            assert read(["new.txt"]).documents[0].text == text


@tools
@pytest.mark.parametrize(
    ("ends", "counts", "cured_ends"),
    [
        (["\r"], "3 CR", ["\n"]),
        (["\r\n", "\n"], "2 CR LF and 1 LF", ["\n"]),
        (["\r\n", "\r"], "1 CR and 2 CR LF", ["\n"]),
        (["\n", "\r"], "1 CR and 2 LF", ["\n"]),
        (["\r\r\n"], "3 CR CR LF", ["\n"]),
        (["\r\r\n", "\r\n"], "2 CR CR LF and 1 CR LF", ["\n"]),
    ],
)
@pytest.mark.parametrize("stored", [False, True], ids=["in memory", "stored"])
def test_unusual_line_ends_are_noted_with_the_command_that_makes_them_lf(
    ends: list[str], counts: str, cured_ends: list[str], stored: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if stored:
        request.getfixturevalue("large")
    words = ["one", "two", "three"]
    path = tmp_path / "text.txt"
    path.write_bytes("".join(word + ends[n % len(ends)] for n, word in enumerate(words)).encode() + b"open")
    (note,) = read([path]).notes
    assert note.startswith(f"the line ends of {path} are {counts}; ")
    assert cured(named(note), tmp_path) == "".join(word + cured_ends[0] for word in words).encode() + b"open"
    assert read([tmp_path / "new.txt"]).notes == ()


@pytest.mark.parametrize("text", ["a\nb\n", "a\r\nb\r\n", "a\r\nb", "a", "\n", ""])
def test_usual_line_ends_are_not_noted(text: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"x" + text.encode())
    assert read([tmp_path / "text"]).notes == ()


def test_a_list_with_a_few_bad_lines_says_how_many_and_where(tmp_path: Path, large: None) -> None:
    """A text that is too large for memory is examined too."""
    lines = [*PASSWORDS, b"ni\xf1o77", *PASSWORDS, b"se\xf1or", b"abc"]
    (tmp_path / "list").write_bytes(b"\n".join(lines) + b"\n")
    offset = len(b"\n".join(PASSWORDS)) + 3
    said = refusal(tmp_path / "list")
    assert (
        f"is not UTF-8 text: byte 0xf1 at offset {offset}, line 6, the first of 2 such lines; other lines are" in said
    )


def test_a_pipe_gives_the_lines_before_a_bad_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"abc123\nx\nni\xf1o77\nxyz789\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    pieces, notes = [], list[str]()
    with pytest.raises(charlm.CorpusError) as error:
        pieces.extend(iter(corpus.stream_stdin(notes)))
    assert str(error.value) == (
        "stdin is not UTF-8 text: byte 0xf1 at offset 11, line 3; if it is Latin-1, convert it:"
        " iconv -f LATIN1 -t UTF-8"
    )
    assert "".join(pieces) == "abc123\nx\n"


@pytest.mark.parametrize(
    "data",
    [Path(sys.executable).resolve().read_bytes()[:9999], b"\x89PNG\r\n\x1a\n\xff", b"\xff\xd8\xff\xe0\0\x10JFIF"],
)
def test_a_binary_file_is_called_binary(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(data)
    assert refusal(tmp_path / "file") == f"{tmp_path / 'file'} is a binary file, not text"


def test_the_guide_has_the_commands_that_messages_name() -> None:
    guide = (Path(__file__).parents[2] / "docs/guide/train.md").read_text(encoding="utf-8").replace("\\|", "|")
    for command in (decoding._ONLY_LATIN1_LINES, line_ends.FROM_CR, line_ends._FROM_ANY, "iconv -f LATIN1 -t UTF-8"):
        assert f"`{command} < corpus.txt > new.txt`" in guide
