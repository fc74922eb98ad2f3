"""The programs of examples/ run, with less training."""

import runpy
from pathlib import Path

import pytest
from conftest import LINES, STREAM

FOLDER = Path(__file__).parents[2] / "examples"
GUESSES = "one\t-3.0\tthe cat ran\none\t-2.9\tnar tac eht\ntwo\t-1\ta dog sat\n"
ARGUMENTS = {
    "names": ["lines.txt"],
    "surprisal_table": ["lines.txt", "lines.txt"],
    "own_sampler": ["stream.txt", "e"],
    "rescore": ["lines.txt", "guesses.tsv"],
}


def run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What a program prints, in a folder with its files."""
    texts = {"lines.txt": LINES, "stream.txt": STREAM, "guesses.tsv": GUESSES}
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert source.count("minutes=1") == 1
    quick = source.replace("minutes=1", "steps=60, learning_rate=4e-3, hidden_size=16, layers=1, threads=1")
    (folder / "program.py").write_text(quick, encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", ["program.py", *ARGUMENTS[name]])
    runpy.run_path("program.py", run_name="__main__")
    return capsys.readouterr().out


def test_every_program_is_tested_and_described() -> None:
    names = {path.stem for path in FOLDER.glob("*.py")}
    assert names == set(ARGUMENTS) and len(names) == 4
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}.py`" in text and f"python examples/{name}.py" in text for name in names)


def test_names_are_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    printed = run("names", tmp_path, monkeypatch, capsys).splitlines()
    assert len(printed) == 10
    assert not {line[:20].rstrip() for line in printed} & set(LINES.split("\n"))


def test_words_have_their_surprisal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = run("surprisal_table", tmp_path, monkeypatch, capsys)
    assert printed.split()[:3] == ["line", "word", "bits"] and "the most surprising words" in printed


def test_a_letter_is_never_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = run("own_sampler", tmp_path, monkeypatch, capsys)
    assert len(printed) == 301 and "e" not in printed


def test_a_guess_that_makes_sense_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = run("rescore", tmp_path, monkeypatch, capsys)
    assert printed == "one: the cat ran (not 'nar tac eht')\ntwo: a dog sat\n"
