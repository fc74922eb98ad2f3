"""Pairs from two files: each line of the first is a source, and the same line of the second its target."""

import json
from pathlib import Path
from typing import Any

import pytest

import charlm
from charlm.errors import CorpusError
from charlm.examples import Pair
from charlm.examples.reading import read_examples

WORDS = [f"{x}{y}{z}" for x in "abcd" for y in "abcd" for z in "abcd"]
SHAPE = ("--steps", "2", "--hidden-size", "8", "--layers", "1", "--threads", "1", "-q")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("words.en").write_text("".join(f"{word}\n" for word in WORDS))
    Path("words.xx").write_text("".join(f"{word[::-1]} !\n" for word in WORDS))
    Path("dev.en").write_text("abc\n\ndda\n")
    Path("dev.xx").write_text("cba !\n\nadd !\n")


def test_every_command_reads_two_files(run: Any, files: None) -> None:
    for name in ("one", "two"):
        valid = ("--valid", "dev.en", "--valid", "dev.xx")
        done = run("train", "words.en", "words.xx", "--task", "pair", *valid, "-m", name, *SHAPE)
        assert done.code == 0, done.err
    config = json.loads(Path("checkpoints/one/config.json").read_text())["corpus"]
    assert (config["files"], config["held_out"]) == (["words.en", "words.xx"], ["dev.en", "dev.xx"])
    assert config["format"] == "parallel" and config["sequences"] == 66
    values = json.loads(run("evaluate", "dev.en", "dev.xx", "-m", "one", "--json").out)
    assert (values["task"], values["examples"]) == ("pair", 2)
    scores = run("score", "--file", "dev.en", "--file", "dev.xx", "-m", "one").out.splitlines()
    assert [line.split("\t")[:2] for line in scores] == [["abc", "cba !"], ["dda", "add !"]]
    assert len(run("predict", "--file", "dev.en", "-m", "one").out.splitlines()) == 3
    assert "exact match" in run("compare", "one", "two", "dev.en", "dev.xx").out
    wrong = run("evaluate", "dev.en", "-m", "one")
    assert wrong.code == 1 and "give two files, first the sources and then the targets" in wrong.err


def test_python_reads_two_files_and_resumes(files: None) -> None:
    settings: dict[str, Any] = {"task": "pair", "hidden_size": 8, "layers": 1, "threads": 1}
    source, valid = ["words.en", Path("words.xx")], ("dev.en", "dev.xx")
    model = charlm.train(source, valid=valid, steps=2, folder="m", **settings)
    assert isinstance(model, charlm.Translator) and len(model.predict(["abc"])) == 1
    charlm.train(source, valid=valid, steps=4, folder="m", resume=True, **settings)
    with pytest.raises(CorpusError, match="the texts are not those that m was trained on"):
        charlm.train(["words.xx", "words.en"], valid=valid, steps=6, folder="m", resume=True, **settings)


def test_two_plain_files_are_a_language_model_unless_the_task_is_named(run: Any, files: None) -> None:
    assert run("train", "words.en", "words.xx", "-m", "m", *SHAPE).code == 0
    assert json.loads(Path("checkpoints/m/config.json").read_text())["corpus"]["files"] == ["words.en", "words.xx"]
    assert run("sample", "-m", "m", "--length", "5").code == 0


@pytest.mark.parametrize(
    ("one", "other", "pairs"),
    [
        ("go , he said\nrun\n", "va\ncours\n", [("go , he said", "va"), ("run", "cours")]),
        ("CAT\nDOG\n", "K AE1 T\nD AO1 G\n", [("CAT", "K AE1 T"), ("DOG", "D AO1 G")]),  # the second is a dictionary
        ("a\tb\nc\td\n", "e\tf\ng\th\n", [("a", "b"), ("c", "d"), ("e", "f"), ("g", "h")]),  # two tables
    ],
    ids=["texts", "phones", "tables"],
)
def test_what_two_files_are(tmp_path: Path, one: str, other: str, pairs: list[tuple[str, str]]) -> None:
    (tmp_path / "a.txt").write_text(one)
    (tmp_path / "b.txt").write_text(other)
    assert read_examples([tmp_path / "a.txt", tmp_path / "b.txt"], "pair").items == tuple(Pair(*each) for each in pairs)


def test_a_table_and_a_text_of_another_length_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.tsv").write_text("a\tb\nc\td\n")
    Path("b.txt").write_text("e\n")
    with pytest.raises(CorpusError, match="is plain text, without examples for the task pair"):
        read_examples(["a.tsv", "b.txt"], "pair")
    Path("c.txt").write_text("e\n")
    with pytest.raises(CorpusError, match="is plain text, without examples for the task pair"):
        read_examples(["c.txt", "b.txt", "a.tsv"], "pair")
