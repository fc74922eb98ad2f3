"""Writing that survives a crash, a full disk and a second writer."""

import errno
import itertools
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import STREAM, Outcome
from soak import SOAK

import charlm
from charlm.checkpoints import model_folder
from charlm.checkpoints.checkpoint import describe
from charlm.checkpoints.model_folder import sibling_path, unfinished
from charlm.files import atomic
from charlm.training.events import Report

Run = Callable[..., Outcome]
TINY = charlm.ModelConfig(sequence="stream", hidden_size=4, layers=1, embedding_size=4, dropout=0.0, ngram="none")
COUNTED = replace(TINY, ngram="3")
WHOLE = {"README.md", "config.json", "metrics.jsonl", "model.safetensors", "plan.json", "tokenizer.json"}
WRITES = ("fsync", "rename", "replace")  # the calls at which a disk may be full, or a machine be switched off


def train(
    folder: Path,
    seed: int = 0,
    report: Report = lambda event: None,
    resume: bool = False,
    model: charlm.ModelConfig = TINY,
) -> None:
    """A validation after each of two steps."""
    config = charlm.TrainConfig(learning_rate=4e-3, batch_size=4, seq_len=8, threads=1, seed=seed)
    plan = charlm.Plan(model, config, steps=2, validations=2)
    charlm.train(STREAM, plan=plan, folder=folder, overwrite=not resume, resume=resume, report=report)


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An old model and a new one."""
    place = tmp_path_factory.mktemp("models")
    train(place / "old", seed=0)
    train(place / "new", seed=1)
    return place / "old", place / "new"


@pytest.fixture(scope="module", params=[TINY, COUNTED], ids=["network", "network and counts"])
def kind(request: pytest.FixtureRequest) -> charlm.ModelConfig:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def of_kind(kind: charlm.ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An old model and a new one of each kind."""
    place = tmp_path_factory.mktemp("models")
    train(place / "old", seed=0, model=kind)
    train(place / "new", seed=1, model=kind)
    return place / "old", place / "new"


def test_a_reader_sees_all_of_the_old_file_or_all_of_the_new(tmp_path: Path) -> None:
    path = tmp_path / "file"
    atomic.write_atomic(path, b"old")
    with path.open("rb") as reader:
        atomic.write_atomic(path, b"new and longer")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new and longer"
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_is_flushed_before_it_gets_its_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In any other order a power cut can leave a new name of old, half or no bytes."""
    seen: list[str] = []
    flush, rename = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        seen.append("flush names" if folder else f"flush {os.fstat(descriptor).st_size} bytes")
        flush(descriptor)

    def replace(old: Path, new: Path) -> None:
        seen.append(f"rename to {new.name}")
        rename(old, new)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    atomic.write_atomic(tmp_path / "file", b"seven b")
    assert seen == ["flush 7 bytes", "rename to file", "flush names"]


WRITER = """
import sys
from pathlib import Path
from charlm.files.atomic import write_atomic
for _ in range(300):
    write_atomic(Path("latest"), 1000 * sys.argv[1].encode())
"""


@pytest.mark.parametrize("place", ["nowhere/picture.svg", "file/picture.svg", "folder"])
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    """And not the one beside it, which nobody asked for."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OSError) as refused:
        atomic.write_atomic(tmp_path / place, b"")
    assert refused.value.filename == str(tmp_path / place)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_two_processes_may_write_one_file(tmp_path: Path) -> None:
    """As two trainings do that end together: `latest` holds the one name or the other."""
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, name], cwd=tmp_path) for name in "ab"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        if (tmp_path / "latest").exists():
            seen.add((tmp_path / "latest").read_text())
    assert [writer.wait() for writer in writers] == [0, 0]
    assert seen <= {"a" * 1000, "b" * 1000}
    assert os.listdir(tmp_path) == ["latest"]


