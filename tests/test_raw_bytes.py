"""A text that is not UTF-8, from a file through a model of bytes to the output: no byte is lost or replaced."""

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY, Outcome
from hypothesis import given, settings
from hypothesis import strategies as st
from mixtures import trained_only

import charlm
from charlm import raw_bytes
from charlm.cli import output
from charlm.data import cache, corpus, documents
from charlm.data.documents import StoredDocument
from charlm.tokenizers import Tokenizer
from charlm.tokenizers.byte import ByteTokenizer

Run = Callable[..., Outcome]
LIST = (
    b"".join(line + b"\n" for line in (b"ni\xf1o77", "contraseña".encode(), b"abc", b"\xe2\x82", b"\xff\xfe\x80a")) * 30
)
ANY_BYTES = st.one_of(
    st.binary(), st.lists(st.sampled_from([b"\xf1", b"\xe2\x82", "€".encode(), b"a\n", b"\r"])).map(b"".join)
)
MODEL = charlm.ModelConfig(tokenizer="byte", hidden_size=16, layers=1, embedding_size=8)
CONFIG = charlm.TrainConfig(steps=60, learning_rate=2e-2, batch_size=8, seq_len=16, threads=1)


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that learned LIST."""
    place = tmp_path_factory.mktemp("raw")
    (place / "list.txt").write_bytes(LIST)
    with trained_only():
        charlm.train(place / "list.txt", MODEL, CONFIG, folder=place / "model")
    return place / "model"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(ANY_BYTES)
def test_a_model_of_bytes_encodes_any_bytes_as_they_are(data: bytes) -> None:
    tokenizer, text = ByteTokenizer.train([[text_of(data), "\udcff"]], MODEL), text_of(data)
    ids = tokenizer.encode(text)
    assert (ids - len(Tokenizer.CONTROL)).tolist() == list(data)
    decode = tokenizer.decoder()
    assert tokenizer.decode(ids) == text == "".join(map(decode, [*ids.tolist(), Tokenizer.EOS]))
    lengths = tokenizer.lengths(text, ids)
    assert lengths.sum() == len(text) and set(lengths.tolist()) <= {0, 1}
    ends = np.flatnonzero(lengths)
    characters = [data[start + 1 : end + 1] for start, end in zip([-1, *ends], ends, strict=False)]
    assert [text_of(each) for each in characters] == list(text)
    assert raw_bytes.to_bytes(text) == data


@settings(max_examples=60, deadline=None, derandomize=True)
@given(ANY_BYTES, st.integers(0, 20))
def test_a_stored_text_is_that_in_memory(tmp_path_factory: pytest.TempPathFactory, data: bytes, count: int) -> None:
    """Pieces of five bytes cut characters, and runs of bytes that form none."""
    path = tmp_path_factory.getbasetemp() / "raw text"
    path.write_bytes(b"x" + data)
    (small,) = corpus.read([path], any_bytes=True).documents
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(cache.VARIABLE, str(path.parent / "cache"))
        patch.setattr(corpus, "IN_MEMORY", 0)
        patch.setattr(documents, "PIECE", 5)
        (stored,) = corpus.read([path], any_bytes=True).documents
        assert isinstance(stored, StoredDocument)
        assert "".join(stored.pieces()) == "".join(small.pieces()) == text_of(b"x" + data)
        assert stored.tail(count) == small.tail(count) and stored.head(count) == small.head(count)
        assert (stored.characters, stored.size, stored.line_ends) == (small.characters, small.size, small.line_ends)
        assert b"".join(stored.blocks()) == b"".join(small.blocks()) == b"x" + data
        assert corpus.Corpus((stored,)).fingerprint() == corpus.Corpus((small,)).fingerprint()


def test_what_is_not_utf_8_is_noted(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(LIST)
    assert corpus.read([tmp_path / "list"], any_bytes=True).notes == (
        f"{tmp_path / 'list'} is not UTF-8 in 90 of 150 lines; the bytes are read unchanged",
    )


def test_a_folder_is_read_without_its_binary_files(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(LIST)
    (tmp_path / "picture").write_bytes(b"\x89PNG\r\n\x1a\n\xff")
    read = corpus.read([tmp_path], any_bytes=True)
    assert [document.name for document in read.documents] == [str(tmp_path / "list")]
    assert read.notes[1] == f"left out 1 file of {tmp_path} without UTF-8 text: picture"
    (single,) = corpus.read([tmp_path / "picture"], any_bytes=True).documents  # named, so it is meant
    assert single.size == 9


def test_samples_are_scored_as_they_were_drawn(folder: Path) -> None:
    model = charlm.load(folder)
    samples = model.sample(count=40, seed=1)
    assert any(raw_bytes.has_raw_bytes(each.text) for each in samples)
    for each in samples:
        assert "\ufffd" not in each.text
        assert model.score(each.text).logprob == pytest.approx(each.logprob, abs=1e-4)


def test_a_model_of_utf_8_writes_utf_8(folder: Path) -> None:
    """Bytes that form no character become U+FFFD, as in any program that prints text."""
    tokenizer = ByteTokenizer.train([["naïve"]], MODEL)
    assert tokenizer.to_json() == {"bytes": 256}
    assert tokenizer.decode(tokenizer.encode("\udcf1a")) == "\ufffda"
    assert charlm.load(folder).tokenizer.to_json() == {"bytes": 256, "utf8": False}


def test_figures_are_per_byte_and_per_character_of_the_file(folder: Path) -> None:
    model = charlm.load(folder)
    measured = model.evaluate(text_of(LIST))
    assert (measured.bytes, measured.tokens) == (len(LIST), len(LIST))
    assert measured.characters == len(text_of(LIST)) and measured.unknown == 0
    assert measured.bits_per_byte is not None and measured.bits_per_char is not None
    assert measured.bits_per_byte * measured.bytes == pytest.approx(measured.bits_per_char * measured.characters)


class Stdout(io.TextIOWrapper):
    """A pipe: what arrives there is in `data`."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="ascii", write_through=True)

    @property
    def data(self) -> bytes:
        return self.buffer.getvalue()  # type: ignore[attr-defined,no-any-return]


