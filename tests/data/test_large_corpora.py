"""A corpus that does not fit into memory: the same sequences, tokens, and ring as in memory, but from files.

Most tests make `large` small: nothing is held in memory, and texts are read a few characters at a time.
"""

import gzip
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import LINES, QUICK, SMALL, STREAM, TINY, Outcome
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import charlm
from charlm import progress
from charlm.cli.remedies import sentence
from charlm.data import cache, corpus, documents
from charlm.data.documents import Document, StoredDocument
from charlm.data.token_store import map_ring
from charlm.progress import ReadingProgress
from charlm.randomness import bits
from charlm.tasks.text.dataset import TextDataset
from charlm.tasks.text.preparation import prepare

pytestmark = pytest.mark.usefixtures("own_cache")
KINDS = pytest.mark.parametrize("kind", ["line", "stream"])
MODEST = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
Run = Callable[..., Outcome]


def everything(found: TextDataset) -> dict[str, object]:
    """Return everything that a run depends on or reports."""
    split = found.split
    return {
        "sequence": (found.mode, found.mode_reason, found.mode_doubt),
        "corpus": (found.corpus.characters, found.corpus.fingerprint(), found.corpus.notes),
        "train": (len(split.train), split.train.characters, list(split.train)),
        "valid": (split.valid, split.held_out, split.crlf_lines),
        "fingerprint": found.sha256,
        "tokenizer": found.tokenizer.to_json(),
        "targets": found.ring.targets.tolist(),
        "starts": found.ring.starts.tolist(),
        "counts": found.counts.tolist(),
    }


def prepared(source: object, kind: str = "auto") -> TextDataset:
    return prepare(source, charlm.ModelConfig(sequence=kind), QUICK, None)  # type: ignore[arg-type]


def in_memory(found: TextDataset) -> bool:
    return all(isinstance(document, Document) for document in found.corpus.documents) and not found.ring.mappings


TEXTS = {
    "lines": LINES.encode(),
    "lines of Windows": LINES.replace("\n", "\r\n").encode() + b"the last one\r",
    "stream": STREAM.encode(),
    "marked": b"\xef\xbb\xbf" + ("é漢😀\n\n" + STREAM).encode(),
    "one line": STREAM.replace("\n", " ").encode(),
    "blank lines": b"\n" * 3000,
    "packed": gzip.compress(LINES.encode()),
    "packed twice": gzip.compress(LINES.encode()) + gzip.compress(STREAM.encode()),
}


@pytest.mark.parametrize("content", TEXTS.values(), ids=TEXTS.keys())
def test_a_corpus_read_from_its_file_is_the_one_read_into_memory(
    content: bytes, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "text").write_bytes(content)
    small = prepared(tmp_path / "text")
    request.getfixturevalue("large")
    found = prepared(tmp_path / "text")
    assert in_memory(small) and not in_memory(found)
    assert everything(found) == everything(small)


