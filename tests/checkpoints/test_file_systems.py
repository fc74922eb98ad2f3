"""File systems that refuse what charlm asks for: locks, a flush to disk, a map of a file in memory."""

import errno
import mmap
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import LINES, TINY, Outcome

import charlm
from charlm.checkpoints import model_folder
from charlm.checkpoints.model_folder import is_in_use, lock, sibling_path
from charlm.files.atomic import sync_folder, write_atomic

fcntl = pytest.importorskip("fcntl", reason="Windows locks in another way")
Run = Callable[..., Outcome]
NO_LOCKS = {
    errno.ENOLCK: "No locks available",  # NFS without its lock service
    errno.ENOSYS: "Function not implemented",  # Lustre
    errno.EOPNOTSUPP: "Operation not supported",
    errno.EINVAL: "Invalid argument",
}


def fail_with(number: int) -> Callable[..., Any]:
    def refuse(*arguments: object, **settings: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize("number", NO_LOCKS)
def test_without_locks_it_trains_and_says_once_that_the_folder_is_not_locked(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(fcntl, "flock", fail_with(number))
    (tmp_path / "log.txt").write_text(LINES)
    trained = run("train", "log.txt", "--steps=2", *TINY)
    assert (trained.code, trained.out) == (0, "checkpoints/log\n")
    said = " ".join(trained.err.split())
    assert (
        said.count(
            "checkpoints/log is not locked, because the file system refuses locks"
            f" ({NO_LOCKS[number]}); do not train this model in another process at the same time"
        )
        == 1
    )
    assert os.listdir("checkpoints/log") and not sibling_path(Path("checkpoints/log"), "lock").exists()
    assert run("train", "log.txt", "--steps=2", "--overwrite", *TINY).code == 0
    assert run("sample", "--count=1").code == 0
    assert run("remove", "log", "--yes").code == 0


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EACCES])
def test_a_lock_that_another_process_holds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(fcntl, "flock", fail_with(number))
    with pytest.raises(charlm.ModelInUseError, match="another process is training"), lock(tmp_path / "m"):
        pass


def test_without_locks_the_file_of_a_trainer_keeps_its_model_from_being_removed(
    run: Run, line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", fail_with(errno.ENOLCK))
    charlm.load(line_folder).save("checkpoints/m")
    sibling_path(Path("checkpoints/m"), "lock").touch()
    assert is_in_use(Path("checkpoints/m"))
    refused = run("remove", "m", "--yes")
    assert (refused.code, refused.out) == (4, "")
    assert refused.err.startswith(
        f"error: checkpoints/m may be in training: {tmp_path}/checkpoints/.m.lock exists, and"
    )
    assert refused.err.endswith("(No locks available); if no process trains the model, delete that file\n")


def test_without_locks_a_reader_finishes_a_swap_only_if_the_model_stays_away(
    line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", fail_with(errno.ENOLCK))
    monkeypatch.setattr(model_folder, "_SWAP_SECONDS", 0.02)
    old = sibling_path(tmp_path / "m", "old")
    shutil.copytree(line_folder, tmp_path / "m")
    shutil.copytree(line_folder, old)
    charlm.load(tmp_path / "m")
    assert old.exists(), "a trainer may be about to delete it"
    os.rename(tmp_path / "m", sibling_path(tmp_path / "m", "new"))
    charlm.load(tmp_path / "m")
    assert not old.exists()


def test_a_file_system_that_numbers_its_files_anew_locks_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os.path, "samestat", lambda one, other: False)
    with lock(tmp_path / "m") as refusal:
        assert refusal == ""
        with pytest.raises(charlm.ModelInUseError), lock(tmp_path / "m"):
            pass


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_that_cannot_flush_takes_the_file_unflushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "fsync", fail_with(number))
    write_atomic(tmp_path / "file", b"bytes")
    assert (tmp_path / "file").read_bytes() == b"bytes"


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_flush_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(os, "fsync", fail_with(number))
    with pytest.raises(OSError, match=os.strerror(number)):
        write_atomic(tmp_path / "file", b"bytes")
    with pytest.raises(OSError, match=os.strerror(number)):
        sync_folder(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_folder_whose_names_may_not_be_read_takes_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder has the mode -wx: the administrator, who runs some tests, may read it all the same."""
    opened = os.open

    def refuse(path: Any, *arguments: Any, **settings: Any) -> int:
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, *arguments, **settings)

    monkeypatch.setattr(os, "open", refuse)
    write_atomic(tmp_path / "file", b"bytes")
    assert stat.S_ISREG((tmp_path / "file").stat().st_mode)


@pytest.mark.usefixtures("large")
def test_a_cache_that_cannot_be_mapped_is_named_with_the_variable(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(mmap, "mmap", fail_with(errno.ENODEV))
    (tmp_path / "text").write_text(LINES)
    with pytest.raises(charlm.SaveError) as refused:
        charlm.train(tmp_path / "text", steps=1)
    assert str(refused.value).startswith(str(own_cache))
    words = "cannot be mapped into memory: No such device; set CHARLM_CACHE to a folder on a local disk"
    assert str(refused.value).endswith(words)
