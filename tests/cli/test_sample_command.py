"""`charlm sample`: what goes where, in which form, and that a seed can be used again."""

import io
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import LINES, Outcome

import charlm
from charlm.cli.view.samples import JsonPrinter, separator

Run = Callable[..., Outcome]
KEYS = ["prompt", "text", "tokens", "logprob", "stopped", "seed", "index", "perplexity"]


def present(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values without those that are absent from JSON if they are None."""
    return {name: value for name, value in values.items() if value is not None or name in KEYS}


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


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0.7, "top_k": 9, "top_p": 0.9, "stop": "e"},
        {"min_p": 0.1, "mirostat": 2.0, "repetition_penalty": 1.5, "repetition_ngram": 2},
        {"typical": 0.8, "no_repeat": 3, "must_match": "[a-z ]+"},
        {"whole": "word"},
    ],
    ids=str,
)
def test_the_command_draws_what_the_library_draws(run: Run, stream_folder: Path, settings: dict[str, Any]) -> None:
    settings = {**settings, "length": 30, "count": 3, "seed": 8}
    options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    values = drawn(run("sample", "--json", "--prompt=In", *options, "-m", stream_folder))
    samples = charlm.load(stream_folder).sample("In", **settings)
    expected = [{**present(vars(sample)), "perplexity": sample.perplexity} for sample in samples]
    assert values == expected, "in the order of their numbers"


def test_samples_as_json_come_in_order_or_as_they_end(run: Run, line_folder: Path) -> None:
    options = ["--count=40", "--seed=3", "-m", line_folder]
    in_order, by_end = (drawn(run("sample", "--json", *options, *more)) for more in ([], ["--unordered"]))
    assert [each["index"] for each in in_order] == list(range(40)) != [each["index"] for each in by_end]
    assert sorted(by_end, key=lambda each: each["index"]) == in_order
    refused = run("sample", "--unordered", *options)
    assert refused.code == 2 and "--unordered is for --json" in refused.err


def test_no_sample_waits_for_longer_than_those_before_it(capsys: pytest.CaptureFixture[str]) -> None:
    printer = JsonPrinter(in_order=True)
    for index, complete in ((2, ""), (0, "0"), (3, ""), (1, "123")):
        printer.end(index, {"n": index})
        assert re.findall(r"\d", capsys.readouterr().out) == list(complete)


def test_samples_of_lines_are_a_line_each(run: Run, line_folder: Path) -> None:
    """Prompt and continuation, in the order of their numbers, whatever the order in which they end."""
    options = ["--count=5", "--seed=3", "--prompt=the c", "-m", line_folder]
    expected = sorted(drawn(run("sample", "--json", *options)), key=lambda each: each["index"])
    assert run("sample", *options).out == "".join(f"the c{each['text']}\n" for each in expected)


def test_samples_of_a_stream_are_separated_by_a_blank_line(run: Run, stream_folder: Path) -> None:
    options = ["--count=3", "--seed=3", "--length=20", "--prompt=In", "-m", stream_folder]
    expected = [f"In{each.text}\n" for each in charlm.load(stream_folder).sample("In", count=3, seed=3, length=20)]
    assert run("sample", *options).out == "\n".join(expected)


def test_on_a_terminal_a_rule_separates_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample may have blank lines itself."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert (separator(line=False), separator(line=True)) == ("-" * 20 + "\n", "")


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


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--stop=", "stop must not be empty"),
        ("--repetition-ngram=3", "--repetition-ngram has no effect without --repetition-penalty"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(run: Run, stream_folder: Path, option: str, message: str) -> None:
    refused = run("sample", option, "-m", stream_folder)
    assert (refused.code, refused.out) == (2, "") and message in refused.err


def test_greedy_is_the_likeliest_symbol_each_time(run: Run, stream_folder: Path) -> None:
    (value,) = drawn(run("sample", "--json", "--temperature=0", "--length=4", "-m", stream_folder))
    model, text = charlm.load(stream_folder), ""
    for _ in range(4):
        text += model.next_token_probabilities(text)[0].text or ""
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


def test_a_prompt_that_does_not_fit_into_memory_is_refused(
    run: Run, stream_folder: Path, large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"the word\n" * 9)))
    refused = run("sample", "--prompt=-", "-m", stream_folder)
    assert (refused.code, refused.out) == (1, "")
    assert "stdin has 81 characters, too many to begin with; use a part of it" in refused.err


def test_an_unknown_character_of_a_prompt_is_refused_unless_told(run: Run, line_folder: Path) -> None:
    refused = run("sample", "--prompt=dög", "-m", line_folder)
    assert (refused.code, refused.out) == (1, "")
    assert "'ö' (U+00F6), character 2" in refused.err and "--unknown" in refused.err
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


def test_scores_stand_below_each_text(run: Run, line_folder: Path) -> None:
    options = ["--count=3", "--seed=3", "--prompt=the c", "-m", line_folder]
    values = sorted(drawn(run("sample", "--json", *options)), key=lambda each: each["index"])
    expected = "".join(
        f"the c{each['text']}\n  log-probability {each['logprob']:.4f} nats, perplexity {each['perplexity']:.4f}\n"
        for each in values
    )
    assert run("sample", "--scores", *options).out == expected
    assert values[0]["perplexity"] == pytest.approx(math.exp(-values[0]["logprob"] / values[0]["tokens"]))


def test_unique_samples_differ_and_are_the_first_of_their_text(run: Run, line_folder: Path) -> None:
    options = ["--json", "--seed=1", "--length=1", "-m", line_folder]
    many = sorted(drawn(run("sample", "--count=300", *options)), key=lambda each: each["index"])
    first: dict[str, Any] = {}
    for each in many:
        first.setdefault(each["text"], each)
    assert 8 < len(first) < 20, "they come again"
    values = drawn(run("sample", "--unique", "--count=8", *options))
    assert [{**each, "logprob": 0, "perplexity": 0} for each in values] == [
        {**each, "logprob": 0, "perplexity": 0} for each in list(first.values())[:8]
    ]
    plain = run("sample", "--unique", "--count=8", *options[1:]).out
    assert plain == "".join(f"{each['text']}\n" for each in values)


def test_it_says_when_there_are_no_more_different_texts(run: Run, line_folder: Path) -> None:
    done = run("sample", "--unique", "--count=5", "--temperature=0", "--length=4", "-m", line_folder)
    assert (done.code, len(done.out.splitlines())) == (0, 1)
    assert "found only 1 different sample;" in done.err


def test_a_beam_is_a_search_and_takes_no_settings_of_a_draw(run: Run, line_folder: Path) -> None:
    values = drawn(run("sample", "--json", "--beam=8", "--count=2", "--prompt=the ", "-m", line_folder))
    expected = charlm.load(line_folder).beam("the ", 8, count=2)
    assert [(each["text"], each["logprob"], each["seed"]) for each in values] == [
        (each.text, each.logprob, None) for each in expected
    ]
    plain = run("sample", "--beam=8", "--count=2", "--prompt=the ", "-m", line_folder)
    assert plain.out == "".join(f"the {each.text}\n" for each in expected) and plain.err == ""
    refused = run("sample", "--beam=8", "--top-p=0.5", "--seed=1", "-m", line_folder)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "error: --beam searches for the most likely text and samples nothing; leave --top-p and --seed out\n"
    )
    assert run("sample", "--beam=0", "-m", line_folder).code == 2


def test_what_must_match_does_and_it_is_said_how(run: Run, line_folder: Path) -> None:
    done = run("sample", "--must-match", "(cat|dog)s? [a-z]{3}", "--count=5", "--prompt=the ", "-m", line_folder)
    assert all(re.fullmatch("the (cat|dog)s? [a-z]{3}", line) for line in done.out.splitlines())
    assert "one by one; logprob is that of the model without it" in done.err
    assert run("sample", "--must-match", r"\bcat", "-m", line_folder).code == 2


def test_novelty_tells_what_stands_in_the_corpus(run: Run, stream_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "seen.txt").write_text("the word")
    options = ["--length=20", "--must-match", "to the words.{7,}", "--seed=1", "-m", stream_folder]
    (value,) = drawn(run("sample", "--json", "--novelty=seen.txt", *options))
    assert list(value)[-5:] == ["perplexity", "longest_copied", "copied_text", "novel_4grams", "novel_8grams"]
    assert (value["longest_copied"], value["copied_text"]) == (8, "the word")
    assert (value["novel_4grams"], value["novel_8grams"]) == (12 / 17, 12 / 13)
    done = run("sample", "--novelty=seen.txt", "--quiet", *options)
    assert done.err == ""
    assert done.out == (
        f"{value['text']}\n"
        "  longest copied stretch: 8 characters 'the word', 71% of its 4-grams are new, 92% of its 8-grams are new\n"
    )
    assert run("sample", "--novelty=nothing.txt", *options).code == 2
