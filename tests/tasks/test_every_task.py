"""What holds for the models of every task that answers questions."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_tasks
from mixtures import trained_only

import charlm
from charlm.interrupts import Terminated
from charlm.training.learner import Learner

# Questions of each task as lines, and how they look to `predict` in Python.
QUESTIONS = {
    "classify": ["ripe plum 3", "", "the quick fox", " ", "x" * 3000, "§ µ"],
    "pair": ["abc", "", "cab", " ", "abc" * 800, "§ µ"],
    "tag": ["Clay Green has 3 hens", "", "Basil", " ", "x " * 2500, "§ µ"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the small file of each task, and two models of it: classify0, classify1, …"""
    place = tmp_path_factory.mktemp("tasks")
    for kind in small_tasks.FILES:
        path = small_tasks.write(kind, place)
        for seed in (0, 1):
            horizon = {"horizon": 4} if kind == "series" else {}
            settings = {**small_tasks.settings_of(kind), **horizon, "seed": seed}
            charlm.train(path, steps=20, folder=place / "checkpoints" / f"{kind}{seed}", **settings)
    return place


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def answers(model: Any, questions: list[str]) -> list[str]:
    """Return what a model answers in Python."""
    some = model.predict(questions)
    for name in ("target", "tags", "label"):
        if some and hasattr(some[0], name):
            return [str(getattr(each, name)) for each in some]
    raise AssertionError


