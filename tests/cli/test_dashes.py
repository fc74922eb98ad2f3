"""Texts and files whose names begin with a dash: the error has the command to type, and that command works."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import LINES, Outcome

Run = Callable[..., Outcome]


def named(refused: Outcome) -> list[str]:
    """Return the arguments of the command that an error names."""
    assert (refused.code, refused.out) == (2, "")
    (command,) = re.findall(r"^error: charlm .* has no option .*: charlm (.*)$", refused.err, re.MULTILINE)
    return shlex.split(command)


@pytest.mark.parametrize("text", ["- item 5", "-5 degrees", "-5", "--help me", "--item", "-- done", "-'\"$x", "-é"])
def test_a_text_that_begins_with_a_dash_is_scored_by_the_command_named(run: Run, line_folder: Path, text: str) -> None:
    arguments = named(run("score", text, "-m", line_folder, "the cat", "--json"))
    assert arguments == ["score", "-m", str(line_folder), "--json", "--", text, "the cat"]
    done = run(*arguments)
    assert [json.loads(line)["text"] for line in done.out.splitlines()] == [text, "the cat"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("score -qmNAME '-x y' -- --json", "score -qmNAME -- '-x y' --json"),
        ("score --context '- a' '- b' --base=2", "score --context '- a' --base=2 -- '- b'"),
        ("score '- a' - '- b'", "score -- '- a' - '- b'"),
        ("compare a b '- c'", "compare -- a b '- c'"),
        ("train -notes.txt --minutes 1", "train --minutes 1 -- -notes.txt"),
        ("tokenizer build -notes.txt -o v.json", "tokenizer build -o v.json -- -notes.txt"),
        ("tokenizer show v.json '-5 a'", "tokenizer show -- v.json '-5 a'"),
        ("embed neighbors -5", "embed neighbors -- -5"),
        ("embed analogy a '- b' c", "embed analogy -- a '- b' c"),
        ("evaluate -notes.txt", "evaluate -- -notes.txt"),
        ("why '-5 a'", "why -- '-5 a'"),
        ("neurons '-5 a'", "neurons -- '-5 a'"),
        ("gradients '-5 a'", "gradients -- '-5 a'"),
        ("sample '-5 a' --seed 1", "sample --seed 1 --prompt='-5 a'"),
        ("sample '- a'", "sample --prompt='- a'"),
    ],
)
def test_every_command_names_the_one_to_type(run: Run, given: str, expected: str) -> None:
    assert named(run(*shlex.split(given))) == shlex.split(expected)


@pytest.mark.parametrize("given", ["score --jsn a", "sample --temprature 3", "sample -o", "info -5", "embed map -5"])
def test_a_misspelled_option_is_not_taken_for_a_text(run: Run, given: str) -> None:
    refused = run(*given.split())
    assert refused.code == 2 and "has no option -" in refused.err and "--:" not in refused.err


def test_the_value_of_an_option_may_begin_with_a_dash(run: Run, line_folder: Path) -> None:
    for value in ("- ", "--", "--json", "-m"):
        given = ["-m", line_folder, "--unknown", "unk", "--length", 3, "--json"]
        done = run("sample", "--prompt", value, *given)
        assert json.loads(done.out)["prompt"] == value
        done = run("score", "-m", line_folder, "--context", value, "a", "--json")
        assert json.loads(done.out)["context"] == value


@pytest.mark.parametrize("name", ["-notes.txt", "--json", "-m"])
def test_a_file_whose_name_begins_with_a_dash_is_read(run: Run, line_folder: Path, name: str) -> None:
    Path(name).write_text(LINES)
    whole = run("evaluate", "-m", line_folder, "--json", f"./{name}")
    assert json.loads(whole.out)["characters"] == len(LINES)
    assert run("evaluate", "-m", line_folder, "--json", "--", name).out == whole.out
    assert run("score", "-m", line_folder, "--file", name, "--json", "-q").out.count("\n") == LINES.count("\n")
    built = run("tokenizer", "build", "-o", "v.json", "--", name)
    assert (built.code, built.out) == (0, "v.json\n")
