"""A model on disk: complete, tied together by checksums, and never more dangerous than its own text."""

import ast
import json
import shutil
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import LINES, QUICK, SMALL
from safetensors import safe_open

import charlm
from charlm.checkpoints import checkpoint, write
from charlm.training.events import Finished, Previewed, Validated

FILES = ("README.md", "config.json", "metrics.jsonl", "model.safetensors", "plan.json", "tokenizer.json")
PLAN = charlm.Plan(replace(SMALL, sequence="line", dropout=0.0), QUICK, steps=40, validations=8)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def metadata(folder: Path) -> dict[str, str]:
    with safe_open(folder / "model.safetensors", "pt") as file:
        found: dict[str, str] = file.metadata()
    return found


def test_a_model_is_these_files(line_folder: Path, counted_folder: Path) -> None:
    assert sorted(path.name for path in line_folder.iterdir()) == sorted(FILES)
    assert sorted(path.name for path in counted_folder.iterdir()) == sorted([*FILES, "counts.safetensors"])


def test_the_weights_know_their_step_their_validation_and_their_files(tmp_path: Path) -> None:
    events: list[Any] = []
    charlm.train(LINES, plan=PLAN, folder=tmp_path / "m", report=events.append)
    (done,) = (event for event in events if isinstance(event, Finished))
    found = metadata(tmp_path / "m")
    assert int(found["step"]) == done.best_step
    assert json.loads(found["validation"]) == done.evaluation.summary()
    for name in ("config", "tokenizer"):
        assert found[f"sha256_{name}"] == sha256((tmp_path / "m" / f"{name}.json").read_bytes()).hexdigest()
    assert len(bytes.fromhex(found["sha256_tensors"])) == 32


def test_only_the_weights_change_and_they_by_one_rename(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    once: set[tuple[int, int]] = set()
    weights = []

    def look(event: object) -> None:
        if isinstance(event, Validated) and event.best:
            once.update((path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.glob("[ct]*.json"))
            weights.append((folder / "model.safetensors").open("rb"))

    charlm.train(LINES, plan=PLAN, folder=folder, report=look)
    contents = []
    for file in weights:
        with file:
            contents.append(file.read())
    assert len(once) == 2, "config.json and tokenizer.json are written once"
    assert len(set(contents)) == len(contents) > 2, "an open file stays whole while the next one takes its place"
    assert contents[-1] == (folder / "model.safetensors").read_bytes()


def test_metrics_have_a_line_for_each_validation(tmp_path: Path) -> None:
    events: list[Any] = []
    charlm.train(LINES, plan=PLAN, folder=tmp_path / "m", report=events.append)
    read = [json.loads(line) for line in (tmp_path / "m" / "metrics.jsonl").read_text().splitlines()]
    lines = [line for line in read if "valid" in line]
    validated = [event for event in events if isinstance(event, Validated)]
    assert len(lines) == PLAN.validations
    assert [line["step"] for line in lines] == [event.progress.step for event in validated]
    assert [line["valid"] for line in lines] == [event.evaluation.summary() for event in validated]


def test_metrics_begin_with_the_machine_and_follow_the_curve_between_validations(tmp_path: Path) -> None:
    events: list[Any] = []
    charlm.train(LINES, plan=PLAN, folder=tmp_path / "m", report=events.append)
    first, *points = [json.loads(line) for line in (tmp_path / "m" / "metrics.jsonl").read_text().splitlines()]
    assert first["step"] == 0 and first["machine"]["cores"] > 0
    assert not any(str(tmp_path) in str(value) for value in first["machine"].values())
    assert [line["step"] for line in points] == list(range(1, PLAN.steps + 1)), "a short run has every step, once"
    assert all(line["gradient_norm"] > 0 and line["learning_rate"] > 0 for line in points)
    drawn = {event.step: list(event.previews) for event in events if isinstance(event, Previewed)}
    assert drawn and drawn.items() <= {line["step"]: line.get("samples") for line in points}.items()


def test_a_loaded_model_is_the_trained_one(line_folder: Path, line_model: charlm.LanguageModel) -> None:
    loaded = charlm.load(str(line_folder), device=str(line_model.network.device))
    assert loaded.score("the cat") == line_model.score("the cat")
    assert loaded.sample("the ", seed=3) == line_model.sample("the ", seed=3)
    assert loaded.config == line_model.config


def test_a_copy_elsewhere_needs_nothing_else(line_folder: Path, tmp_path: Path) -> None:
    first = shutil.copytree(line_folder, tmp_path / "a")
    expected = charlm.load(first).score("the cat")
    moved = shutil.move(first, tmp_path / "another machine" / "ü")
    for spare in ("plan.json", "metrics.jsonl", "README.md"):
        (moved / spare).unlink()
    assert charlm.load(moved).score("the cat") == expected


@pytest.mark.parametrize("trained", DEVICES)
@pytest.mark.parametrize("loaded", DEVICES)
def test_a_model_loads_on_another_device(tmp_path: Path, trained: str, loaded: str) -> None:
    config = charlm.TrainConfig(steps=2, device=trained, threads=1)
    model = charlm.train(LINES, SMALL, config, folder=tmp_path / "m")
    again = checkpoint.load(tmp_path / "m", device=loaded)
    assert again.network.readout.weight.device.type == loaded
    assert again.score("the cat").logprobs == pytest.approx(model.score("the cat").logprobs, rel=1e-4)


def test_a_model_from_before_there_was_a_choice_of_readouts_loads(line_folder: Path, tmp_path: Path) -> None:
    folder, model = shutil.copytree(line_folder, tmp_path / "m"), charlm.load(line_folder)
    for name in ("config.json", "plan.json"):
        values = json.loads((folder / name).read_text())
        for later in ("residual", "readout_layers", "readout", "tie_weights"):
            del values["model"][later]
        (folder / name).write_text(json.dumps(values))
    write.save_weights(
        folder, model.network.state_dict(), write.metadata(1, json.loads(metadata(line_folder)["validation"]))
    )
    assert charlm.load(folder).config == model.config
    assert charlm.load(folder).score("the cat") == model.score("the cat")
    assert checkpoint.describe(folder)["config"]["readout_layers"] == 1


@pytest.mark.parametrize("path", ["m", "./m", "m/"])
def test_a_path_may_be_text_and_relative(
    line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    shutil.copytree(line_folder, tmp_path / "m")
    monkeypatch.chdir(tmp_path)
    assert charlm.load(path).line
    monkeypatch.chdir("m")
    assert charlm.load(".").line


def test_a_link_to_a_model_is_that_model(line_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(line_folder)
    assert charlm.load(tmp_path / "link").line


SPIED = {"pickle.find_class", "marshal.loads", "compile", "exec", "os.system", "subprocess.Popen", "socket.connect"}


def test_loading_runs_no_code(line_folder: Path) -> None:
    """Python tells an audit hook of every unpickled class, compiled text and started program."""
    seen: list[str] = []
    watching = True
    charlm.load(line_folder)  # what is imported the first time is charlm's own
    sys.addaudithook(lambda event, arguments: seen.append(event) if watching else None)
    charlm.load(line_folder).score("the cat")
    watching = False
    assert "open" in seen, "the hook sees"
    assert not SPIED & set(seen)


def test_no_source_knows_pickle() -> None:
    unsafe = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
    calls = {"torch.load", "torch.save", "eval", "exec", "numpy.load", "np.load"}
    for path in Path(charlm.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                named = {getattr(node, "module", None) or "", *(name.name for name in node.names)}
                assert not unsafe & {name.split(".")[0] for name in named}, path
            elif isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in calls, path
