"""A text that is larger than what is held in memory: evaluated segment by segment, scored line by line, looked into."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import LINES, STREAM, Outcome

import charlm
from charlm.analysis import held_out
from charlm.cli import inputs
from charlm.comparison import long_documents as segments
from charlm.data import corpus, documents, sequences
from charlm.scoring import lines

Run = Callable[..., Outcome]


@pytest.mark.parametrize("kind", ["line", "stream"])
@pytest.mark.parametrize("unknown", ["unk", "skip"])
def test_a_long_text_is_evaluated_in_segments(
    kind: str,
    unknown: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The counts are exact; a stream has other pieces, each a little colder or warmer at its start."""
    model = request.getfixturevalue(f"{kind}_model")
    text = {"line": LINES, "stream": STREAM}[kind].replace("cat", "çat").replace("long", "lông") * 3
    (tmp_path / "text").write_text(text)
    monkeypatch.setattr(segments, "_SEGMENT_CHARACTERS", 3000)
    monkeypatch.setattr(lines, "MAX_CHARACTERS", 3000)
    request.getfixturevalue("large")
    (document,) = corpus.read([tmp_path / "text"]).documents
    (result,) = segments.evaluate_documents(model, [document], unknown=unknown)
    expected = model.evaluate(text, unknown=unknown)
    exact = ("tokens", "characters", "bytes", "unknown", "known_tokens", "known_characters")
    assert {name: getattr(result, name) for name in exact} == {name: getattr(expected, name) for name in exact}
    assert result.nats == pytest.approx(expected.nats, rel=1e-6 if kind == "line" else 1e-3)
    assert result.streams == (None if kind == "line" else -(-len(text) // 3000))


def test_a_segment_goes_on_from_the_one_before(
    stream_model: charlm.LanguageModel, tmp_path: Path, large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Segments as short as a line leave the text as likely as in one reading."""
    (tmp_path / "text").write_text(STREAM)
    monkeypatch.setattr(segments, "_SEGMENT_CHARACTERS", 30)
    (result,) = segments.evaluate_documents(stream_model, corpus.read([tmp_path / "text"]).documents)
    assert result.streams and result.streams > 50
    assert result.nats == pytest.approx(stream_model.evaluate(STREAM, streams=1).nats, rel=1e-4)


def test_windows_of_a_long_text_are_those_of_a_short_one(
    stream_model: charlm.LanguageModel, tmp_path: Path, large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = STREAM.replace("long", "lông")
    (tmp_path / "text").write_text(text)
    monkeypatch.setattr(segments, "_SEGMENT_CHARACTERS", 500)
    (document,) = corpus.read([tmp_path / "text"]).documents
    for window in (1, 7, 100, 499):
        (result,) = segments.evaluate_documents(stream_model, [document], window=window)
        expected = stream_model.evaluate(text, window=window)
        assert result.nats == pytest.approx(expected.nats, rel=1e-6)
        figures = (expected.tokens, expected.characters, expected.bytes)
        assert (result.tokens, result.characters, result.bytes) == figures


def test_an_unknown_character_of_a_long_text_is_placed_in_all_of_it(
    run: Run, stream_folder: Path, tmp_path: Path, large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_SEGMENT_CHARACTERS", 500)
    (tmp_path / "text").write_text(STREAM[:2000] + "é" + STREAM)
    for policy in ("error", "unk"):
        assert "character 2,001 of" in run("evaluate", "text", "-m", stream_folder, "--unknown", policy).err
    assert "leave --streams out" in run("evaluate", "text", "-m", stream_folder, "--streams=3").err


def test_a_long_text_is_scored_line_by_line_or_not_at_all(
    run: Run,
    line_folder: Path,
    stream_folder: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "text").write_bytes(b"the cat\r\na dog\n\nthe c\xc3\xa0t")
    expected = run("score", "-m", line_folder, "--json", "--file", "text")
    request.getfixturevalue("large")
    result = run("score", "-m", line_folder, "--json", "--file", "text")
    assert [json.loads(line)["text"] for line in result.out.splitlines()] == ["the cat", "a dog", "", "the càt"]
    assert (result.out, result.err) == (expected.out, expected.err)
    refused = run("score", "-m", stream_folder, "--file", "text")
    assert (refused.code, "charlm evaluate" in refused.err) == (1, True)
    monkeypatch.setattr(inputs, "_LISTED", 5)
    refused = run("score", "-m", stream_folder, "abcdef")
    assert (refused.code, "the text has 6 characters, too many for a list" in refused.err) == (1, True)
    assert run("score", "-m", line_folder, "the cat").code == 0, "a line is not meant"


def test_a_line_too_long_for_a_model_of_lines_is_refused(
    run: Run, line_folder: Path, tmp_path: Path, large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequences, "LONGEST_LINE", 1000)
    (tmp_path / "text").write_text("the cat\n" * 900 + "x" * 1001)
    for command in ("evaluate", "text"), ("score", "--file", "text"):
        done = run(*command, "-m", line_folder)
        assert (done.code, "text has a line of more than 1,000 characters" in done.err) == (1, True)


@pytest.mark.parametrize("command", [["gradients"], ["neurons", "--gates"], ["gradients", "--cell=rnn"]], ids=" ".join)
def test_of_a_file_that_is_looked_into_the_beginning_is_read_alone(
    run: Run, command: list[str], line_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later bytes may not be text at all."""
    monkeypatch.setattr(inputs, "_EXAMINED", 200)
    monkeypatch.setattr(documents, "PIECE", 50)
    model = [] if "--cell=rnn" in command else ["-m", line_folder]
    expected = run(*command, *model, "--json", "-q", LINES[:200])
    Path("text").write_bytes(LINES[:300].encode() + b"\xff")
    Path("packed").write_bytes(gzip.compress(LINES[:300].encode()) + b"\x1f\x8b, and no more")
    for name in ("text", "packed"):
        assert run(*command, *model, "--json", "-q", "--file", name) == expected
    Path("text").write_bytes(b"\xff" + LINES.encode())
    assert "not UTF-8 text: byte 0xff at offset 0" in run(*command, *model, "--file", "text").err


def test_a_report_of_a_long_text_is_of_its_beginning(
    run: Run, line_folder: Path, large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the beginning is held in memory."""
    monkeypatch.setattr(held_out, "_MOST_CHARACTERS", 500)
    monkeypatch.setattr(sequences.Lines, "__iter__", None)
    result = []
    other = f"a cat ran\n{LINES}"  # the text that the model was trained on would be named as that
    for text in (other, other[:500]):
        Path("text").write_text(text)
        result.append(run("report", "-m", line_folder, "--json", "--output=page", "--overwrite", "text"))
    assert result[0] == result[1] and result[0].code == 0 and "most_surprising" in result[0].out
