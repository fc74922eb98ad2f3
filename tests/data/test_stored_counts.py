"""The counts of a corpus larger than memory are made once, and lie in the cache for every process and run."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import LINES, QUICK, SMALL, STREAM, Outcome
from damage import cut, flip
from process_ranks import command, together

import charlm
from charlm.counts import Figures
from charlm.data import cache, corpus
from charlm.tasks.text import counting, stored_counts
from charlm.tasks.text.dataset import TextDataset
from charlm.tasks.text.preparation import prepare
from charlm.training.events import Planned

COUNTED = replace(SMALL, ngram="4", ngram_guesses=True)
MODELS = pytest.mark.parametrize(
    "model",
    [
        replace(COUNTED, sequence=mode, ngram_guesses=guesses)
        for mode in ("line", "stream")
        for guesses in (True, False)
    ],
    ids=lambda model: f"{model.sequence} {model.ngram_guesses}",
)


@pytest.fixture(autouse=True)
def text(own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two corpora that are too large for memory."""
    monkeypatch.setattr(corpus, "IN_MEMORY", 0)
    (tmp_path / "stream").write_text(STREAM)
    (tmp_path / "line").write_text(LINES)


def prepared(folder: Path, model: charlm.ModelConfig, config: charlm.TrainConfig = QUICK) -> TextDataset:
    return prepare(folder / model.sequence, model, config, None)


def figures(data: TextDataset) -> Figures:
    """The figures of all targets."""
    assert data.counted
    return data.counted.figures.at(np.arange(len(data.ring.targets))[:, None])


def same(a: Figures, b: Figures) -> bool:
    pairs = [(a.logprobs, b.logprobs), *zip(a.context, b.context, strict=True)]
    pairs += zip(a.guesses or (), b.guesses or (), strict=True)
    return all(np.array_equal(x, y) for x, y in pairs)


def entry() -> Path:
    """The folder of the only counts."""
    (found,) = (each.path for each in cache.entries() if (each.path / "counts.json").exists())
    return found


@MODELS
def test_they_are_those_of_a_corpus_in_memory(
    model: charlm.ModelConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = prepared(tmp_path, model)
    monkeypatch.setattr(corpus, "IN_MEMORY", 2**24)
    in_memory = prepared(tmp_path, model)
    assert stored.ring.mappings and not in_memory.ring.mappings and stored.counted and in_memory.counted
    assert same(figures(stored), figures(in_memory))
    rows = [[0, *map(int, stored.ring.targets[:50])]]
    (a,), (b,) = (data.counted.counts.log_probabilities(rows) for data in (stored, in_memory) if data.counted)
    assert np.array_equal(a, b)


def test_a_text_is_counted_once_for_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = replace(COUNTED, sequence="stream")
    first = figures(prepared(tmp_path, model))
    with monkeypatch.context() as patch:
        patch.setattr(counting, "count", lambda *arguments, **keywords: pytest.fail("counted again"))
        assert same(figures(prepared(tmp_path, model)), first)
    prepared(tmp_path, replace(model, ngram="3"))
    prepared(tmp_path, replace(model, ngram_guesses=False))
    prepared(tmp_path, model, replace(QUICK, ngram_blocks=4))
    prepared(tmp_path, model, replace(QUICK, ngram_tokens=1000))
    prepared(tmp_path, model, replace(QUICK, ngram_size=0.01))
    monkeypatch.setattr(stored_counts, "FORMAT_VERSION", stored_counts.FORMAT_VERSION + 1)
    prepared(tmp_path, model)
    assert len(cache.entries()) == 1 + 7  # the tokens, too


@pytest.mark.parametrize("harm", [cut, flip, Path.unlink, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("name", ["counts.safetensors", "logprobs", "followers", "guesses", "chances", "counts.json"])
def test_counts_that_are_damaged_are_written_anew(harm: Callable[[Path], object], name: str, tmp_path: Path) -> None:
    model = replace(COUNTED, sequence="line")
    first = figures(prepared(tmp_path, model))
    whole = {path.name: path.read_bytes() for path in entry().iterdir()}
    harm(entry() / name)
    assert same(figures(prepared(tmp_path, model)), first)
    assert {path.name: path.read_bytes() for path in entry().iterdir()} == whole


def test_counts_that_are_cut_short_while_they_are_in_use_end_the_run_in_a_sentence(tmp_path: Path) -> None:
    def harm(event: object) -> None:
        if isinstance(event, Planned):
            cut(entry() / "logprobs")

    with pytest.raises(charlm.CorpusError, match="was truncated while charlm was reading it"):
        charlm.train(tmp_path / "stream", COUNTED, QUICK, report=harm)


def test_they_are_listed_in_the_cache(run: Callable[..., Outcome], tmp_path: Path) -> None:
    prepared(tmp_path, replace(COUNTED, sequence="stream"))
    lines = [" ".join(line.split()[3:]) for line in run("cache").out.splitlines()]
    assert sorted(lines) == [str(tmp_path / "stream"), f"counts of {tmp_path / 'stream'}"]
    listed = map(json.loads, run("cache", "--json").out.splitlines())
    assert {each["path"]: each["counts"] for each in listed if each["counts"]} == {str(entry()): True}


def count_aloud(*arguments: str) -> None:
    """Train, and say when the corpus is counted."""
    original = counting.count

    def count(*given: object, **keywords: object) -> object:
        print("counted")
        return original(*given, **keywords)  # type: ignore[arg-type]

    counting.count = count  # type: ignore[assignment]
    command(*arguments)


def test_one_of_several_processes_counts(tmp_path: Path) -> None:
    shape = ("--hidden-size=8", "--embedding-size=4", "--layers=1", "--batch-size=4", "--seq-len=8", "--threads=1")
    ended = together(2, tmp_path, count_aloud, "train", "stream", *shape, "--ngram=4", "--steps=3", "--quiet")
    assert (ended.codes, [out.count("counted") for out in ended.out]) == ([0, 0], [1, 0])
