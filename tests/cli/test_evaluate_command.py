"""`charlm evaluate`: how well a model predicts files."""

import gzip
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import STREAM, Outcome

import charlm

Run = Callable[..., Outcome]
RATIOS = ["nats_per_token", "bits_per_char", "bits_per_byte", "perplexity"]
KEYS = [*RATIOS, "tokens", "characters", "bytes", "unknown", "streams", "window"]


@pytest.fixture
def evaluate(run: Run, tmp_path: Path) -> Callable[..., list[Any]]:
    """The objects that `charlm evaluate --json` writes."""
    (tmp_path / "lines").write_text("the cat ran\na dog sat\n")
    (tmp_path / "stream").write_text(STREAM)

    def command(*arguments: object) -> list[Any]:
        done = run("evaluate", "--json", *arguments)
        assert done.code == 0, done.err
        return [json.loads(line) for line in done.out.splitlines()]

    return command


def test_json_is_one_compact_line_a_file_with_these_keys(
    run: Run, evaluate: Callable[..., list[Any]], line_folder: Path
) -> None:
    (value,) = evaluate("lines", "-m", line_folder)
    assert list(value) == [*KEYS, "trained_on", "trained_on_share"]
    assert run("evaluate", "--json", "lines", "-m", line_folder).out == json.dumps(value, separators=(",", ":")) + "\n"


def test_with_counts_json_has_the_figures_of_each_part(
    evaluate: Callable[..., list[Any]], counted_folder: Path
) -> None:
    (value,) = evaluate("lines", "-m", counted_folder)
    assert list(value) == [*KEYS, "parts", "trained_on", "trained_on_share"]
    assert list(value["parts"]) == ["network", "counts", "both"]
    assert value["parts"]["both"] == {name: value[name] for name in RATIOS}


def test_the_figures_follow_from_the_nats(evaluate: Callable[..., list[Any]], line_folder: Path) -> None:
    """11 + 9 letters and two line ends: 22 tokens, 22 characters, 22 bytes."""
    (value,) = evaluate("lines", "-m", line_folder)
    assert [value[name] for name in KEYS[4:]] == [22, 22, 22, 0, None, None]
    assert value["perplexity"] == pytest.approx(math.exp(value["nats_per_token"]), rel=1e-12)
    assert value["bits_per_char"] == pytest.approx(value["nats_per_token"] / math.log(2), rel=1e-12)
    assert value["bits_per_byte"] == value["bits_per_char"]


def test_it_is_the_score_of_the_lines(run: Run, evaluate: Callable[..., list[Any]], line_folder: Path) -> None:
    (value,) = evaluate("lines", "-m", line_folder)
    model = charlm.load(line_folder)
    total = model.score("the cat ran").logprob + model.score("a dog sat").logprob
    assert value["nats_per_token"] == pytest.approx(-total / 22, rel=1e-6)


def test_the_command_says_what_the_library_says(evaluate: Callable[..., list[Any]], stream_folder: Path) -> None:
    (value,) = evaluate("stream", "-m", stream_folder)
    expected = charlm.load(stream_folder).evaluate(STREAM)
    assert value == {name: getattr(expected, name) for name in KEYS} | {"trained_on": True, "trained_on_share": None}
    (windowed,) = evaluate("stream", "--window", 50, "-m", stream_folder)
    expected = charlm.load(stream_folder).evaluate(STREAM, window=50)
    assert windowed == {name: getattr(expected, name) for name in KEYS} | {"trained_on": True, "trained_on_share": None}
    assert (windowed["window"], windowed["streams"], windowed["tokens"]) == (50, None, len(STREAM) // 50 * 50)


def test_several_files_get_an_object_each_and_a_total(evaluate: Callable[..., list[Any]], stream_folder: Path) -> None:
    """The total weighs each by its tokens, and holds for the files as for one text."""
    Path("short").write_text("In the text was the word.\n")
    long, short, total = evaluate("stream", "short", "-m", stream_folder)
    for name in ("tokens", "characters", "bytes", "unknown", "streams"):
        assert total[name] == long[name] + short[name]
    nats = long["nats_per_token"] * long["tokens"] + short["nats_per_token"] * short["tokens"]
    assert total["nats_per_token"] == pytest.approx(nats / total["tokens"], rel=1e-12)
    assert len(evaluate("stream", "-m", stream_folder)) == 1


def test_a_folder_and_gz_are_files(evaluate: Callable[..., list[Any]], stream_folder: Path) -> None:
    Path("folder").mkdir()
    Path("folder/a.gz").write_bytes(gzip.compress(STREAM.encode()))
    assert evaluate("folder", "-m", stream_folder) == evaluate("stream", "-m", stream_folder)


@pytest.mark.parametrize("arguments", [["-"], []], ids=["a dash", "nothing"])
def test_stdin_is_a_file(
    evaluate: Callable[..., list[Any]], stream_folder: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = evaluate("stream", "-m", stream_folder)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(STREAM.encode())))
    assert evaluate(*arguments, "-m", stream_folder) == expected