@pytest.mark.parametrize("task", QUESTIONS)
@pytest.mark.parametrize("end", ["\n", ""], ids=["newline", "no newline"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_there_is_an_answer_to_every_line_in_order(run: Any, here: Path, task: str, end: str, line_end: str) -> None:
    questions = QUESTIONS[task]
    (here / "in").write_text(line_end.join(questions) + end, encoding="utf-8", newline="")
    done = run("predict", "-m", f"{task}0", "--file", "in", "--json")
    assert done.code == 0, done.err
    answered = list(map(json.loads, done.out.splitlines()))
    if task == "tag":
        assert [each["tokens"] for each in answered] == [question.split() for question in questions]
    else:
        assert [each[{"classify": "text", "pair": "source"}[task]] for each in answered] == questions


@pytest.mark.parametrize("task", QUESTIONS)
def test_an_answer_does_not_depend_on_the_others(here: Path, task: str) -> None:
    model: Any = charlm.load(f"{task}0")
    together = answers(model, QUESTIONS[task])
    assert len(together) == len(QUESTIONS[task])
    assert together[::-1] == answers(model, QUESTIONS[task][::-1])
    for question, answer in zip(QUESTIONS[task], together, strict=True):
        assert answers(model, [question]) == [answer]
    assert model.predict([]) == []


def test_a_forecast_does_not_depend_on_the_other_series(run: Any, here: Path) -> None:
    whole = run("predict", "-m", "series0", "--file", "shops.csv").out.splitlines()
    assert [row.split(",")[0] for row in whole[1:]] == ["1"] * 4 + ["2"] * 4 + ["3"] * 4
    lines = (here / "shops.csv").read_text().splitlines()
    (here / "one.csv").write_text("\n".join([lines[0], *lines[41:81]]))  # the second series, without a final newline
    assert run("predict", "-m", "series0", "--file", "one.csv").out.splitlines()[1:] == whole[5:9]


@pytest.mark.parametrize(
    ("kind", "figure", "options"),
    [
        ("classify", "accuracy", ()),
        ("tag", "span_f1", ()),
        ("pair", "symbol_error_rate", ("--beam", "1")),
        ("series", "mase", ("--with-history",)),
        ("inputs", "rmse", ()),
    ],
)
def test_two_models_are_compared(run: Any, here: Path, kind: str, figure: str, options: tuple[str, ...]) -> None:
    """The figures are those of `evaluate`, and the difference is that of the figures."""
    file = small_tasks.FILES[kind][0]
    values = json.loads(run("compare", f"{kind}0", f"{kind}1", file, "--json", *options).out)
    alone = [json.loads(run("evaluate", file, "-m", f"{kind}{n}", "--json", *options).out) for n in (0, 1)]
    assert values["task"] == small_tasks.task_of(kind) and values["a"]["model"] == f"{kind}0"
    for side, each in zip("ab", alone, strict=True):
        assert values[side][figure] == pytest.approx(each[figure])
    assert values["difference"][figure] == pytest.approx(alone[0][figure] - alone[1][figure])
    assert f"{kind}0" in run("compare", f"{kind}0", f"{kind}1", file, *options).out


def test_models_that_cannot_be_compared_are_named(run: Any, here: Path) -> None:
    charlm.train(
        "shops.csv", steps=1, folder="checkpoints/far", **small_tasks.settings_of("series"), horizon=6, season=3
    )
    refused = run("compare", "series0", "far", "shops.csv", "--with-history")
    assert refused.code == 2 and "series0 forecasts the last 4 values of a series, and far the last 6" in refused.err
    (here / "after.csv").write_text("unique_id,ds,y\n" + "".join(f"{shop},41,{shop}\n" for shop in (1, 2, 3)))
    assert "of a season of 4 and of 3 steps" in run("compare", "series0", "far", "after.csv").err
    refused = run("compare", "series0", "tag0", "shops.csv")
    assert refused.code == 2 and "models of the tasks series and tag; name two of one" in refused.err


@pytest.mark.parametrize("kind", small_tasks.FILES)
def test_a_stopped_run_resumes_to_the_same_bytes(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = small_tasks.write(kind, tmp_path).name
    settings = {**small_tasks.settings_of(kind), "dropout": 0.2, "steps": 6}
    charlm.train(file, folder="whole", **settings)
    backward, steps = Learner.backward, iter(range(100))

    def stopping(*arguments: Any) -> Any:
        if next(steps) == 3:
            raise Terminated
        return backward(*arguments)

    with monkeypatch.context() as patch, pytest.raises(Terminated):
        patch.setattr(Learner, "backward", stopping)
        charlm.train(file, folder="stopped", **settings)
    charlm.train(file, folder="stopped", resume=True, **settings)
    own: Callable[[Path], bool] = lambda path: path.is_file() and path.name not in ("metrics.jsonl", "README.md")  # noqa: E731
    for path in filter(own, Path("whole").iterdir()):
        assert (Path("stopped") / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("task", ["tag", "pair"])
def test_it_starts_from_a_language_model(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str) -> None:
    monkeypatch.chdir(tmp_path)
    file = small_tasks.write(task, tmp_path).name
    Path("plain.txt").write_text("Clay has a cab, Ruby has 2 plums\n" * 30)
    tokenizer = ("--tokenizer", "word") if task == "tag" else ()
    shape = ("--steps", "3", "--threads", "1", "-q")
    small = ("--hidden-size", "12", "--layers", "1")
    with trained_only():
        assert run("train", "plain.txt", *small, "-m", "base", *tokenizer, *shape).code == 0
    for name, more in (("free", ()), ("frozen", ("--freeze",))):
        done = run("train", file, "--task", task, "--from", "base", "-m", name, *more, *shape, *tokenizer)
        assert done.code == 0, done.err
    base, free, frozen = (charlm.load(name) for name in ("base", "free", "frozen"))
    token = {"tag": "has", "pair": "b"}[task]
    for name, model in (("free", free), ("frozen", frozen)):
        kept = {
            part: model.network.state_dict()[part].equal(base.network.state_dict()[part])
            for part in ("cells.0.weight_ih", "cells.0.weight_hh", "cells.0.bias_ih")
        }
        assert set(kept.values()) == {name == "frozen"}, kept
        same = [row(each, token).equal(row(base, token)) for each in (model,)]
        assert same == [name == "frozen"]
    assert json.loads(Path("checkpoints/free/plan.json").read_text())["train"]["start_from"] == "base"


def row(model: Any, token: str) -> Any:
    """Return the embedding of a token."""
    return model.network.state_dict()["embedding.weight"][int(model.tokenizer.encode(token)[0])]


def test_a_forecaster_starts_from_no_language_model(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plain.txt").write_text("Clay has a cab\n" * 30)
    run("train", "plain.txt", "--steps", "1", "--hidden-size", "8", "--layers", "1", "-m", "base", "-q", "--ngram=none")
    small_tasks.write("series", tmp_path)
    refused = run("train", "shops.csv", "--from", "base", "--steps", "1")
    assert (refused.code, refused.err) == (2, "error: a forecaster reads no text, so it cannot start from base\n")
