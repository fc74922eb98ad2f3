"""The cache folder: where it is, what damages it, what it takes when the disk is full, and how it is cleared."""

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import QUICK, SMALL, STREAM, TINY, Outcome
from damage import cut, flip

import charlm
from charlm import cli
from charlm.data import cache, corpus, token_store, windows
from charlm.tasks.text.dataset import TextDataset
from charlm.tasks.text.preparation import prepare
from charlm.training.events import Planned

Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def text(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A corpus too large for memory."""
    monkeypatch.setattr(corpus, "IN_MEMORY", 0)
    (tmp_path / "text").write_text(STREAM)


def prepared(folder: Path, sequence: str = "auto") -> TextDataset:
    return prepare(folder / "text", charlm.ModelConfig(sequence=sequence, ngram="none"), QUICK, None)


def entry() -> Path:
    (found,) = cache.entries()
    return found.path


def test_it_is_where_caches_are_or_where_a_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache.folder() == tmp_path / "cache"
    monkeypatch.delenv(cache.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache.folder() == tmp_path / "xdg" / "charlm"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "charlm"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache.folder() == tmp_path / "Library" / "Caches" / "charlm"


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no such modes there")
def test_it_is_for_its_owner_alone(tmp_path: Path, own_cache: Path) -> None:
    prepared(tmp_path)
    assert own_cache.stat().st_mode & 0o777 == 0o700


def test_a_corpus_is_encoded_once_and_another_one_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another mode, text, or format version gets another ring."""
    first = prepared(tmp_path)
    (tmp_path / "text").rename(tmp_path / "again")
    with monkeypatch.context() as patch:
        patch.setattr(token_store, "_write", None)
        again = prepare(tmp_path / "again", charlm.ModelConfig(ngram="none"), QUICK, None)
    assert again.ring.targets.tolist() == first.ring.targets.tolist()
    assert (again.counts == first.counts).all()
    (tmp_path / "again").rename(tmp_path / "text")
    prepared(tmp_path, "line")
    (tmp_path / "text").write_text(STREAM + "!")
    prepared(tmp_path)
    monkeypatch.setattr(token_store, "FORMAT_VERSION", token_store.FORMAT_VERSION + 1)
    prepared(tmp_path)
    assert len(cache.entries()) == 4


@pytest.mark.parametrize("harm", [cut, flip, Path.unlink, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("name", ["targets", "starts", "ids.json"])
def test_an_entry_that_is_damaged_is_written_anew(harm: Callable[[Path], object], name: str, tmp_path: Path) -> None:
    ring = prepared(tmp_path).ring
    expected = ring.targets.tolist(), ring.starts.tolist()
    whole = {path.name: path.read_bytes() for path in entry().iterdir()}
    harm(entry() / name)
    found = prepared(tmp_path).ring
    assert (found.targets.tolist(), found.starts.tolist()) == expected
    assert {path.name: path.read_bytes() for path in entry().iterdir()} == whole


def train_on_a_full_disk(place: Path, source: str) -> None:
    import resource

    os.chdir(place)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**18, 2**18))
    corpus.IN_MEMORY = 0
    cli.main(["train", source])


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
@pytest.mark.parametrize("source", ["text", "-"], ids=["while encoding", "from a pipe"])
def test_a_disk_that_is_full_is_told_and_nothing_is_left(source: str, own_cache: Path, tmp_path: Path) -> None:
    """A limit on file sizes simulates a full disk."""
    from forked_trainer import result

    (tmp_path / "text").write_text(STREAM * 200)
    done = result(train_on_a_full_disk, tmp_path, source, stdin=(tmp_path / "text").read_bytes())
    assert done.code == 1
    *_, said = done.err.splitlines()
    assert said.startswith("error: the corpus does not fit into memory, and ")
    assert f"cannot be written to {own_cache}: File too large" in said and "CHARLM_CACHE" in said
    assert list(own_cache.iterdir()) == [] and not (tmp_path / "checkpoints" / "text").exists()


def test_a_cache_that_cannot_be_made_is_told(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "text" / "cache"))
    done = run("train", "text", *TINY, "--steps=2")
    assert (done.code, "cannot be written to" in done.err) == (1, True)


def test_it_is_shown_and_cleared(run: Run, tmp_path: Path, own_cache: Path) -> None:
    assert run("cache").err == f"0.0 MB in {own_cache}\n"
    assert run("train", "text", *TINY, "--steps=2").code == 0
    mine = own_cache / "mine"
    mine.write_text("not charlm's")
    shown = run("cache")
    assert shown.out.split()[-1] == "text" and "MB" in shown.out
    (value,) = map(json.loads, run("cache", "--json").out.splitlines())
    assert (value["corpus"], value["tokenizer"], value["characters"]) == (["text"], "char", 3132)
    assert value["bytes"] == sum(path.stat().st_size for path in entry().iterdir()) > 2 * 3132
    (own_cache / f".{'0' * 64}.tmpabc").mkdir()  # a crash left it
    assert "freed" in run("cache", "--clear").out
    assert list(own_cache.iterdir()) == [mine]


def test_an_entry_that_is_cut_short_while_it_is_in_use_ends_the_run_in_a_sentence(tmp_path: Path) -> None:
    def harm(event: object) -> None:
        if isinstance(event, Planned):
            cut(entry() / "targets")

    with pytest.raises(charlm.CorpusError, match="was truncated while charlm was reading it"):
        charlm.train(tmp_path / "text", SMALL, QUICK, report=harm)


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs Linux to tell what is in memory")
def test_what_was_read_of_a_mapped_file_does_not_stay_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = prepared(tmp_path).batches(QUICK)
    mapped = re.compile(rf"{entry()}/targets\n(?:Size|KernelPageSize|MMUPageSize).*\n(?:.*\n){{0,2}}?Rss: +(\d+) kB")

    def resident() -> int:
        return int(mapped.findall(Path("/proc/self/smaps").read_text())[0])

    found[0]
    assert resident() > 0
    monkeypatch.setattr(windows, "_RELEASE_AFTER", 0)
    found[1]
    assert resident() == 0


def test_a_vocabulary_may_have_more_symbols_than_two_bytes_can_number(tmp_path: Path) -> None:
    characters = "".join(map(chr, range(0x10000, 0x22000)))
    (tmp_path / "text").write_text(characters * 2, encoding="utf-8")
    found = prepared(tmp_path, "stream")
    assert found.tokenizer.size == 3 + len(characters) > 2**16
    assert found.tokenizer.decode(found.ring.targets) == next(iter(found.split.train))


def test_what_is_cleared_while_it_is_in_use_stays_until_then(tmp_path: Path) -> None:
    found = prepared(tmp_path)
    expected = found.ring.targets.tolist()
    cache.clear()
    assert cache.entries() == [] and found.ring.targets.tolist() == expected