# The states in which a crash can leave `--overwrite`: what is at .m.old, .m.new and m, and what is m afterwards.
OLD, NEW = 0, 1
STATES = {
    "new written beside": (None, NEW, OLD, OLD),
    "old renamed away": (OLD, NEW, None, NEW),
    "new renamed in": (OLD, None, NEW, NEW),
    "old alone": (OLD, None, None, OLD),
}


@pytest.fixture(params=STATES)
def crashed(request: pytest.FixtureRequest, models: tuple[Path, Path], tmp_path: Path) -> bytes:
    """Builds a state in checkpoints/ and returns the weights that should come out of it."""
    *places, expected = STATES[request.param]
    folder = tmp_path / "checkpoints" / "m"
    for place, which in zip((sibling_path(folder, "old"), sibling_path(folder, "new"), folder), places, strict=True):
        if which is not None:
            shutil.copytree(models[which], place)
    return weights(models[expected])


@pytest.mark.parametrize("command", ["info", "score", "sample", "evaluate"])
def test_a_command_after_a_crash_finishes_the_swap(crashed: bytes, run: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "text").write_text(STREAM)
    text = {"score": ["word"], "evaluate": ["text"]}.get(command, [])
    assert run(command, "--model", "m", *text).code == 0
    assert weights(tmp_path / "checkpoints/m") == crashed
    assert not sibling_path(tmp_path / "checkpoints/m", "old").exists()


def test_loading_after_a_crash_finishes_the_swap(crashed: bytes, tmp_path: Path) -> None:
    charlm.load(tmp_path / "checkpoints/m")
    assert weights(tmp_path / "checkpoints/m") == crashed


def test_training_after_a_crash_finishes_the_swap(crashed: bytes, run: Run, tmp_path: Path) -> None:
    (tmp_path / "text").write_text(STREAM)
    refused = run("train", "text", "--model", "m")
    assert refused.code == 2
    assert "--overwrite" in refused.err
    assert weights(tmp_path / "checkpoints/m") == crashed
    train(tmp_path / "checkpoints/m", seed=2)
    assert sorted(os.listdir(tmp_path / "checkpoints")) == ["latest", "m"], "and leaves nothing else behind"


@contextmanager
def before_each_write(act: Callable[[int], object]) -> Iterator[None]:
    """Call `act` with 1, 2, 3 ... before every write to the disk and every rename."""
    count = itertools.count(1)
    flush = os.fsync

    def watched(write: Callable[..., object]) -> Callable[..., object]:
        def watched_write(*arguments: object) -> object:
            act(next(count))
            return None if write is flush else write(*arguments)  # nothing here waits for the disk

        return watched_write

    with pytest.MonkeyPatch.context() as patch:
        for name in WRITES:
            patch.setattr(os, name, watched(getattr(os, name)))
        yield


def test_a_crash_at_any_moment_leaves_a_whole_model(
    kind: charlm.ModelConfig, of_kind: tuple[Path, Path], tmp_path: Path
) -> None:
    """The disk is copied before every write of a training with --overwrite: each copy has a whole model."""
    shutil.copytree(of_kind[OLD], tmp_path / "disk" / "m")
    copies: list[Path] = []

    def copy(number: int) -> None:
        copies.append(shutil.copytree(tmp_path / "disk", tmp_path / str(number)))

    with before_each_write(copy):
        train(tmp_path / "disk" / "m", seed=1, model=kind)
    is_old = []
    for disk in copies:
        charlm.load(disk / "m")
        is_old.append(weights(disk / "m") == weights(of_kind[OLD]))
    assert len(copies) > 20
    assert is_old == sorted(is_old, reverse=True), "first the old one, then the new one, never back"
    assert set(is_old) == {True, False}