@KINDS
@MODEST
@given(st.lists(st.text("ab\r\né😀", min_size=1), min_size=1, max_size=3), st.integers(1, 9))
def test_wherever_a_text_is_cut_nothing_of_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, texts: list[str], piece: int
) -> None:
    """Pieces end between the bytes of a character, between CR and LF, or in a line that is held out."""
    files = [tmp_path / str(number) for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_bytes((text + "ab\n" * 30).encode())
    expected = everything(prepared(files, kind))
    with monkeypatch.context() as patch:
        patch.setattr(corpus, "IN_MEMORY", 0)
        patch.setattr(documents, "PIECE", piece)
        assert everything(prepared(files, kind)) == expected


def test_what_fits_into_memory_is_held_there_and_the_rest_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        (tmp_path / name).write_text(STREAM)
    expected = everything(prepared(tmp_path))
    monkeypatch.setattr(corpus, "IN_MEMORY", 2 * len(STREAM))
    found = prepared(tmp_path)
    assert [type(document) for document in found.corpus.documents] == [Document, Document, StoredDocument]
    assert everything(found) == expected


@KINDS
def test_the_model_is_the_same_byte_for_byte(
    run: Run, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "text").write_text({"line": LINES, "stream": STREAM}[kind])
    for name, fixture in (("small", "tmp_path"), ("large", "large")):
        request.getfixturevalue(fixture)
        assert run("train", "text", "-m", f"{name}/m", *TINY, "--steps=5").code == 0
    for file in ("model.safetensors", "config.json", "tokenizer.json", "plan.json", "README.md"):
        assert (tmp_path / "small/m" / file).read_bytes() == (tmp_path / "large/m" / file).read_bytes(), file


def test_a_corpus_that_fits_leaves_nothing_in_the_cache(run: Run, tmp_path: Path, own_cache: Path) -> None:
    (tmp_path / "text").write_text(STREAM)
    assert run("train", "text", *TINY, "--steps=2").code == 0
    assert not own_cache.exists()


@pytest.mark.parametrize(
    "content",
    [
        *(b"caf\xe9", b"a" * 123 + b"\xff", "é".encode()[:1], b"\xed\xa0\x80", "\ufeffab".encode("utf-16"), b""),
        *(b"\xef\xbb\xbfab\xff", gzip.compress(b"caf\xe9!"), gzip.compress(b"text" * 99)[:-3], b"\xef\xbb\xbf"),
    ],
    ids=range(10),
)
def test_what_is_refused_is_refused_in_the_same_words(
    content: bytes, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "text").write_bytes(content)
    said = []
    for fixture in ("tmp_path", "large"):
        request.getfixturevalue(fixture)
        with pytest.raises(charlm.CorpusError) as refused:
            corpus.read([tmp_path / "text"])
        said.append(str(refused.value))
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda path: path.write_text(STREAM[:-1]), "changed while charlm was reading it"),
        (lambda path: path.write_text(STREAM + "!"), "changed while charlm was reading it"),
        (lambda path: path.write_text(STREAM.replace("word", "wort", 1)), "changed while charlm was reading it"),
        (lambda path: path.unlink(), "there is no file"),
    ],
    ids=["shorter", "longer", "other", "gone"],
)
def test_a_corpus_that_changes_while_it_is_read_is_refused(
    change: Callable[[Path], object], why: str, tmp_path: Path, large: None
) -> None:
    """It changes after the first read, before it is encoded."""
    path = tmp_path / "text"
    path.write_text(STREAM)
    found = corpus.read([path])
    change(path)
    with pytest.raises(charlm.CorpusError, match=f"{why}|{path} {why}"):
        prepared(found)


def test_a_corpus_that_changes_before_a_run_goes_on_is_another_one(tmp_path: Path, large: None) -> None:
    """`test_another_corpus_is_refused_when_the_run_goes_on` tests the consequence."""
    path = tmp_path / "text"
    path.write_text(STREAM)
    before = prepared(path)
    path.write_text(STREAM.replace("word", "wort", 1))
    assert prepared(path).sha256 != before.sha256


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_a_pipe_goes_into_a_file_that_is_gone_afterwards(
    pack: Callable[[bytes], bytes], tmp_path: Path, own_cache: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "pipe").write_text(STREAM)
    expected = everything(prepared(tmp_path / "pipe"))
    request.getfixturevalue("large")
    (tmp_path / "pipe").unlink()
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(pack(STREAM.encode()),))
    writer.start()
    found = prepared(tmp_path / "pipe")
    writer.join()
    assert any(path.name.startswith(cache.PIPED) for path in own_cache.iterdir())
    assert everything(found) == expected
    del found
    assert not any(path.name.startswith(cache.PIPED) for path in own_cache.iterdir())


def test_a_pipe_that_is_no_text_leaves_no_file(
    own_cache: Path, run: Run, large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"ab\xff")
    os.close(writing)
    with open(reading, encoding="utf-8") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        done = run("train", "-")
    assert (done.code, "stdin is not UTF-8 text: byte 0xff at offset 2" in done.err) == (1, True)
    assert list(own_cache.iterdir()) == []


def test_a_held_out_text_of_its_own_must_fit_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("text", "held"):
        (tmp_path / name).write_text(STREAM)
    monkeypatch.setattr(corpus, "IN_MEMORY", 10)
    with pytest.raises(charlm.CorpusError, match=r"held has 3,480 characters, too many .* use a part of it"):
        charlm.train(tmp_path / "text", SMALL, QUICK, valid=tmp_path / "held")


