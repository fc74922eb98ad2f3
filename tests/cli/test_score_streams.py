"""`charlm score` of many lines and of long ones: in order, in bounded memory, with a bar where a person looks on."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Outcome

import charlm
from charlm.cli import score as command
from charlm.data import corpus
from charlm.nn import probability

Run = Callable[..., Outcome]


def pipe(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def scored(done: Outcome) -> list[Any]:
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


@pytest.mark.parametrize(("block", "at_once", "characters"), [(1, 3, 9999), (50, 9999, 20), (1 << 20, 7, 1)])
def test_lines_come_out_in_order_however_they_are_grouped(
    run: Run, line_folder: Path, monkeypatch: pytest.MonkeyPatch, block: int, at_once: int, characters: int
) -> None:
    lines = ["the cat ran", "", "a", "the cats slept é", "dog"] * 5
    monkeypatch.setattr(corpus, "PIECE", block)
    monkeypatch.setattr(command, "_AT_ONCE", at_once)
    monkeypatch.setattr(command, "_CHARACTERS", characters)
    pipe(monkeypatch, "\r\n".join(lines).encode())
    values = scored(run("score", "--json", "-q", "-m", line_folder, "-"))
    assert [value["text"] for value in values] == lines
    expected = [each.logprob_known for each in charlm.load(line_folder).score_many(lines)]
    assert [value["logprob_known"] for value in values] == pytest.approx(expected, abs=1e-4)


def test_where_nothing_comes_nothing_is_scored(run: Run, line_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"")
    assert scored(run("score", "--json", "-m", line_folder, "-")) == []
    pipe(monkeypatch, b"\n")
    assert [each["text"] for each in scored(run("score", "--json", "-m", line_folder, "-"))] == [""]


def test_no_more_lines_are_read_than_are_about_to_be_scored(
    run: Run, line_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe whose writer waits for the scores of the first lines gets them before it has written the last."""
    monkeypatch.setattr(command, "_AT_ONCE", 10)
    source = _Lines(b"the cat\n", 100)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(source))
    held: list[int] = []
    monkeypatch.setattr(charlm.LanguageModel, "score_many", _noting(held, source))
    assert len(scored(run("score", "--json", "-q", "-m", line_folder))) == 100
    assert [lines - 10 * number for number, lines in enumerate(held, start=1)] == [0] * 10


class _Lines(io.BufferedIOBase):
    """A stream of equal lines that counts those it has given."""

    def __init__(self, line: bytes, count: int) -> None:
        self._line, self._left, self.given = line, count, 0

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1) -> bytes:
        if not self._left:
            return b""
        self._left -= 1
        self.given += 1
        return self._line


def _noting(held: list[int], source: _Lines) -> Callable[..., Any]:
    original = charlm.LanguageModel.score_many

    def score_many(self: charlm.LanguageModel, texts: list[str], **how: Any) -> Any:
        held.append(source.given)
        return original(self, texts, **how)

    return score_many


def test_bad_bytes_are_placed_in_the_whole_of_stdin(
    run: Run, line_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "PIECE", 1)
    monkeypatch.setattr(command, "_AT_ONCE", 1)
    pipe(monkeypatch, b"the cat\na dog\nna\xefve\n")
    done = run("score", "--json", "-m", line_folder)
    assert done.code == 1 and done.out.count("\n") == 2
    assert "byte 0xef at offset 16" in done.err


def test_a_byte_order_mark_is_one_only_at_the_beginning(
    run: Run, line_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "PIECE", 1)
    pipe(monkeypatch, "\ufeffa cat\n\ufeffdog\n".encode())
    done = run("score", "--json", "-m", line_folder)
    assert [value["text"] for value in scored(done)] == ["a cat", "\ufeffdog"]
    assert done.err.count("byte order mark") == 1


def test_the_first_unknown_character_is_placed_among_all_lines(
    run: Run, line_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_AT_ONCE", 2)
    pipe(monkeypatch, "the\ncat\nran\na dög\né\n".encode())
    assert (
        "2 unknown read as <UNK>; the first is 'ö' (U+00F6), character 4 of text 4"
        in run("score", "--tsv", "-m", line_folder).err
    )


def test_lines_may_be_texts_of_a_stream_too(run: Run, stream_folder: Path) -> None:
    values = scored(run("score", "--json", "--lines", "-m", stream_folder, "the word\nthe text\n"))
    assert [value["text"] for value in values] == ["the word", "the text"]


def test_a_long_line_is_not_padded_for_its_neighbours(
    line_model: charlm.LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line of 40,000 letters among 63 short ones: what is read is little more than there is, in blocks."""
    sizes = []
    outputs = type(line_model.network).outputs

    def noting(self: torch.nn.Module, ids: torch.Tensor, *rest: Any) -> Any:
        sizes.append(ids.numel())
        return outputs(self, ids, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(type(line_model.network), "outputs", noting)
    texts = ["the cat"] * 40 + ["the cats slept " * 2700] + ["a dog"] * 23
    found = line_model.score_many(texts)
    assert max(sizes) <= probability._ON_CPU.tokens_per_block
    assert sum(sizes) < 1.5 * sum(len(each.tokens) for each in found)
    assert found[0].logprobs == pytest.approx(line_model.score("the cat").logprobs, abs=1e-5)
    assert found[40].logprob == pytest.approx(line_model.score(texts[40]).logprob, rel=1e-5)


def test_a_pipe_for_stderr_gets_no_bar(run: Run, line_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"the cat ran\n" * 50)
    assert run("score", "--json", "-m", line_folder).err == ""
