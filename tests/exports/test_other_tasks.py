"""Models of other tasks: each export works, or says in one sentence what it cannot do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Outcome

import charlm
from charlm.model import Model
from charlm.registry import find
from charlm.tasks import Task, declared

Run = Callable[..., Outcome]
CORPORA = Path(__file__).parents[2] / "corpora"
CORPUS = {"classify": "names.tsv", "tag": "teddy.conll", "pair": "french.tsv", "series": "bakery.csv"}
KINDS = {"classify": "a classifier", "tag": "a tagger", "pair": "a translator", "series": "a forecaster"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of a model of each task."""
    made = {task: tmp_path_factory.mktemp("tasks") / task for task in CORPUS}
    for task, folder in made.items():
        few: dict[str, Any] = {"steps": 2, "hidden_size": 8, "layers": 1, "threads": 1}
        charlm.train(CORPORA / CORPUS[task], folder=folder, task=task, **few)
    return made


@pytest.mark.parametrize("task", CORPUS)
@pytest.mark.parametrize("format", ["onnx", "html"])
def test_a_format_of_language_models_refuses_them(run: Run, folders: dict[str, Path], task: str, format: str) -> None:
    done = run("export", format, "-m", folders[task], "-o", "file")
    assert (done.code, done.out) == (3, "")
    assert done.err == f"error: {task} is {KINDS[task]}, but the format {format} holds language models only\n"
    assert not list(Path().iterdir())


@pytest.mark.parametrize("task", CORPUS)
def test_the_program_in_numpy_lies_next_to_what_it_reads(run: Run, folders: dict[str, Path], task: str) -> None:
    done = run("export", "numpy", "-m", folders[task], "-o", "model.py")
    assert done.code == 0, done.err
    written = {path.name for path in Path().iterdir()}
    assert written == {"model.py", "model.safetensors", "config.json", *declared()[task]["files"]}
    space = dict[str, Any]()
    exec(Path("model.py").read_text(encoding="utf-8"), space)
    programs = [each for each in space.values() if isinstance(each, type) and issubclass(each, space["Model"])]
    assert len(programs) == 2 and programs[-1](".").config["task"] == task
    if task == "classify":
        model = charlm.load(folders[task])
        assert isinstance(model, charlm.Classifier)
        (answer,) = model.predict(["Ahuiran"])
        assert space["Classifier"](".").probabilities("Ahuiran") == pytest.approx(answer.probabilities, abs=1e-5)


def test_a_task_without_a_program_is_refused(
    run: Run, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find(Task, "tag"), "program", Task.program)
    done = run("export", "numpy", "-m", folders["tag"], "-o", "model.py")
    assert (done.code, done.err) == (3, "error: tag is a tagger, for which there is no program in numpy\n")
    assert not list(Path().iterdir())


@pytest.mark.parametrize("task", CORPUS)
def test_a_smaller_model_of_each_task_loads(run: Run, folders: dict[str, Path], task: str) -> None:
    done = run("export", "model", "-m", folders[task], "-o", "small", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["weights"] == "int8" and "bits_lost_per_token" not in done.out
    model = charlm.load("small")
    assert isinstance(model, Model) and model.config.task == task
    assert run("info", "small").code == 0
