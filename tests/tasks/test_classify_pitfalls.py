"""A classifier does not fall into the traps that users of other tools report."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import charlm

SHAPE: dict[str, Any] = {"hidden_size": 8, "layers": 1, "threads": 1}
FRUIT = ["a ripe plum", "two sour pears", "an apple", "some cherries", "the quince"]
BEASTS = ["a quick fox", "two hens", "an old cat", "some dogs", "the mouse"]


def lines() -> str:
    return "".join(
        f"__label__fruit {one} {n}\n__label__beast {other} {n}\n"
        for n in range(4)
        for one, other in zip(FRUIT, BEASTS, strict=True)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of characters, whose folder is all that is left of its training."""
    home = tmp_path_factory.mktemp("things")
    (home / "things.txt").write_text(lines())
    charlm.train(home / "things.txt", steps=60, folder=home / "m", **SHAPE)
    (home / "things.txt").unlink()
    return home / "m"


def answers(run: Any, folder: Path, path: Path) -> list[str]:
    done = run("predict", "--file", path, "-m", folder, "--quiet")
    assert done.code == 0, done.err
    return str(done.out).split("\n")[:-1]


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (b"a plum\n\n\ntwo hens\n", 4),
        (b"a plum\ntwo hens", 2),
        (b"\n", 1),
        (b"", 0),
        (b"a plum\r\n\r\ntwo hens\r\n", 3),
        (b"\xef\xbb\xbfa plum\ntwo hens\n", 2),
        (b"a\0b\n\0\n", 2),
        (b"a\n \n\t\n.\n", 4),
        (b"a" * 10**6 + b"\nb\n", 2),
        ("ß\n💡\n\u2028\n\x85\n".encode(), 4),
        (b"__label__fruit a plum\n__label__beast\ntwo hens\n", 3),
    ],
    ids=[
        *("blank lines", "no final newline", "one newline", "empty", "CR LF", "mark", "NUL", "one symbol"),
        *("a million characters", "other line ends", "labeled"),
    ],
)
def test_there_is_an_answer_to_each_line(run: Any, folder: Path, tmp_path: Path, content: bytes, count: int) -> None:
    (tmp_path / "in").write_bytes(content)
    assert len(answers(run, folder, tmp_path / "in")) == count


def test_line_ends_a_mark_and_the_labels_change_no_answer(run: Any, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"a plum\n\ntwo hens\n")
    expected = answers(run, folder, tmp_path / "in")
    for content in (
        b"a plum\n\ntwo hens",
        b"a plum\r\n\r\ntwo hens\r\n",
        b"\xef\xbb\xbfa plum\n\ntwo hens\n",
        b"__label__fruit a plum\n\n__label__fruit two hens\n",
    ):
        (tmp_path / "in").write_bytes(content)
        assert answers(run, folder, tmp_path / "in") == expected, content


def test_the_batch_changes_no_probability(folder: Path) -> None:
    model = charlm.load(folder)
    assert isinstance(model, charlm.Classifier)
    texts = ["", "a", "a plum", "the mouse and " * 40, "x" * 3000, *FRUIT * 20]
    together = model.predict(texts)
    for text, answer in zip(texts, together, strict=True):
        alone = model.predict([text])[0]
        assert answer.probabilities == pytest.approx(alone.probabilities, abs=1e-6)
        assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-9)
        assert all(0 <= share <= 1 for share in answer.probabilities.values())


def said(run: Any, tmp_path: Path, content: str, *options: str, name: str = "t", valid: str = "") -> str:
    """Train for a step; return what the command says, in one line."""
    (tmp_path / name).write_text(content, newline="")
    if valid:
        (tmp_path / "valid").write_text(valid)
        options = (*options, "--valid", "valid")
    size = ("--steps", "1", "--hidden-size", "8", "--layers", "1", "--threads", "1")
    done = run("train", name, *size, "-m", "m", "--overwrite", *options)
    assert not done.out or done.code == 0
    return " ".join(str(done.out + done.err).split())