def test_one_stream_is_read_as_one(evaluate: Callable[..., list[Any]], stream_folder: Path) -> None:
    """3,480 tokens are less than 4,096, so one piece by default; four pieces warm up with 256 tokens each."""
    (default,) = evaluate("stream", "-m", stream_folder)
    (one,) = evaluate("stream", "--streams", 1, "-m", stream_folder)
    (four,) = evaluate("stream", "--streams", 4, "-m", stream_folder)
    assert default == one
    assert (four["streams"], four["tokens"]) == (4, len(STREAM))
    assert four["nats_per_token"] == pytest.approx(one["nats_per_token"], abs=1e-3)


def test_a_line_end_of_windows_is_one_line_end(evaluate: Callable[..., list[Any]], line_folder: Path) -> None:
    """Seven letters and one end; the carriage return is part of the end, and not unknown."""
    Path("crlf").write_bytes(b"the cat\r\n")
    (value,) = evaluate("crlf", "-m", line_folder)
    assert (value["tokens"], value["characters"], value["unknown"]) == (8, 8, 0)


def test_bytes_are_those_of_the_file(evaluate: Callable[..., list[Any]], line_folder: Path) -> None:
    """'é' is one character in two bytes: 5 + 1 characters, 6 + 1 bytes."""
    Path("accent").write_text("a cét\n", encoding="utf-8")
    (value,) = evaluate("accent", "-m", line_folder)
    assert [value[name] for name in ("characters", "bytes", "unknown")] == [6, 7, 1]
    assert list(value) == [*KEYS, "bits_per_char_known", "unknown_tokens", "trained_on", "trained_on_share"]
    assert value["bits_per_char"] is value["bits_per_byte"] is None
    assert 0 < value["bits_per_char_known"] < 10


def test_unknown_characters_are_counted_and_the_first_is_placed(run: Run, line_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("the cat\n")
    (tmp_path / "b").write_text("dö dö\n")
    done = run("evaluate", "a", "b", "-m", line_folder)
    assert "2 unknown" in done.err and "'ö' (U+00F6), character 2 of text 2" in done.err
    assert run("evaluate", "a", "b", "-q", "-m", line_folder).err == ""
    refused = run("evaluate", "a", "b", "--unknown", "error", "-m", line_folder)
    assert (refused.code, refused.out) == (1, "")


def test_people_see_the_same_figures(run: Run, evaluate: Callable[..., list[Any]], stream_folder: Path) -> None:
    (value,) = evaluate("stream", "-m", stream_folder)
    done = run("evaluate", "stream", "-m", stream_folder)
    for name in RATIOS:
        assert f"{value[name]:.4f}" in done.out
    assert "3,480 characters" in done.out and "trained on stream" in done.err


@pytest.mark.parametrize("options", [["--window", 0], ["--streams", 0], ["--streams", 10**9], ["--window", -3]])
def test_a_protocol_out_of_range_is_a_usage_error(run: Run, stream_folder: Path, options: list[object]) -> None:
    Path("stream").write_text(STREAM)
    assert run("evaluate", "stream", *options, "-m", stream_folder).code == 2


def test_streams_and_windows_are_for_streams(run: Run, line_folder: Path, stream_folder: Path) -> None:
    Path("lines").write_text("the cat\n")
    assert run("evaluate", "lines", "--window", 2, "-m", line_folder).code == 2
    assert run("evaluate", "lines", "--window", 99, "-m", stream_folder).code == 1, "the text is shorter than a window"
