"""How much of a text occurs in a training text, counted by hand."""

import random
import string
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charlm.comparison import shared_text as module
from charlm.comparison.shared_text import Shared, shared_text
from charlm.data import corpus
from charlm.data.documents import Document
from charlm.data.sequences import Lines, Streams, lines


def noise(count: int, seed: int) -> str:
    """Text in which no stretch occurs twice."""
    return "".join(random.Random(seed).choices(string.ascii_letters + " äß漢", k=count))


def streams(*texts: str, lengths: Sequence[int] | None = None) -> Streams:
    documents = tuple(Document(str(number), text) for number, text in enumerate(texts))
    return Streams(documents, tuple(lengths or map(len, texts)))


def shares(training: Streams | Lines, *texts: str) -> list[Shared]:
    return shared_text(training, [Document("text", text) for text in texts])


def test_lines_are_shared_whole_and_weigh_their_characters() -> None:
    training = Lines((Document("a", "emma\r\nmaria\n\nzoe"),), np.array([2]), 6)  # maria is held out
    assert shares(training, "emma\nann\n", "maria\n", "zoe", "emm\nemma maria\n", "\n\n") == [
        Shared(5, 9),
        Shared(0, 6),
        Shared(4, 4),
        Shared(0, 15),
        Shared(0, 0),
    ]


def test_a_passage_of_a_stream_is_found_wherever_it_begins() -> None:
    text = noise(3000, 1)
    training = streams(noise(500, 2), text)
    for start in range(1000, 1020):
        passage = text[start : start + 200]
        (shared,) = shares(training, passage)
        size = len(passage.encode())
        assert shared.total == size and size - 30 <= shared.count <= size


def test_only_the_passage_in_another_text_is_counted() -> None:
    text = "".join(random.Random(3).choices(string.ascii_letters, k=2000))
    mixed = noise(400, 4) + text[700:1000] + noise(400, 5)
    (shared,) = shares(streams(text), mixed)
    assert 300 - 30 <= shared.count <= 300 and shared.total == len(mixed.encode())


def test_the_held_out_end_of_a_stream_is_not_shared() -> None:
    text = noise(2000, 6)
    training = streams(text, lengths=[1800])
    assert shares(training, text[1800:]) == [Shared(0, len(text[1800:].encode()))]
    (whole,) = shares(training, text)
    assert whole.count == pytest.approx(len(text[:1800].encode()), abs=15)


def test_a_short_text_is_shared_if_all_of_it_occurs() -> None:
    text = noise(3000, 7)
    training = streams(text)
    assert shares(training, text[500:520] + "\n", text[500:520] + "!", "\n") == [
        Shared(len(text[500:520].encode()) + 1, len(text[500:520].encode()) + 1),
        Shared(0, len(text[500:520].encode()) + 1),
        Shared(0, 1),
    ]


def test_short_stretches_of_independent_texts_do_not_count() -> None:
    phrase = "It is a truth universally acknowledged, that a single man"  # 57 bytes
    text, other = noise(300, 8) + phrase + noise(300, 9), noise(300, 10) + phrase + noise(300, 11)
    assert shares(streams(text), other)[0].count == 0


def test_no_stretch_crosses_two_documents() -> None:
    first, second = noise(400, 12), noise(400, 13)
    assert shares(streams(first, second), first[-50:] + second[:50])[0].count == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**30), st.integers(80, 3000), st.integers(80, 700))
def test_pieces_of_any_size_change_nothing(seed: int, piece: int, length: int) -> None:
    """A text that is read in small pieces, and compared in many passes, has the shares of one that is read at once."""
    text = "".join(random.Random(seed).choices(string.ascii_letters, k=4000))
    start = seed % 3000
    passage = text[start : start + length]
    pieces = [text[at : at + piece] for at in range(0, len(text), piece)]
    (at_once,) = module._shared_stretches([iter([text])], [passage])
    (in_pieces,) = module._shared_stretches([iter(pieces)], [passage])
    assert at_once == in_pieces
    assert at_once.count >= len(passage) - 30


def test_a_corpus_larger_than_memory_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "IN_MEMORY", 100)
    monkeypatch.setattr(module, "_AT_ONCE", 500)
    text = "\n".join(noise(60, seed) for seed in range(100))
    (tmp_path / "text").write_text(text)
    documents = corpus.read([tmp_path / "text"]).documents
    total = len(text.encode())
    (stream,) = shared_text(Streams(documents, (len(text),)), documents)
    assert stream.total == total and total - 15 <= stream.count <= total
    (by_line,) = shared_text(Lines(documents), documents)
    assert by_line == Shared(len(text) + 1, len(text) + 1) and len(lines(text)) == 100