def test_lines_too_long_to_hold_one_out_are_refused(tmp_path: Path, large: None) -> None:
    (tmp_path / "text").write_text("x" * 99)
    with pytest.raises(charlm.CorpusError, match="no line of at most 2,000,000 characters") as refused:
        prepared(tmp_path / "text", "line")
    assert "use --sequence stream, or name validation text with --valid" in sentence(refused.value)


def test_where_it_takes_time_it_is_told_how_far(
    run: Run, tmp_path: Path, large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_REPORT_EVERY", 1000)
    (tmp_path / "text").write_text(STREAM)
    events: list[ReadingProgress] = []
    prepare(tmp_path / "text", SMALL, QUICK, None, events.append)
    assert list(dict.fromkeys(each.activity for each in events)) == ["reading", "vocabulary", "checking", "encoding"]
    for each in events:
        assert each.done >= 1000 and each.total in (None, 3132)
    done = run("train", "text", *TINY, "--steps=2")
    assert "checking   32% of 3,132 characters" in done.err
    assert "checking" not in run("train", "text", *TINY, "--steps=2", "--overwrite", "--quiet").err


def test_a_ring_may_have_more_places_than_a_number_of_32_bits(tmp_path: Path) -> None:
    """In a sparse file, only the offsets that the first windows read are written."""
    from charlm.data.windows import TrainingWindows

    size, rows, width = 2**32 + 12_345, 5, 8
    with (tmp_path / "targets").open("wb") as file:
        file.truncate(2 * size)
        if file.seek(0, os.SEEK_END) != 2 * size or os.stat(file.fileno()).st_blocks > 2**20:
            pytest.skip("this disk has no files with holes")
        offset = int(bits(3, 0, 0)[0]) % size
        places = [(offset + row * size // rows) % size for row in range(rows)]
        assert max(places) > 2**31
        for row, place in enumerate(places):
            file.seek(2 * place - 2)
            np.arange(100 * row + 7, 100 * row + 8 + width).astype("<u2").tofile(file)
    np.array([0, places[1] + 3, 2**32 + 12]).astype("<i8").tofile(tmp_path / "starts")
    ring = map_ring(tmp_path / "targets", tmp_path / "starts", np.dtype("<u2"))
    batches = TrainingWindows(ring, rows, width, 3, align_to_starts=False, line_ends=np.zeros(2**16, dtype=bool))
    inputs, targets, resets, _, _ = batches[0]
    assert targets[:, 4].tolist() == list(range(408, 416))
    assert inputs[1:, 4].tolist() == list(range(408, 415))
    assert resets is not None and resets[1:].nonzero().tolist() == [[2, 1]]
    lines = TrainingWindows(ring, rows, width, 3, align_to_starts=True, line_ends=np.zeros(2**16, dtype=bool))
    assert lines[0].resets is not None and lines[0].resets[0].all()


def print_growth(small: Path, large: Path, ngram: str, counted: int) -> None:
    """Print by how many megabytes a process grows while a corpus is prepared, and then read once by windows."""
    import resource

    def peak() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)

    corpus.IN_MEMORY = 2**20
    model = charlm.ModelConfig(ngram=ngram)
    config = charlm.TrainConfig(batch_size=64, seq_len=512, ngram_tokens=counted)
    prepare(small, model, config, None).batches(config)[0]
    before = peak()
    windows = prepare(large, model, config, None).batches(config)
    for step in range(windows.steps_per_epoch):
        windows[step]
    print(peak() - before)


@pytest.mark.skipif(sys.platform == "win32", reason="needs the system to measure memory")
@pytest.mark.parametrize(("ngram", "counted"), [("none", 0), ("auto", 200_000)], ids=["alone", "a part counted"])
@pytest.mark.parametrize("text", ["one line ", "a short line\n"], ids=["one line", "lines"])
def test_memory_does_not_grow_with_the_corpus(text: str, ngram: str, counted: int, tmp_path: Path) -> None:
    """Held in memory, with its ids and its lines as strings, a corpus of 16 MB takes more than 75 MB.

    Of a corpus that is too large to count, a part is counted, as of the small one here.
    """
    from forked_trainer import result

    for name, size in (("small", 2**20), ("large", 16_000_000)):
        (tmp_path / name).write_text(text * (size // len(text)))
    done = result(print_growth, tmp_path / "small", tmp_path / "large", ngram, counted)
    assert (done.code, done.err) == (0, "")
    assert float(done.out) < 55
