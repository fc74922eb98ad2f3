"""Subwords: every text is restored, and sentencepiece neither changes a text nor ends this process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import counters as tally
import numpy as np
import pytest
from conftest import LINES, TINY, Outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from charlm.config import ModelConfig
from charlm.errors import ConfigError, CorpusError
from charlm.progress import ReadingProgress
from charlm.tokenizers import subword
from charlm.tokenizers.sentencepiece import trainer, trainer_process
from charlm.tokenizers.sentencepiece.pieces import complete
from charlm.tokenizers.sentencepiece.sample_corpus import BLOCK, sample_corpus
from charlm.tokenizers.subword import SubwordTokenizer

Run = Callable[..., Outcome]
MODEST = settings(max_examples=100, deadline=None, derandomize=True)
EACH = pytest.mark.parametrize("model_type", ["unigram", "bpe"])
# Names of symbols that sentencepiece has itself, and characters that it writes for others.
STRANGE = ["<s>", "</s>", "<unk>", "<pad>", "<0x41>", "<0xE2>", "▁", "▅", " ⁇ ", "\u2047", "\ufffd", "\0", "\t", "\r\n"]
TEXT = LINES + " ".join(STRANGE * 40) + "\n    the e\u0301 été 👍🏽" * 40


def train(*texts: str, **config: Any) -> SubwordTokenizer:
    return SubwordTokenizer.train([[text] for text in texts], ModelConfig(tokenizer="subword", **config))


@cache
def trained(model_type: str) -> SubwordTokenizer:
    return train(TEXT, model_type=model_type)


@EACH
@MODEST
@given(
    st.lists(
        st.sampled_from([*STRANGE, "the ", "cat", " ", "   ", "\n", "é", "e\u0301", "👍🏽", "漢", "\U0010ffff", "x"])
    )
)
def test_every_text_comes_back_as_it_was(model_type: str, parts: list[str]) -> None:
    tokenizer, text = trained(model_type), "".join(parts)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.lengths(text, ids).sum() == len(text)
    assert (ids >= 3).all()


@EACH
def test_characters_of_all_of_unicode_come_back(model_type: str) -> None:
    text = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x10000), *range(0x10000, 0x110000, 37))))
    ids = trained(model_type).encode(text)
    assert trained(model_type).decode(ids) == text and (ids >= 3).all()


@pytest.mark.parametrize(("model_type", "words"), [("unigram", "t|h|e| cat|s| slept"), ("bpe", "the| cats| slept")])
def test_what_is_frequent_is_one_symbol_and_the_names_of_others_are_text(model_type: str, words: str) -> None:
    tokenizer = trained(model_type)
    assert tokenizer.token_texts(tokenizer.encode("the cats slept\n")) == [*words.split("|"), "\n"]
    assert [tokenizer.token_bytes(int(index)) for index in tokenizer.encode("▁\0")] == [
        b"\xe2",
        b"\x96",
        b"\x81",
        b"\0",
    ]
    symbols = tokenizer.token_texts(range(tokenizer.size))
    assert symbols[:3] == [None] * 3 and symbols.count("<0xE2>") == symbols.count("A") == 1


@EACH
def test_names_and_marks_of_sentencepiece_may_fill_a_text(model_type: str) -> None:
    """Names of control tokens are learned as text, and no line is dropped because of sentencepiece's marks."""
    text = "<0x41> <0xEE> <s> <unk> </s>\n▅ the cats slept ▅\n" * 200
    tokenizer = train(text, model_type=model_type)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    pieces = {piece[0] for piece in tokenizer.pieces if not isinstance(piece, int)}
    assert "c" in pieces and "p" in pieces, "letters of no other line"


@EACH
def test_the_common_symbols_come_first(model_type: str) -> None:
    uses = np.bincount(trained(model_type).encode(TEXT), minlength=trained(model_type).size)[3:]
    assert (np.diff(uses) <= 0).all() and uses[0] > 100


def test_a_lone_surrogate_is_the_one_thing_that_is_unknown() -> None:
    tokenizer = trained("unigram")
    assert tokenizer.decode(tokenizer.encode("the \ud800cat")) == "the \ufffdcat"
    first = tokenizer.first_unknown("the \ud800cat")
    assert first is not None and first.position == 4
    assert tokenizer.without_unknown("the \ud800cat") == "the cat"


def test_of_a_long_line_each_stretch_is_encoded_by_itself() -> None:
    """A line of more than 1,024 characters is cut where a word begins, so memory is bounded and no word is cut."""
    tokenizer = trained("bpe")
    line = "the cats slept " * 1000
    symbols = tokenizer.token_texts(tokenizer.encode(line))
    assert symbols == ["the", " cats", " slept"] + [" the", " cats", " slept"] * 999 + [" "]
    assert tokenizer.decode(tokenizer.encode("x" * 10**6)) == "x" * 10**6
    after = tokenizer.token_texts(tokenizer.encode("x" * 1022 + "    slept"))[1022:]
    assert after == tokenizer.token_texts(tokenizer.encode("    slept")), "a run of spaces begins a word"


