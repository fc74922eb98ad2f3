"""`charlm search`: the best command, the study that goes on, the page, and what is refused."""

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_tasks
from conftest import LINES, STREAM, Outcome
from parsed_page import Page

from charlm.errors import DivergenceError
from charlm.search import run as search_run

Run = Callable[..., Outcome]
SHAPE = ["--layers=1", "--batch-size=4", "--seq-len=8", "--threads=1"]
SMALL = [*SHAPE, "--hidden-size=16", "--tokenizer=char", "--steps=12"]  # what is varied: learning rate and dropout


@pytest.fixture
def search(run: Run, tmp_path: Path) -> Run:
    """Search with tiny trainings in a folder with two texts."""
    (tmp_path / "lines.txt").write_text(LINES)
    (tmp_path / "stream.txt").write_text(STREAM)
    return lambda *arguments: run("search", *SMALL, *arguments)


def trials(done: Outcome) -> list[Any]:
    return json.loads(done.out)["trials"]  # type: ignore[no-any-return]


def test_stdout_is_the_best_command_and_it_repeats_the_best_trial(run: Run, search: Run) -> None:
    fixed = ["--valid=stream.txt", "--sequence=stream", "--seed=3", "--trials=4"]
    done = search("lines.txt", *fixed)
    assert done.code == 0 and done.out.count("\n") == 1
    values = json.loads(search("lines.txt", *fixed, "--json").out)
    best = values["best"]
    assert best["command"] == done.out.removesuffix("\n")
    words = shlex.split(done.out)
    assert words[:5] == ["charlm", "train", "lines.txt", "--model", "lines-best"]
    trained = json.loads(run(*words[1:], "--json").out)
    assert trained["validation"]["bits_per_char_known"] == best["cost"]
    plan = json.loads(Path("checkpoints/lines-best/plan.json").read_text())
    used = {**plan["model"], **plan["train"], "steps": plan["steps"]}
    given = {"hidden_size": 16, "layers": 1, "seed": 3, "sequence": "stream", "batch_size": 4, "steps": 12}
    settings = {**given, **values["trials"][best["trial"] - 1]["settings"]}
    assert {name: used[name] for name in settings} == settings
    default = values["trials"][0]
    assert default["default"] and set(default["settings"]) == {"learning_rate", "dropout"}
    assert best["cost"] <= values["default"]["cost"] == default["cost"]


def test_stderr_has_a_line_for_each_trial(search: Run) -> None:
    done = search("lines.txt", "--trials", 3)
    lines = [line for line in done.err.splitlines() if re.match(r"trial \d", line)]
    assert [line.split()[1] for line in lines] == ["1", "2", "3"]
    assert re.search(r"^trial 1    [\d.]+ bits per character  0:\d\d, the best so far .*\(the defaults\)$", lines[0])
    assert "varied     --learning-rate 0.004 to 0.064; --dropout 0 to 0.5\n" in done.err
    assert "budget     at most 3 trials, 12 steps a trial\n" in done.err
    assert re.search(r"^best       trial \d: [\d.]+ bits per character; the defaults", done.err, re.MULTILINE)
    assert "page       checkpoints/lines.study.html\n" in done.err
    assert "\x1b" not in done.err and "Traceback" not in done.err
    quiet = search("lines.txt", "--trials", 3, "--quiet")
    assert (quiet.out, quiet.err) == (done.out, "")


def test_the_same_command_goes_on_as_if_it_had_not_ended(search: Run) -> None:
    """`--trials` counts all trials of the study; each command has its own connection and its own sampler."""
    assert len(trials(search("lines.txt", "--trials", 2, "--json"))) == 2
    assert "checkpoints/lines.study.db: 2 trials in 0:0" in search("lines.txt", "--trials", 3).err
    parts = trials(search("lines.txt", "--trials", 4, "--json"))
    whole = trials(search("lines.txt", "--trials", 4, "--json", "--study", "whole"))
    kept = ("trial", "ending", "settings", "cost", "curve")
    assert [[each[name] for name in kept] for each in parts] == [[each[name] for name in kept] for each in whole]


