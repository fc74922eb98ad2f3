"""Pitfalls of labeled data that every task shares; `test_classify_pitfalls.py` has those of labels."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_tasks

import charlm
from charlm.tasks.pairs.evaluation import PairEvaluation
from charlm.tasks.tags.evaluation import TagEvaluation

STEPS = {"steps": 5}
HOSTILE = "\x1b[31mred\x07"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file of each task and a model of it; to be left as it is."""
    place = tmp_path_factory.mktemp("pitfalls")
    for kind in small_tasks.FILES:
        horizon = {"horizon": 4} if kind == "series" else {}
        settings = {**small_tasks.settings_of(kind), **horizon, **STEPS}
        charlm.train(small_tasks.write(kind, place), folder=place / "checkpoints" / kind, **settings)
    return place


@pytest.mark.parametrize("kind", small_tasks.FILES)
def test_the_folder_is_all_that_a_model_needs(
    run: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """It is moved to another place, where the training file is not."""
    shutil.copytree(folder / "checkpoints" / kind, tmp_path / "moved")
    file = small_tasks.write(kind, tmp_path)
    before = run("predict", "-m", str(folder / "checkpoints" / kind), "--file", str(file)).out
    (tmp_path / "elsewhere").mkdir()
    asked = shutil.move(file, tmp_path / "elsewhere" / "asked")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run("predict", "-m", "../moved", "--file", str(asked)).out == before != ""


@pytest.mark.parametrize("kind", small_tasks.FILES)
def test_the_plan_shows_the_first_example_and_the_reason(kind: str, tmp_path: Path) -> None:
    """So that a wrong column is seen at once."""
    events: list[Any] = []
    charlm.train(small_tasks.write(kind, tmp_path), steps=1, report=events.append, **small_tasks.settings_of(kind))
    (about,) = (each.about for each in events if type(each).__name__ == "Planned")
    shown = dict(about.before)
    assert shown["task"].startswith(f"{small_tasks.task_of(kind)}: ")
    first = {
        "classify": "text = 'the",
        "tag": "'Green' = 'I-PER', 'has' = 'O'",
        "pair": "source = 'aa",
        "series": "series '1' from '1': 1.1, 2.2, 3.3",
        "inputs": "1 input",
    }[kind]
    assert first in shown["example"]


@pytest.mark.parametrize(("kind", "at"), [("classify", 0), ("tag", 1), ("pair", 1)])
def test_the_answers_in_a_file_change_no_answer(run: Any, folder: Path, tmp_path: Path, kind: str, at: int) -> None:
    """An evaluation that peeks would find the truth."""
    name, text = small_tasks.FILES[kind]
    sign = {"classify": " ", "tag": "\t", "pair": "\t"}[kind]
    wrong = {"classify": "__label__fruit", "tag": "O", "pair": "zzz"}[kind]
    lines = []
    for line in text.splitlines():
        fields = line.split(sign)
        lines.append(sign.join([*fields[:at], wrong, *fields[at + 1 :]]) if line else "")
    (tmp_path / name).write_text("\n".join(lines) + "\n")
    (tmp_path / "right").write_text(text)
    model = str(folder / "checkpoints" / kind)
    answers = [run("predict", "-m", model, "--file", str(tmp_path / each)).out.splitlines() for each in (name, "right")]
    last = [[row.split("\t")[-1] for row in rows] for rows in answers]
    assert last[0] == last[1] and len(last[0]) >= 20


@pytest.mark.parametrize("kind", ["classify", "tag", "pair"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_a_mark_nul_and_a_million_characters_are_answered(
    run: Any, folder: Path, tmp_path: Path, kind: str, end: str
) -> None:
    """A long text is cut. A byte order mark is no part of the first one."""
    (tmp_path / "in").write_bytes(f"\ufeffa b{end}\0{end}{'x' * (1_000_000 if end == chr(10) else 100)}".encode())
    beam = ("--beam", "1") if kind == "pair" else ()
    done = run("predict", "-m", str(folder / "checkpoints" / kind), "--file", str(tmp_path / "in"), "--json", *beam)
    answers = list(map(json.loads, done.out.splitlines()))
    assert len(answers) == 3
    key = {"classify": "text", "tag": "tokens", "pair": "source"}[kind]
    assert answers[0][key] in ("a b", ["a", "b"])


def test_the_tags_of_a_word_have_probabilities_that_sum_to_one(folder: Path) -> None:
    model: Any = charlm.load(folder / "checkpoints" / "tag")
    for logprobs in model.log_probabilities([["Clay", "Green", "§"], ["x"] * 3000]):
        np.testing.assert_allclose(np.exp(logprobs).sum(1), 1, atol=1e-6)


def test_the_metric_decides_which_network_is_better_and_nats_decide_among_equals() -> None:
    def pair(exact: int, edits: int, nats: float, metric: str) -> tuple[float, ...]:
        return PairEvaluation(10, nats, 20, 10, exact, edits, 50, 0, metric).objective

    assert pair(5, 9, 30.0, "exact_match") < pair(4, 3, 10.0, "exact_match")
    assert pair(5, 9, 30.0, "symbol_error_rate") > pair(4, 3, 40.0, "symbol_error_rate")
    assert pair(5, 9, 30.0, "nats") < pair(9, 0, 31.0, "nats")
    assert pair(5, 9, 20.0, "exact_match") < pair(5, 1, 30.0, "exact_match")
    names = set(TagEvaluation.__dataclass_fields__)
    assert {"metric", "nats"} <= names


@pytest.mark.parametrize("kind", ["classify", "tag", "pair", "series"])
def test_names_in_the_data_do_not_control_the_terminal_or_the_card(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    name, text = small_tasks.FILES[kind]
    for plain in {"classify": ["fruit"], "tag": ["PER", "hens"], "pair": ["a !"], "series": ["1,"]}[kind]:
        text = text.replace(plain, HOSTILE + ("," if kind == "series" else ""), 10**6 if kind != "series" else 1)
    if kind == "series":
        text = text.replace("\n1,", f"\n{HOSTILE},")
    Path(name).write_text(text)
    settings = [f"--{key.replace('_', '-')}={value}" for key, value in small_tasks.SHAPE.items() if key != "precision"]
    done = run("train", name, "--task", kind, "--steps", "3", "-m", "m", *settings)
    assert done.code == 0, done.err
    shown = [done.err, done.out, Path("checkpoints/m/README.md").read_text()]
    for form in ((), ("--tsv",), ("--json",)):
        shown.append(run("predict", "-m", "m", "--file", name, *form).out)
    options = ("--with-history",) if kind == "series" else ()
    shown += [run("evaluate", name, "-m", "m", *options).out, run("info", "m").out]
    if kind in ("pair", "series"):
        shown.append(run("score", "-m", "m", "--file", name).out)
    for each in shown:
        assert "\x1b" not in each and "\x07" not in each
