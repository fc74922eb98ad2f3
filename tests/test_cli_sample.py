"""`charlm sample`: what goes where, in which form, and that a seed can be used again."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import LINES, Outcome

import charlm

Run = Callable[..., Outcome]
KEYS = ["prompt", "text", "tokens", "logprob", "stopped", "seed", "index"]


def drawn(done: Outcome) -> list[Any]:
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.split("\n")[:-1]]


def test_json_is_one_compact_line_a_sample_with_these_keys(run: Run, line_folder: Path) -> None:
    done = run("sample", "--json", "--count=3", "--seed=4", "--prompt=the ", "-m", line_folder)
    values = drawn(done)
    assert [list(each) for each in values] == [KEYS] * 3
    assert done.out == "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in values)
    assert sorted(each["index"] for each in values) == [0, 1, 2]
    assert {each["seed"] for each in values} == {4}
    assert {each["prompt"] for each in values} == {"the "}
    assert not any(each["text"].startswith("the ") for each in values)


def test_the_command_draws_what_the_library_draws(run: Run, stream_folder: Path) -> None:
    settings: dict[str, Any] = {"length": 30, "count": 3, "temperature": 0.7, "top_k": 9, "top_p": 0.9, "seed": 8}
    options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    values = drawn(run("sample", "--json", "--prompt=In", *options, "-m", stream_folder))
    expected = [vars(sample) for sample in charlm.load(stream_folder).sample("In", **settings)]
    assert sorted(values, key=lambda each: each["index"]) == expected


def test_samples_of_lines_are_a_line_each(run: Run, line_folder: Path) -> None:
    """Prompt and continuation, in the order of their numbers, whatever the order in which they end."""
    options = ["--count=5", "--seed=3", "--prompt=the c", "-m", line_folder]
    expected = sorted(drawn(run("sample", "--json", *options)), key=lambda each: each["index"])
    assert run("sample", *options).out == "".join(f"the c{each['text']}\n" for each in expected)


def test_samples_of_a_stream_are_parted_by_a_blank_line(run: Run, stream_folder: Path) -> None:
    options = ["--count=3", "--seed=3", "--length=20", "--prompt=In", "-m", stream_folder]
    expected = [f"In{each.text}\n" for each in charlm.load(stream_folder).sample("In", count=3, seed=3, length=20)]
    assert run("sample", *options).out == "\n".join(expected)


def test_the_seed_is_named_on_stderr_and_draws_the_same_again(run: Run, line_folder: Path) -> None:
    first = run("sample", "--count=4", "-m", line_folder)
    (seed,) = re.findall(r"seed (\d+)", first.err)
    assert run("sample", "--count=4", "--seed", seed, "-m", line_folder).out == first.out
    assert run("sample", "--count=4", "-m", line_folder).err != first.err, "a new seed every time"


def test_quiet_says_nothing(run: Run, line_folder: Path) -> None:
    done = run("sample", "--quiet", "--seed=1", "-m", line_folder)
    assert done.err == "" and done.out.endswith("\n")


@pytest.mark.parametrize(("folder", "limit"), [("line_folder", 1000), ("stream_folder", 500)])
def test_the_default_limit(run: Run, request: pytest.FixtureRequest, folder: str, limit: int) -> None:
    options = ["--json", "--count=4", "--temperature=3", "--seed=2", "-m", request.getfixturevalue(folder)]
    values = drawn(run("sample", *options))
    assert max(each["tokens"] for each in values) <= limit
    for each in values:
        assert each["stopped"] == ("length" if each["tokens"] == limit else "eos")
        assert each["tokens"] == len(each["text"]) + (each["stopped"] == "eos")
    if folder == "stream_folder":
        assert {each["tokens"] for each in values} == {limit}, "the end of a stream was never seen"


def test_it_stops_before_a_text(run: Run, stream_folder: Path) -> None:
    (plain,) = drawn(run("sample", "--json", "--seed=6", "--length=60", "-m", stream_folder))
    stop = plain["text"][20:22]
    (value,) = drawn(run("sample", "--json", "--seed=6", "--length=60", f"--stop={stop}", "-m", stream_folder))
    assert value["stopped"] == "stop"
    assert value["text"] == plain["text"][: plain["text"].index(stop)]


def test_greedy_is_the_likeliest_symbol_each_time(run: Run, stream_folder: Path) -> None:
    (value,) = drawn(run("sample", "--json", "--temperature=0", "--length=4", "-m", stream_folder))
    model, text = charlm.load(stream_folder), ""
    for _ in range(4):
        text += model.next_token(text)[0].text or ""
    assert value["text"] == text


def test_the_log_probability_is_that_of_score_whatever_the_temperature(run: Run, line_folder: Path) -> None:
    options = ["--json", "--temperature=0.3", "--seed=1", "--prompt=the ", "-m", line_folder]
    (value,) = drawn(run("sample", *options))
    assert value["stopped"] == "eos"
    scores = charlm.load(line_folder).score("the " + value["text"]).logprobs
    assert value["logprob"] == pytest.approx(sum(scores[4:]), rel=1e-4)


def test_a_prompt_may_come_from_stdin_and_have_any_length(
    run: Run, stream_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = "the word was with the text\n" * 400
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(prompt.encode()), newline=""))
    (value,) = drawn(run("sample", "--json", "--prompt=-", "--length=3", "--seed=1", "-m", stream_folder))
    assert value["prompt"] == prompt and value["tokens"] == 3


def test_an_unknown_character_of_a_prompt_is_refused_unless_told(run: Run, line_folder: Path) -> None:
    refused = run("sample", "--prompt=dög", "-m", line_folder)
    assert (refused.code, refused.out) == (1, "")
    assert "'ö' (U+00F6) at character 2" in refused.err and "--unknown" in refused.err
    for policy, shown in (("unk", "read as <UNK>"), ("skip", "left out")):
        allowed = run("sample", "--prompt=dög", "--unknown", policy, "--seed=1", "-m", line_folder)
        assert allowed.code == 0
        assert "1 unknown " + shown in allowed.err


def test_every_unknown_character_of_a_prompt_is_counted(run: Run, line_folder: Path) -> None:
    assert "3 unknown" in run("sample", "--prompt=äöü", "--unknown=unk", "-m", line_folder).err


def test_the_surface_of_a_control_symbol_is_only_text(run: Run, tmp_path: Path) -> None:
    """A corpus with the letters `<EOS>` in it: they are five characters, and end nothing."""
    (tmp_path / "c.txt").write_text(LINES.replace("cat", "<EOS>"))
    run("train", "c.txt", "--hidden-size=8", "--steps=2")
    (value,) = (json.loads(line) for line in run("score", "--json", "the <EOS> ran").out.splitlines())
    assert value["tokens"] == [*"the <EOS> ran", None]
    (sample,) = drawn(run("sample", "--json", "--prompt=the <EOS>", "--seed=1", "--length=5"))
    assert sample["prompt"] == "the <EOS>"
