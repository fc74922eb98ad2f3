"""A plain text is for a language model, whatever it looks like."""

import io
import sys
from pathlib import Path

import pytest

import charlm
from charlm.examples.detection import detect
from charlm.examples.source import beginning

ROOT = Path(__file__).parents[2]
CORPORA = ("cats.txt", "court.txt", "dna.txt", "tunes.abc", "cats.grammar", "cats.py", "README.md", "cats-pairs.tsv")
TEXTS: dict[str, bytes] = {
    "empty": b"",
    "blank lines": b"\n \n\n",
    "one line": b"one line",
    "one line with a tab": b"a\tb\n",
    "a few lines with tabs": b"Name:\tAnn\nAge:\t33\n",
    "binary": bytes(range(256)) * 8,
    "NUL": b"__label__a b\0\n" * 9,
    "UTF-16": "a\tb\n".encode("utf-16") * 20,
    "Latin-1": "señor café\n".encode("latin-1") * 20,
    "a poem": b"Dark night\nCold wind\n\nDark sea\nCold wind\n\n" * 9,
    "a loud poem": b"DARK NIGHT\nCOLD WIND\n\nWARM SUN\nDEEP SEA\n\nCALM DAY\nSOFT RAIN\n",
    "the same first words": b"and the sea\nbut the wind\n" * 30,
    "a log": b"INFO starting up\nWARN slow disk\nINFO done\n" * 30,
    "a log with times": b"2020-01-01 10:00:00,123 INFO start\n" * 30,
    "a play": b"ANN: where is it?\nBEN: over there\n" * 30,
    "a recipe": b"1 cup of flour\n2 eggs\n1 spoon of salt\n3 onions\n" * 9,
    "prose with commas": b"Text, label and other words\nOne, two, three\nFour, five, six\n" * 9,
    "prose like a header": b"text,label\nThat was the heading.\nIt goes on without commas.\n",
    "quoted prose": b'He said, "go" there,\nand "I" went, "so"\n' * 9,
    "numbers": b"1\n2\n3\n4\n5\n6\n",
    "a matrix": b"0 1 1 0\n1 0 0 1\n" * 9,
    "numbers and commas": b"1,2\n3,4\n5,6\n" * 9,
    "data of people": b"name,height,kind\nAnn,1.7,a\nBen,1.8,b\n" * 9,
    "JSON": b'{"text": "a"}\n{"text": "b"}\n',
    "a JSON log": b'{"level": "info", "msg": "a"}\n' * 9,
    "indented code": b"func f() {\n\treturn 1\n}\n" * 9,
    "a Makefile": b"all:\n\tmake x\ntest:\n\tmake y\n" * 9,
    "table below prose": b"A list of words:\n" + b"a1\tb\n" * 99,
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_plain_text_is_for_a_language_model(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.txt").write_bytes(TEXTS[name])
    assert detect(tmp_path / "text.txt").task == "language"


def test_corpora_pages_and_code_are_for_a_language_model() -> None:
    files = [ROOT / "corpora" / name for name in CORPORA]
    files += [*ROOT.glob("*.*"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "charlm").rglob("*.[ch]")]
    files += (ROOT / "charlm").rglob("*.py")
    files += Path(io.__file__).parent.glob("[a-f]*.py")
    assert len(files) > 300
    assert [str(path) for path in files if path.is_file() and detect(path).task != "language"] == []


def test_what_can_be_read_only_once_and_folders_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert detect("-").task == detect(tmp_path).task == "language"
    with pytest.raises(charlm.CorpusError, match="is not a file, so its examples cannot be looked at"):
        detect(tmp_path, "classify")


def test_only_the_first_megabyte_is_read(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("__label__a some text\n" * 150_000)
    source = beginning(str(path))
    assert source and source.is_cut and len(source.text) <= 2**20 and source.text.endswith("\n")
    assert detect(path).task == "classify"
    path.write_text("x" * 2**21)
    assert beginning(str(path)) is None


def test_several_files_have_one_format(tmp_path: Path) -> None:
    for name, text in {"a": "__label__a x\n", "b": "__label__b y\n", "c": "plain\n"}.items():
        (tmp_path / name).write_text(text)
    assert detect([tmp_path / "a", tmp_path / "b"]).task == "classify"
    with pytest.raises(charlm.CorpusError) as caught:
        detect([tmp_path / "a", tmp_path / "c"])
    assert str(caught.value) == (
        f"{tmp_path / 'c'} is read as plain text, and {tmp_path / 'a'} as classify (every line begins with __label__);"
        " give files of one format"
    )
    assert caught.value.remedy == "name_task"


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(charlm.CorpusNotFoundError):
        detect(tmp_path / "missing.tsv")
    with pytest.raises(charlm.ConfigError, match="no task is named 'clasify'; did you mean 'classify'"):
        detect(tmp_path, "clasify")
