"""Every command that reads a text says what is wrong with its encoding or its line ends, and what to try."""

import gzip
import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import LINES, TINY, Outcome

Run = Callable[..., Outcome]
TRAIN = [*TINY, "--steps=2"]
# FILE is the text; - in place of it is the same text on stdin.
READERS = [
    ["train", "FILE", *TRAIN],
    ["train", "-", *TRAIN],
    ["train", "good.txt", "--valid", "FILE", *TRAIN],
    ["evaluate", "FILE", "-m", "MODEL"],
    ["evaluate", "-", "-m", "MODEL"],
    ["score", "--file", "FILE", "-m", "MODEL"],
    ["score", "-", "-m", "MODEL"],
    ["score", "--format", "kenlm", "-", "-m", "MODEL"],
    ["score", "--pairs", "FILE", "-m", "MODEL"],
    ["sample", "--prompt", "-", "-m", "MODEL"],
    ["sample", "--novelty", "FILE", "-m", "MODEL"],
    ["compare", "MODEL", "MODEL", "--file", "FILE"],
    ["compare", "MODEL", "MODEL", "-"],
    ["compare", "MODEL", "kn3", "the cat", "--train", "FILE"],
    ["compare", "MODEL", "MODEL", "--pairs", "FILE"],
    ["tokenizer", "build", "FILE", "-o", "v.json"],
    ["tokenizer", "show", "-", "-m", "MODEL"],
    ["neurons", "--file", "FILE", "-m", "MODEL"],
    ["why", "--file", "FILE", "-m", "MODEL"],
    ["gradients", "--file", "FILE", "-m", "MODEL"],
    ["gradients", "--cell", "gru", "-"],
    ["report", "FILE", "-m", "MODEL", "-o", "page.html"],
]
PAIRS = "the cat\tthe dog\n" * 30
REFUSED = {
    "UTF-16": (PAIRS.encode("utf-16"), "is UTF-16, not UTF-8; convert it: iconv -f UTF-16 -t UTF-8"),
    "UTF-16 without a mark": (
        PAIRS.encode("utf-16-le"),
        "is UTF-16, not UTF-8; convert it: iconv -f UTF-16LE -t UTF-8",
    ),
    "UTF-32": (PAIRS.encode("utf-32"), "is UTF-32, not UTF-8; convert it: iconv -f UTF-32 -t UTF-8"),
    "Latin-1": (b"the cat\tthe d\xf6g\n", "line 1; if it is Latin-1, convert it: iconv -f LATIN1 -t UTF-8"),
    "binary": (Path(sys.executable).resolve().read_bytes()[:9999], "is a binary file, not text; a model trained with"),
}
LINE_ENDS = {
    "CR": (LINES.replace("\n", "\r").encode(), "to make them LF: tr '\\r' '\\n'"),
    "mixed": (LINES.replace("\n", "\r\n", 9).encode(), "to make them LF: perl -pe 's/\\r*\\n|\\r/\\n/g'"),
    "CR CR LF": (
        LINES.replace("\n", "\r\r\n").encode(),
        "270 CR CR LF; charlm reads the first CR of CR CR LF as a character",
    ),
}


@pytest.fixture
def said(run: Run, line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Run a reader on these bytes, in a file and on stdin."""

    def command(arguments: list[str], data: bytes, name: str = "the text") -> Outcome:
        (tmp_path / name).write_bytes(data)
        (tmp_path / "good.txt").write_text(LINES)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        places = {"FILE": name, "MODEL": str(line_folder)}
        return run(*(places.get(word, word) for word in arguments))

    return command


@pytest.mark.parametrize("kind", REFUSED)
def test_another_encoding_is_refused_with_what_to_try(said: Callable[..., Outcome], kind: str) -> None:
    data, words = REFUSED[kind]
    for arguments in READERS:
        done = said(arguments, data)
        assert (done.code, done.out) == (1, ""), arguments
        assert words in done.err.splitlines()[-1], (arguments, done.err)
        if "FILE" in arguments and "iconv" in words:
            assert done.err.rstrip().endswith(f"{words.rpartition(': ')[2]} < 'the text' > new.txt")


@pytest.mark.parametrize("kind", LINE_ENDS)
def test_unusual_line_ends_are_reported_with_what_to_try(said: Callable[..., Outcome], kind: str) -> None:
    data, words = LINE_ENDS[kind]
    for arguments in READERS:
        if kind == "mixed" and arguments[0] in ("why", "gradients"):
            continue  # they read one line, and refuse the text
        assert words in said(arguments, data).err, arguments


def test_a_gzip_file_is_unpacked_on_the_way_through_the_command(said: Callable[..., Outcome]) -> None:
    done = said(["evaluate", "FILE", "-m", "MODEL"], gzip.compress(b"the d\xf6g\n"))
    assert done.err.rstrip().endswith("gzip -dc < 'the text' | iconv -f LATIN1 -t UTF-8 > new.txt")


def test_lines_before_a_bad_byte_are_scored(said: Callable[..., Outcome]) -> None:
    done = said(["score", "-", "-m", "MODEL", "--json"], b"the cat\na dog\nthe d\xf6g\nthe cats\n")
    assert done.code == 1
    assert [line.partition(",")[0] for line in done.out.splitlines()] == ['{"text":"the cat"', '{"text":"a dog"']
    assert "stdin is not UTF-8 text: byte 0xf6 at offset 19, line 3; if it is Latin-1" in done.err


def test_vectors_whose_token_is_not_utf_8_are_counted(said: Callable[..., Outcome]) -> None:
    Path("vectors").write_bytes(b"c 1 2\ncaf\xe9 3 4\n")
    done = said(["train", "FILE", *TRAIN, "--embedding-size=2", "--embedding-file=vectors"], LINES.encode())
    assert "1 vector of the vector file not used, because the token is not UTF-8" in done.err