@EACH
def test_the_same_text_makes_the_same_bytes_in_any_process(model_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)  # each is a process of its own
        made.append(json.dumps(train(TEXT, model_type=model_type).to_json()))
    assert made[0] == made[1]


def test_the_size_is_what_was_asked_for_or_a_sentence() -> None:
    assert train(TEXT, vocab_size=290).size == 290
    for model_type in ("unigram", "bpe"):
        with pytest.raises(ConfigError, match=r"is 40,000, but the text supports (\d+) tokens") as caught:
            train(LINES, vocab_size=40_000, model_type=model_type)
        largest = int(str(caught.value).split("supports ")[1].split()[0])
        assert train(LINES, vocab_size=largest, model_type=model_type).size == largest
    with pytest.raises(ConfigError, match=r"vocab_size is 270, but the 13 characters of the text.*make it 273 or more"):
        train(LINES, vocab_size=270)
    assert train(LINES, vocab_size=273).size == 273


@EACH
def test_without_a_text_there_are_bytes(model_type: str) -> None:
    tokenizer = train("\n\t\0", model_type=model_type)
    assert tokenizer.size == 260
    assert tokenizer.decode(tokenizer.encode("the 漢 ▁\n")) == "the 漢 ▁\n"


TEXTS = [[str(number) * 7 + "\n" for number in range(9000)], ["ab"] * 30_000, [""], []]


def test_a_sample_is_even_and_depends_on_the_texts_alone() -> None:
    whole = ["".join(text) for text in TEXTS]
    assert sample_corpus(TEXTS, 10**9) == (whole[:2], sum(map(len, whole)))
    drawn = sample_corpus(TEXTS, 100_000)
    assert sample_corpus([[text] for text in whole], 100_000) == drawn
    size = sum(map(len, drawn.texts))
    assert 25_000 < size <= 100_000 and size % BLOCK < 2 * BLOCK and drawn.characters == sum(map(len, whole))
    assert all(any(part in text for text in whole) for part in drawn.texts)
    of_the_second = sum(len(part) for part in drawn.texts if "a" in part)
    assert 0.05 < of_the_second / size < 0.5  # it is 0.19 of all
    assert (
        train(*whole, model_type="bpe").to_json()
        == SubwordTokenizer.train(TEXTS, ModelConfig(model_type="bpe")).to_json()
    )


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import os; os.abort()", "signal 6"),
        ("import sys; sys.exit('a check\\x1b failed')", "a check failed"),
        ("import os; os._exit(255)", "exit code 255"),
    ],
)
def test_when_the_trainer_dies_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, why: str
) -> None:
    (tmp_path / "trainer_process.py").write_text(program)
    monkeypatch.setattr(trainer_process, "__file__", str(tmp_path / "trainer_process.py"))
    with pytest.raises(CorpusError, match=why) as caught:
        train(LINES)
    assert str(caught.value).isprintable()


WAITING = """
import os, sys, time
sys.stdin.read()
while not os.path.exists(sys.argv[0] + ".told"):
    time.sleep(0.001)
sys.exit("enough")
"""


def test_how_long_the_trainer_has_taken_is_told_while_it_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of the sample is reported too. The trainer of this test ends after three reports."""
    (tmp_path / "trainer_process.py").write_text(WAITING)
    monkeypatch.setattr(trainer_process, "__file__", str(tmp_path / "trainer_process.py"))
    monkeypatch.setattr(trainer, "_EVERY", 0.001)
    monkeypatch.setattr(subword, "_MIN_SAMPLE", 64 * BLOCK)
    events: list[ReadingProgress] = []

    def on_progress(event: ReadingProgress) -> None:
        events.append(event)
        if len(events) == 3:
            (tmp_path / "trainer_process.py.told").touch()

    text = "the cats slept\n" * 10 * BLOCK  # of which more is drawn than a pipe holds
    with pytest.raises(CorpusError, match="enough"):
        SubwordTokenizer.train([[text]], ModelConfig(), on_progress=on_progress)
    assert {(each.activity, each.total) for each in events} == {("subwords", len(text))}
    assert 16 * BLOCK < events[0].done <= 64 * BLOCK
    seconds = [each.seconds or 0.0 for each in events]
    assert len(seconds) >= 3 and seconds == sorted(seconds) and seconds[-1] > 0


def test_a_person_sees_that_subwords_are_learned(run: Run, tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text(LINES)
    done = run("tokenizer", "build", "corpus.txt", "--tokenizer", "subword", "-o", "s.json")
    many = f"{len(LINES):,}"
    assert f"subwords   learning from {many} of {many} characters" in done.err
    assert run("tokenizer", "show", "s.json", "--quiet").err == ""


PARENT = """
import os, sys
from charlm.tokenizers.sentencepiece import trainer_process
from charlm.tokenizers.sentencepiece import trainer
place, *closed = sys.argv[1:]
for stream in map(int, closed):
    os.close(stream)