def test_two_processes_share_a_storage_and_ctrl_c_keeps_the_study(
    search: Run, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    shared = ["lines.txt", "--storage", "sqlite:///shared.db", "--study", "ours"]
    other = start("search", *SMALL, *shared, "--trials", 1000)
    assert other.stderr
    for line in other.stderr:
        if line.startswith("trial 1 "):
            break
    done = search(*shared, "--trials", 8)
    other.send_signal(signal.SIGINT)
    out, err = other.communicate(timeout=60)
    theirs = {int(number) for number in re.findall(r"^trial (\d+)", err, re.MULTILINE)} | {1}
    ours = {int(number) for number in re.findall(r"^trial (\d+)", done.err, re.MULTILINE)}
    assert ours and not ours & theirs
    assert re.search(r"study      shared.db: \d+ trials? in", done.err)

    assert other.returncode == 130
    assert "stopped; to continue, run the same command again\n" in err and "Traceback" not in err
    assert out.startswith("charlm train lines.txt --model ours-best ")

    again = json.loads(search(*shared, "--trials", len(ours | theirs) + 2, "--json").out)
    ended = {each["trial"]: each["ending"] for each in again["trials"]}
    assert {ended[number] for number in ours} <= {"complete", "pruned"}
    assert {ended[number] for number in theirs} <= {"complete", "pruned", "stopped"}
    drawn = [tuple(each["settings"].values()) for each in again["trials"]]
    assert len(set(drawn)) == len(drawn)
    assert again["best"]["cost"] <= min(each["cost"] for each in again["trials"] if each["ending"] == "complete")


def test_failed_trials_are_said_and_counted(search: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    train, calls = search_run.train, []

    def failing(*arguments: Any, **settings: Any) -> Any:
        calls.append(settings)
        if len(calls) == 3:  # the first call makes the plan, the second is the first trial
            raise DivergenceError("the learning_rate is too high")
        if len(calls) == 4:
            raise MemoryError
        return train(*arguments, **settings)

    monkeypatch.setattr(search_run, "train", failing)
    done = search("lines.txt", "--trials", 4)
    assert re.search(
        r"^trial 2    0:0\d, failed: the --learning-rate is too high  --learning-rate", done.err, re.MULTILINE
    )
    assert re.search(r"^trial 3    0:0\d, failed: there is not enough memory", done.err, re.MULTILINE)
    assert re.search(r"^done       4 trials in 0:\d\d: 2 failed$", done.err, re.MULTILINE)
    assert done.code == 0 and done.out.startswith("charlm train")


def test_without_a_complete_trial_there_is_no_command(search: Run) -> None:
    done = search(
        "lines.txt", "--trials", 2, "--cell=rnn", "--activation=identity", "--learning-rate=100", "--clip=1e30"
    )
    assert (done.code, done.out) == (1, "")
    assert "error: no trial is complete, and 2 failed; the last one: " in done.err


def test_trials_begin_while_their_time_is_left(run: Run, tmp_path: Path) -> None:
    """However long each takes here: nine tenths of a trial are left before each one, and not after the last one."""
    (tmp_path / "lines.txt").write_text(LINES)
    small = [*SHAPE, "--hidden-size=16", "--tokenizer=char", "--minutes=0.06", "--trial-minutes=0.02", "--json"]
    done = json.loads(run("search", "lines.txt", *small).out)
    used = [each["seconds"] for each in done["trials"]]
    left = [3.6 - sum(used[:number]) for number in range(len(used) + 1)]
    assert all(each >= 0.9 * 1.2 for each in left[:-1]) and left[-1] < 0.9 * 1.2
    assert done["seconds"] == pytest.approx(sum(used))
    assert "--minutes 0.02 " in done["best"]["command"]
    assert trials(run("search", "lines.txt", *small)) == done["trials"]


def test_the_page_has_the_trials_and_loads_nothing(search: Run, tmp_path: Path) -> None:
    done = search("lines.txt", "--trials", 9, "--storage", "sqlite:///secret-host.db", "--study", "a<b")
    page = (tmp_path / "checkpoints" / "a<b.study.html").read_text()
    assert "://" not in page and "secret-host" not in page and "<script" not in page
    assert Page(page).texts == [done.out.strip()]
    assert "A search for settings on lines.txt. Its trials: " in page
    assert "What mattered" in page and "Validation curves" in page
    assert len(re.findall(r"<tr[^>]*><td>\d+</td><td>", page)) == 9


def test_other_tasks_are_searched_with_their_own_figure(run: Run, tmp_path: Path) -> None:
    for kind, name in (("classify", "minus the accuracy"), ("series", "MASE")):
        path = small_tasks.write(kind, tmp_path)
        settings = ["--steps=8", "--trials=2", "--threads=1", "--layers=1", "--dropout=0", "--json"]
        done = run("search", path.name, *settings)
        values = json.loads(done.out)
        assert values["cost"] == name
        assert set(values["trials"][1]["settings"]) == {"hidden_size", "learning_rate"}
        assert values["best"]["cost"] == min(each["cost"] for each in values["trials"])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-"], "a search reads the corpus for each trial, so it cannot be stdin; give a file"),
        (["nothing.txt"], "there is no file nothing.txt"),
        (["lines.txt", "--trials", "0"], "--trials"),
        (["lines.txt", "--minutes", "-1"], "--minutes is -1.0; it must be more than 0"),
        (["lines.txt", "--trial-minutes", "1"], "give steps or --trial-minutes, not both"),
        (
            ["lines.txt", "--learning-rate", "0.01", "--dropout", "0"],
            "no setting is left to vary; leave --hidden-size out",
        ),
        (["lines.txt", "--study", ""], "a study cannot be named ''; choose another name with --study"),
        (["lines.txt", "--study", "what?"], "because of the question mark"),
        (["lines.txt", "--storage", "nonsense"], "the storage 'nonsense' is not the URL of a database"),
        (["lines.txt", "--storage", "nosuch://host/name"], "nosuch"),
        (["lines.txt", "--storage", "sqlite:///a.db", "--study", "b/c"], "keeps the study in a database, under a name"),
        (
            ["lines.txt", "--valid", "stream.txt", "--valid-fraction", "0.2"],
            "give --valid or --valid-fraction, not both",
        ),
        (
            ["lines.txt", "--tokenizer-file", "v.json"],
            "--tokenizer-file brings its own vocabulary; leave out --tokenizer",
        ),
        (["lines.txt", "--vocab-size", "9"], "--vocab-size"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_refused_in_one_sentence_before_anything_is_written(
    search: Run, arguments: list[str], problem: str
) -> None:
    done = search(*arguments)
    assert done.code in (1, 2) and done.out == ""
    assert problem in done.err.splitlines()[-1] and "Traceback" not in done.err
    assert not Path("checkpoints").exists()


def test_a_vocabulary_comes_from_a_file_or_with_a_model(run: Run, search: Run) -> None:
    done = run("search", "lines.txt", "--tokenizer-file", "v.json", "--from", "other")
    assert (done.code, done.out) == (2, "")
    assert "--tokenizer-file brings a vocabulary, and --from learns one from the text" in done.err


def test_a_study_goes_on_as_it_was_begun(search: Run) -> None:
    search("lines.txt", "--trials", 1)
    for arguments, problem in (
        (["stream.txt", "--study", "lines"], "is about another corpus or another held-out part"),
        (["lines.txt", "--steps", "13"], "a trial of the study lines has 12 steps and not 13 steps"),
        (["lines.txt", "--seed", "1"], "the study lines was begun with seed 0 and not 1"),
        (["lines.txt", "--cell", "lstm"], "the study lines was begun with cell as by default and not lstm"),
    ):
        done = search(*arguments, "--trials", 2)
        assert (done.code, done.out) == (2, "")
        assert f"{problem}; give the same options, or name another --study" in done.err.splitlines()[-1]


def test_the_file_of_a_study_may_be_named(search: Run) -> None:
    search("lines.txt", "--trials", 1, "--study", "runs/mine.db")
    assert sorted(path.name for path in Path("runs").iterdir()) == ["mine.db", "mine.study.html"]


def test_a_missing_extra_is_one_sentence(search: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    done = search("lines.txt")
    assert done.code == 2
    assert done.err == "error: the package optuna, which chooses the trials, is not installed; run pip install optuna\n"


def test_several_processes_of_torchrun_do_not_search(search: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "1", "RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "0")
    done = search("lines.txt")
    assert done.code == 2 and "to share a study, start one search on each machine" in done.err