@pytest.fixture
def to_pipe(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bytes]:
    """Run a command, and return the bytes that it writes to a pipe."""

    def command(*arguments: object) -> bytes:
        stdout = Stdout()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stdout)
            done = run(*arguments)
        assert done.code == 0, done.err
        return stdout.data

    return command


def test_samples_come_out_of_the_command_byte_for_byte(folder: Path, to_pipe: Callable[..., bytes]) -> None:
    written = to_pipe("sample", "-m", folder, "--count", 40, "--seed", 1, "--quiet")
    drawn = charlm.load(folder).sample(count=40, seed=1)
    assert written == b"".join(raw_bytes.to_bytes(each.text) + b"\n" for each in drawn)
    Path("samples").write_bytes(written)
    scored = to_pipe("score", "-m", folder, "--file", "samples", "--json", "--quiet").decode()  # JSON is UTF-8
    values = [json.loads(line) for line in scored.splitlines()]
    assert [value["text"] for value in values] == [each.text for each in drawn]
    assert [value["logprob"] for value in values] == pytest.approx([each.logprob for each in drawn], abs=1e-4)


def test_stdin_and_arguments_may_be_any_bytes(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    scored = []
    for texts in (["ni\udcf1o77"], ["-"]):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ni\xf1o77\n")))
        value = json.loads(run("score", "-m", folder, "--json", "--quiet", *texts).out)
        scored.append((value["text"], value["logprob"], value["unknown"]))
    assert scored[0] == scored[1] and scored[0][::2] == ("ni\udcf1o77", 0)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ni\xf1")))
    done = run("sample", "-m", folder, "--prompt", "-", "--json", "--quiet", "--seed", 1)
    assert json.loads(done.out)["prompt"] == "ni\udcf1"


TOKEN = "<0xF1>"


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["score", "--tsv", "ni\udcf1o"], f"1\t3\t{TOKEN}\t"),
        (["score", "--tsv", "--unit", "char", "ni\udcf1o"], f"1\t3\t{TOKEN}\t"),
        (["score", "--heat", "ni\udcf1o"], TOKEN),
        (["score", "--format", "html", "ni\udcf1o"], "&lt;0xF1&gt;"),
        (["score", "ni\udcf1o"], f"'{TOKEN}'"),
        (["tokenizer", "show", "ni\udcf1o"], TOKEN),
        (["neurons", "ni\udcf1o"], TOKEN),
        (["why", "ni\udcf1o"], TOKEN),
        (["gradients", "ni\udcf1o" * 4, "--json"], "gru"),
        (["compare", "--file", "list.txt", "--json"], "bits_per_char"),
        (["evaluate", "list.txt", "--json"], f'"bytes":{len(LIST)}'),
        (["evaluate", "--held-out", "--json"], "bits_per_char"),
        (["sample", "--novelty", "list.txt", "--json", "--seed", "1"], "longest_copied"),
        (["score", "--pairs", "pairs.tsv"], "accuracy"),
        (["report", "list.txt", "--output", "page.html"], "page.html"),
        (["info"], "byte"),
    ],
    ids=lambda value: " ".join(value[:2]).replace("\udcf1", "") if isinstance(value, list) else "",
)
def test_every_command_takes_a_model_of_any_bytes(
    folder: Path, to_pipe: Callable[..., bytes], arguments: list[str], shown: str
) -> None:
    """Only a sample is written as bytes; everything else is UTF-8."""
    os.chdir(folder.parent)
    Path("pairs.tsv").write_bytes(b"ni\xf1o77\tni\xf1o78\n")
    name, *rest = arguments
    model = [folder, folder] if name == "compare" else ["-m", folder]
    assert shown in to_pipe(name, *rest[: name == "tokenizer"], *model, *rest[name == "tokenizer" :]).decode("utf-8")