trainer_process.__file__ = f"{place}/trainer_process.py" if not closed else trainer_process.__file__
model = trainer.run_trainer({"vocab_size": 30, "model_type": "bpe", "hard_vocab_limit": False}, "a b")
open(f"{place}/model", "wb").write(model)
"""
ASLEEP = """
import sys, time
alive = open(sys.argv[0] + ".alive", "w", buffering=1)
print("begun", file=alive)
time.sleep(60)
print("done", file=alive)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_ctrl_c_ends_the_trainer_too(tmp_path: Path) -> None:
    (tmp_path / "trainer_process.py").write_text(ASLEEP)
    os.mkfifo(tmp_path / "trainer_process.py.alive")
    parent = subprocess.Popen([sys.executable, "-c", PARENT, tmp_path], stderr=subprocess.PIPE)
    with (tmp_path / "trainer_process.py.alive").open() as alive:
        assert alive.readline() == "begun\n"
        parent.send_signal(signal.SIGINT)
        _, talk = parent.communicate()
        assert talk.endswith(b"KeyboardInterrupt\n")
        assert alive.read() == ""  # the end of what it wrote is the end of it


@pytest.mark.parametrize("closed", ["0", "1", "2", "012"])
def test_the_trainer_needs_no_open_streams(tmp_path: Path, closed: str) -> None:
    subprocess.run([sys.executable, "-c", PARENT, tmp_path, *closed], timeout=60)
    assert (tmp_path / "model").read_bytes()


BYTES = list(range(256))
WHOLE: dict[str, Any] = {"model_type": "unigram", "pieces": [*BYTES, " "], "scores": [0.0] * 257}
BAD: dict[str, tuple[object, str]] = {
    "no object": ([], "must contain"),
    "another key": ({**WHOLE, "more": 1}, "must contain"),
    "another model": ({**WHOLE, "model_type": "word"}, "'model_type'"),
    "a list as model": ({**WHOLE, "model_type": []}, "'model_type'"),
    "a text as list": ({**WHOLE, "pieces": "abc"}, "lists"),
    "a score missing": ({**WHOLE, "scores": [0.0]}, "same length"),
    "no space": ({**WHOLE, "pieces": BYTES, "scores": BYTES}, "the space"),
    "a missing byte": ({**WHOLE, "pieces": WHOLE["pieces"][1:], "scores": BYTES}, "256 bytes"),
    "too many": ({**WHOLE, "pieces": [0] * (2**20 + 1), "scores": [0] * (2**20 + 1)}, "at most"),
    **{
        name: ({**WHOLE, "pieces": [*BYTES, " ", piece], "scores": [*BYTES, 0, score]}, why)
        for name, piece, score, why in [
            ("a byte that is none", 256, 0, "256"),
            ("a byte twice", 7, 0, "twice"),
            ("a piece twice", " ", 0, "twice"),
            ("a list as piece", ["a"], 0, "neither"),
            ("an empty piece", "", 0, "neither"),
            ("an endless piece", "a" * 100_000, 0, "neither"),
            ("a piece with a line end", "a\n", 0, "neither"),
            ("a piece with a mark for a space", "▁a", 0, "neither"),
            ("a piece with half a character", "\ud800", 0, "neither"),
            ("a piece named as a byte", "<0x41>", 0, "neither"),
            ("a score that is text", "a", "0", "neither"),
            ("a score that is no number", "a", float("nan"), "neither"),
            ("an infinite score", "a", float("-inf"), "neither"),
            ("a truth value", True, 0, "neither"),
        ]
    },
}


@pytest.mark.parametrize("kind", BAD)
def test_a_vocabulary_that_sentencepiece_must_not_see_is_refused(kind: str) -> None:
    values, why = BAD[kind]
    with pytest.raises(ValueError, match=why) as caught:
        SubwordTokenizer.from_json(values)
    assert len(str(caught.value)) < 200
    tally.count("bad files tried")


PIECE = st.tuples(st.text("ab é<>\u0301", min_size=1, max_size=9), st.floats(-(2**24), 2**24, width=32))


@EACH
@MODEST
@given(st.lists(PIECE, unique_by=lambda piece: piece[0]), st.text("ab é<>\u0301c", max_size=40))
def test_whatever_the_pieces_are_a_text_comes_back(model_type: str, pieces: list[Any], text: str) -> None:
    values = SubwordTokenizer(model_type, complete(pieces)).to_json()
    tokenizer = SubwordTokenizer.from_json(json.loads(json.dumps(values)))
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_opening_a_vocabulary_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError

    stored = trained("unigram").to_json()
    monkeypatch.setattr(subprocess, "Popen", refuse)
    again = SubwordTokenizer.from_json(stored)
    assert again.encode(TEXT).tolist() == trained("unigram").encode(TEXT).tolist()


def test_subwords_are_trained_at_the_command_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text(LINES)
    options = ["--tokenizer", "subword", "--vocab-size", "290", "--model-type", "bpe"]
    assert run("train", "corpus.txt", *options, "--model", "m", "--steps", "2", *TINY).code == 0
    assert json.loads(run("info", "-m", "m", "--json").out)["vocabulary_size"] == 290
    refused = run("train", "corpus.txt", "--tokenizer", "subword", "--vocab-size", "30", *TINY)
    assert refused.code == 2 and refused.err.endswith("make it 273 or more\n")
