"""Usage errors: one sentence with what is wrong and what was probably meant, in exit code 2."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Outcome

Run = Callable[..., Outcome]
REFUSED = {
    "sample --temp 1": "charlm sample has no option --temp; did you mean --temperature?",
    "train --lr 1": "charlm train has no option --lr; did you mean --learning-rate?",
    "train a --hidden 5": "charlm train has no option --hidden; did you mean --hidden-size?",
    "train a --bptt 5": "charlm train has no option --bptt; did you mean --seq-len?",
    "sample --num-samples 5": "charlm sample has no option --num-samples; did you mean --count?",
    "cache --zzz": "charlm cache has no option --zzz; charlm cache --help lists its options",
    "score --cach a": "charlm score has no option --cach; to give '--cach' as TEXT, put it after --: "
    "charlm score -- --cach a",  # the former name --cache is hidden, so it is not suggested
    "sample --length many": "--length is 'many'; it must be a whole number",
    "sample --length 2.5": "--length is '2.5'; it must be a whole number",
    "sample -t hot": "--temperature is 'hot'; it must be a number",
    "sample --length": "--length needs a value; charlm sample --help explains it",
    "sample --json=3": "--json takes no value; charlm sample --help explains it",
    "embed neighbors": "charlm embed neighbors needs WORD; charlm embed neighbors --help explains it",
    "sample Once upon": "charlm sample takes no argument Once; give the text to continue with --prompt 'Once upon'",
    "why the cats": "charlm why takes no argument cats; put a text of several words in quotes",
    "cache all": "charlm cache takes no argument all; charlm cache --help shows what it takes",
    "generate": "charlm has no command 'generate'; did you mean sample?",
    "trian a": "charlm has no command 'trian'; did you mean train?",
    "eval": "charlm has no command 'eval'; did you mean evaluate?",
    "zzz": "charlm has no command 'zzz'; charlm --help lists the commands",
    "embed neighbours a": "charlm embed has no command 'neighbours'; did you mean neighbors?",
    "--quiet": "charlm has no option --quiet; charlm --help lists its options",
}


@pytest.mark.parametrize("command", REFUSED)
def test_a_usage_error_is_one_sentence_with_what_was_meant(run: Run, command: str) -> None:
    done = run(*shlex.split(command))
    assert (done.code, done.out, done.err) == (2, "", f"error: {REFUSED[command]}\n")


def test_the_name_of_a_model_as_an_argument_gets_its_option(run: Run, line_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "poems").symlink_to(line_folder)
    assert run("sample", "poems").err.endswith("takes no argument poems; name the model with --model poems\n")
    assert run("embed", "map", "poems").err.endswith("name the model with --model poems\n")


@pytest.mark.parametrize("names", [["-n", "2"], ["--count", "2"]], ids="".join)
def test_count_and_temperature_have_short_names(run: Run, line_folder: Path, names: list[str]) -> None:
    drawn = run("sample", "-m", line_folder, *names, "-t", "0", "--seed=1")
    assert drawn.out == run("sample", "-m", line_folder, "--count=2", "--temperature=0", "--seed=1").out
    assert drawn.out.count("\n") == 2


def test_help_and_errors_have_color_only_if_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A captured stream is not a terminal."""
    plain = run("train", "--help").out
    assert "\x1b" not in plain + run("train", "--nope").err
    monkeypatch.setenv("FORCE_COLOR", "1")
    colored = run("train", "--help").out
    assert "\x1b[1mUsage:\x1b[0m" in colored and "\x1b[36m--minutes\x1b[0m N" in colored
    assert re.sub(r"\x1b\[[\d;]*m", "", colored) == plain, "colors change no column"
    assert run("train", "--nope").err.startswith("\x1b[1;31merror\x1b[0m: charlm train has")
    monkeypatch.setenv("NO_COLOR", "1")
    assert run("train", "--help").out == plain


@pytest.mark.parametrize("width", [60, 120])
def test_help_is_wrapped_between_words(run: Run, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    words = set(re.findall(r"[\w-]+", run("--help").out + run("train", "--help").out))
    monkeypatch.setenv("COLUMNS", str(width))
    for command in ([], ["train"]):
        shown = run(*command, "--help").out
        assert max(map(len, shown.splitlines())) <= width
        assert set(re.findall(r"[\w-]+", shown)) <= words