@pytest.mark.parametrize("overwriting", [False, True], ids=["first training", "overwriting"])
@pytest.mark.parametrize("cause", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=repr)
def test_nothing_half_written_is_left(
    kind: charlm.ModelConfig,
    of_kind: tuple[Path, Path],
    tmp_path: Path,
    overwriting: bool,
    cause: BaseException,
) -> None:
    """Fill the disk, or press Ctrl-C, before every third write, each in a run of its own; `make soak` takes every one.

    A full disk is tried again, and the run comes to its end; after Ctrl-C it does when it is taken up, or begun, again.
    """
    whole = WHOLE | ({"counts.safetensors"} if kind is COUNTED else set())
    for number in range(1, 200, 1 if SOAK else 3):
        failed = ended = False
        told: list[Any] = []

        def fail(count: int, at: int = number) -> None:
            nonlocal failed
            if count == at:
                failed = True
                raise cause

        place = tmp_path / str(number)
        place.mkdir()
        if overwriting:
            shutil.copytree(of_kind[OLD], place / "m")
        with suppress(type(cause)), before_each_write(fail):
            train(place / "m", seed=1, report=told.append, model=kind)
            ended = True
        if not failed:
            break
        if isinstance(cause, KeyboardInterrupt) and not ended:
            if overwriting or (place / "m").exists():
                charlm.load(place / "m")
            train(place / "m", seed=1, report=told.append, resume=unfinished(place / "m") is not None, model=kind)
        assert ended or isinstance(cause, KeyboardInterrupt), f"failure {number} ended the run"
        assert weights(place / "m") == weights(of_kind[NEW]), f"after failure {number}"
        assert set(os.listdir(place / "m")) == whole, f"in the model's folder after failure {number}"
        assert describe(place / "m")["step"] == told[-1].best_step, f"kept and told after failure {number}"
        assert set(os.listdir(place)) == {"m"}, f"beside the model's folder after failure {number}"
    assert number > 15


@pytest.mark.parametrize("role", ["old", "new"])
@pytest.mark.parametrize("there_is_a_model", [True, False], ids=["beside a model", "alone"])
def test_a_folder_beside_that_is_no_model_stays_as_it_is(
    models: tuple[Path, Path], tmp_path: Path, role: str, there_is_a_model: bool
) -> None:
    """Some of its files may be named like those of a model."""
    if there_is_a_model:
        shutil.copytree(models[OLD], tmp_path / "m")
    mine = sibling_path(tmp_path / "m", role)
    mine.mkdir()
    for name in ("diary.txt", "README.md", "config.json"):
        (mine / name).write_text("{}")
    with suppress(charlm.CharlmError, OSError):
        charlm.load(tmp_path / "m")
    with suppress(charlm.CharlmError, OSError):
        train(tmp_path / "m")
    assert sorted(os.listdir(mine)) == ["README.md", "config.json", "diary.txt"]


def test_a_reader_leaves_the_swap_of_a_living_trainer_alone(models: tuple[Path, Path], tmp_path: Path) -> None:
    """Between its two renames: were the reader to make the second, the trainer would find nothing to rename."""
    folder = tmp_path / "m"
    shutil.copytree(models[OLD], sibling_path(folder, "old"))
    shutil.copytree(models[NEW], sibling_path(folder, "new"))
    with model_folder.lock(folder), suppress(charlm.ModelError):
        charlm.load(folder)
    assert sibling_path(folder, "new").exists()


def test_one_trainer_at_a_time(tmp_path: Path) -> None:
    with model_folder.lock(tmp_path / "m"):
        with pytest.raises(charlm.ModelInUseError, match="m"):
            train(tmp_path / "m")
        train(tmp_path / "another")
    train(tmp_path / "m")
    assert sorted(os.listdir(tmp_path)) == ["another", "m"], "no lock is left"


def test_a_lock_goes_with_its_holder_however_that_ends(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), model_folder.lock(tmp_path / "m"):
        _ = 1 / 0
    sibling_path(tmp_path / "m", "lock").touch()  # of a process that was killed
    train(tmp_path / "m")
    assert os.listdir(tmp_path) == ["m"]
