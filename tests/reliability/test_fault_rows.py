"""The table of faults names tests that exist, and rows of it that had no test have one here."""

import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import LINES, QUICK, SMALL, Outcome
from memory_limit import limit_memory
from reference_run import PLAN, TEXT, begin_or_go_on, outcome, undisturbed

import charlm
from charlm.checkpoints import write
from charlm.nn.network import Network
from charlm.training.events import Event, Planned
from charlm.training.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| *(\d+) \|(.*)\|$", TABLE, re.MULTILINE)


def test_the_table_has_every_fault_once_in_order() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, len(ROWS) + 1)) and len(ROWS) > 48


def test_every_test_that_the_table_names_exists() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TABLE))
    assert len(named) > 40
    missing = [
        f"{file}::{test}"
        for file, test in sorted(named)
        if not (ROOT / file).exists() or f"\ndef {test}(" not in (ROOT / file).read_text(encoding="utf-8")
    ]
    assert missing == []


def test_a_row_without_a_test_says_why() -> None:
    for number, row in ROWS:
        assert "`tests/" in row or "not yet: " in row or "not shown: " in row, number


def test_a_vocabulary_of_half_characters_stops_nothing(
    run: Callable[..., Outcome], line_folder: Path, tmp_path: Path
) -> None:
    """No corpus has them, but a file of JSON may: what is drawn of them goes out as their code."""
    folder = shutil.copytree(line_folder, tmp_path / "m")
    characters = json.loads((folder / "tokenizer.json").read_text())["characters"]
    strange = characters[:-8] + "\ud800\ud801\ud802\ud803\ud804\ud805\ud806\ud807"
    (folder / "tokenizer.json").write_text(json.dumps({"characters": strange}))
    write.save_weights(folder, charlm.load(line_folder).network.state_dict(), write.metadata(1, {}))
    for command in (["sample", "--count=5"], ["sample", "--json"], ["score", "the"], ["score", "--json", "the"]):
        done = run(*command, "--model", folder)
        assert (done.code, "unexpectedly" in done.err) == (0, False), done.err


def test_a_corpus_that_changes_while_it_is_learned_changes_nothing(tmp_path: Path) -> None:
    corpus = tmp_path / "text"
    corpus.write_text(TEXT)

    def change(event: Event) -> None:
        if isinstance(event, Planned):
            corpus.write_text("another")

    found = charlm.train(corpus, plan=PLAN, report=change)
    assert found.score("the word") == charlm.train(TEXT, plan=PLAN).score("the word")


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes are those of POSIX")
def test_a_corpus_may_be_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_text(LINES))
    writer.start()
    found = charlm.train(tmp_path / "pipe", SMALL, QUICK)
    writer.join()
    assert found.score("the cat") == charlm.train(LINES, SMALL, QUICK).score("the cat")


def test_another_corpus_is_refused_when_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the run is as it was: with its own corpus it goes on to the same end."""

    def stop(self: RunFolder, *arguments: Any) -> None:
        save(self, *arguments)
        raise KeyboardInterrupt

    save = RunFolder.save_state
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(RunFolder, "save_state", stop)
        begin_or_go_on(tmp_path / "m")
    with pytest.raises(charlm.CorpusError) as refused:
        charlm.train(TEXT.replace("word", "text"), folder=tmp_path / "m", resume=True)
    assert len(re.findall(r"\b[0-9a-f]{64}\b", str(refused.value))) == 2
    begin_or_go_on(tmp_path / "m")
    assert outcome(tmp_path / "m") == undisturbed()


def test_no_module_reads_the_clock_of_the_day() -> None:
    """It jumps, with summer time and when it is set; `monotonic` and `perf_counter` do not.

    Two files show people when a model was written, one writes into a response when it was made, and none computes
    anything from it.
    """
    dates = {ROOT / "charlm/cli/dates.py", ROOT / "charlm/checkpoints/listing.py"}
    dates.add(ROOT / "charlm/server/completion_response.py")
    clock = re.compile(r"\btime\.time\b|\.(now|today|utcnow)\(|\blocaltime\b|st_mtime")
    for path in {*(ROOT / "charlm").rglob("*.py")} - dates:
        assert not clock.search(path.read_text("utf-8")), path


def load_in_twice_its_size(small: Path, large: Path) -> None:
    charlm.load(small)
    limit_memory(2 * sum(path.stat().st_size for path in large.iterdir()) + 2**22)
    charlm.load(large)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux to limit and measure memory")
def test_opening_a_model_takes_at_most_twice_its_size(line_folder: Path, tmp_path: Path) -> None:
    """Nearly all of the 50 MB is one matrix, so that a copy of a tensor is found out."""
    from forked_trainer import result

    model = charlm.load(line_folder)
    config = replace(model.config, hidden_size=2048)
    (tmp_path / "large").mkdir()
    write.create(tmp_path / "large", config, model.contents(), {})
    with torch.device("meta"):  # the shapes alone
        shapes = Network(config, model.tokenizer.size).state_dict()
    zeros = {name: torch.zeros_like(each, device="cpu") for name, each in shapes.items()}
    write.save_weights(tmp_path / "large", zeros, write.metadata(1, {}))
    done = result(load_in_twice_its_size, line_folder, tmp_path / "large")
    assert (done.code, done.err) == (0, "")