def test_the_plan_shows_the_first_example(run: Any, tmp_path: Path) -> None:
    assert "text = 'a ripe plum 0', label = 'fruit'" in said(run, tmp_path, lines())


def test_labels_that_training_lacks_are_named_and_counted_as_errors(run: Any, tmp_path: Path, folder: Path) -> None:
    valid = "__label__fruit a plum\n__label__metal an iron\n__label__metal tin\n__label__beast a hen\n"
    text = said(run, tmp_path, lines(), valid=valid)
    assert "no training text has the label 'metal', which 2 texts have (valid:2); this counts as an error" in text
    done = run("evaluate", "valid", "-m", folder)
    assert done.code == 0
    assert "the model does not know the label 'metal', which 2 texts have (valid:2)" in " ".join(done.err.split())
    assert "1 true label unknown to the model: counted as errors" in done.out


def test_a_label_with_one_example_is_named(run: Any, tmp_path: Path) -> None:
    text = said(run, tmp_path, lines() + "__label__metal iron\n")
    assert "only one text has the label 'metal' (t:41), so it is not held out" in text


def test_a_large_majority_is_said(run: Any, tmp_path: Path) -> None:
    often = "".join(f"__label__often text {n}\n" for n in range(190))
    rare = "".join(f"__label__rare text {n}\n" for n in range(200, 210))
    assert "95% of the texts have the label 'often'" in said(run, tmp_path, often + rare)
    assert "of the texts have the label" not in said(run, tmp_path, lines())


def test_held_out_texts_that_training_has_are_counted(run: Any, tmp_path: Path) -> None:
    valid = "__label__fruit a ripe plum 0\n__label__beast some dogs 1\n__label__beast a goat\n"
    assert "2 held-out texts also occur in the training part, the first in valid:1" in said(
        run, tmp_path, lines(), valid=valid
    )


def test_the_held_out_part_has_no_text_of_the_training_part(run: Any, tmp_path: Path) -> None:
    text = said(run, tmp_path, lines() * 3)
    assert "80 examples repeat earlier ones, the first in t:41" in text
    assert "also occur" not in text


def test_a_row_with_a_missing_column_is_named(run: Any, tmp_path: Path) -> None:
    text = said(run, tmp_path, "text,label\na plum,fruit\na hen\n", name="t.csv")
    assert "t.csv:3 has 1 column, and the header has 2; correct or remove the row" in text


def test_a_quotation_mark_is_a_character_of_tsv_and_may_hold_a_line_end_in_csv(run: Any, tmp_path: Path) -> None:
    rows = "".join(f'"a plum {n}\tfruit\na "hen" {n}\tbeast\n' for n in range(20))
    assert """text = '"a plum 0'""" in said(run, tmp_path, f"text\tlabel\n{rows}", name="t.tsv")
    rows = "".join(f'"a\nplum {n}",fruit\n"a ""hen"", {n}",beast\n' for n in range(20))
    assert "40 texts, vocabulary" in said(run, tmp_path, f"text,label\n{rows}", name="t.csv")


def test_bytes_that_are_not_utf_8_are_named(run: Any, tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(lines().replace("quince", "quincé").encode("latin-1"))
    done = run("train", "t", "--steps", "1", "-m", "m")
    assert done.code == 1 and "t:" in done.err and "UTF-8" in done.err


def test_a_long_text_is_read_from_its_start_and_that_is_said(run: Any, tmp_path: Path) -> None:
    text = said(run, tmp_path, lines() + f"__label__fruit {'plum ' * 1000}\n__label__beast {'hen ' * 1000}\n")
    assert "the first 2,000 tokens are read, and not the rest" in text


def test_the_folder_is_all_that_a_model_needs(run: Any, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "elsewhere")
    done = run("predict", "a plum", "two hens", "-m", tmp_path / "elsewhere")
    assert done.code == 0 and len(done.out.splitlines()) == 2