def test_a_tokenizer_of_bytes_is_built_of_any_bytes(run: Run) -> None:
    Path("list.txt").write_bytes(LIST)
    assert run("tokenizer", "build", "list.txt", "--tokenizer", "byte", "-o", "v.json").code == 0
    done = run("train", "list.txt", "--tokenizer-file", "v.json", "--steps=2", *TINY)
    assert (done.code, done.out) == (0, "checkpoints/list\n")
    assert "note       list.txt is not UTF-8 in 90 of 150 lines; the bytes are read unchanged" in done.err
    refused = run("train", "list.txt", "-m", "other", "--steps=2", *TINY)
    assert refused.code == 1 and "a model trained with --tokenizer byte reads any bytes" in refused.err


def test_a_run_of_any_bytes_is_resumed(tmp_path: Path, folder: Path) -> None:
    """Its samples are in the metrics, in the state, and in the model card."""
    config = charlm.TrainConfig(steps=60, learning_rate=2e-2, batch_size=8, seq_len=16, threads=1, seed=5)

    def stop(event: object) -> None:
        if type(event).__name__ == "Validated" and event.progress.step > 30:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        charlm.train(folder.parent / "list.txt", MODEL, config, folder=tmp_path / "m", report=stop)
    charlm.train(folder.parent / "list.txt", MODEL, config, folder=tmp_path / "m", resume=True)
    whole = charlm.train(folder.parent / "list.txt", MODEL, config, folder=tmp_path / "whole")
    assert whole is not None
    assert (tmp_path / "m/model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()
    assert "\\udc" in (tmp_path / "m/README.md").read_text("utf-8")
    metrics = [json.loads(line) for line in (tmp_path / "m/metrics.jsonl").read_text("utf-8").splitlines()]
    assert any(raw_bytes.has_raw_bytes(text) for line in metrics for text in line.get("samples", []))


def test_a_terminal_gets_the_code_of_a_byte() -> None:
    assert output.for_terminal("ni\udcf1o\x1b") == "ni\\xf1o\\x1b"
