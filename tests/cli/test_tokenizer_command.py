"""`charlm tokenizer`: learn, store, and show a vocabulary, and train with it."""

import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import LINES, STREAM, TINY, Outcome

from charlm.data import vocabulary

Run = Callable[..., Outcome]
TRAIN = [*TINY, "--steps=4", "--quiet"]


@pytest.fixture
def words(run: Run, tmp_path: Path) -> Path:
    """A word vocabulary of STREAM."""
    (tmp_path / "corpus.txt").write_text(STREAM)
    (tmp_path / "lines.txt").write_text(LINES)
    done = run("tokenizer", "build", "corpus.txt", "--tokenizer", "word", "--output", "words.json")
    assert (done.code, done.out) == (0, "words.json\n"), done.err
    assert "next: charlm train --tokenizer-file words.json" in done.err
    return tmp_path / "words.json"


def test_a_file_says_what_it_is(words: Path) -> None:
    values = json.loads(words.read_text())
    assert (values["kind"], values["format_version"], values["tokenizer"]) == ("charlm tokenizer", 1, "word")
    assert "word" in values["words"]


def test_all_of_a_text_is_learned_and_of_lines_no_newline(words: Path, run: Run) -> None:
    run("tokenizer", "build", "lines.txt", "-o", "lines.json")
    assert set(json.loads(Path("lines.json").read_text())["characters"]) == set(LINES) - {"\n"}
    run("tokenizer", "build", "lines.txt", "-o", "stream.json", "--sequence", "stream", "--json")
    assert set(json.loads(Path("stream.json").read_text())["characters"]) == set(LINES)


def test_a_file_is_not_replaced_unasked(words: Path, run: Run) -> None:
    before = words.read_bytes()
    again = ("tokenizer", "build", "corpus.txt", "--tokenizer", "byte", "-o", "words.json")
    refused = run(*again)
    assert refused.code == 2 and "--overwrite" in refused.err and words.read_bytes() == before
    done = run(*again, "--overwrite", "--json")
    assert json.loads(done.out) == {"path": "words.json", "tokenizer": "byte", "symbols": 259, "longest": "<0x80>"}
    assert vocabulary.read(words).size == 259


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tokenizer", "word"], "name one with --output"),
        (
            ["--tokenizer", "byte", "--vocab-size", "300", "-o", "f"],
            "byte tokenizer does not use --vocab-size; leave --vocab-size out",
        ),
        (["--closed", "-o", "f"], "char tokenizer does not use closed"),
        (["--tokenizer", "wurd", "-o", "f"], "did you mean 'word'"),
        (["--tokenizer", "word", "--vocab-size", "5000", "-o", "f"], "the text supports"),
        (["--tokenizer", "word", "--vocab-size", "5", "-o", "f"], "or more"),
        (["--tokenizer", "word", "--vocab-size", "0", "-o", "f"], "--vocab-size is 0"),
        (["--tokenizer", "word", "--min-count", "-3", "-o", "f"], "--min-count is -3"),
        (["--model-type", "wordpiece", "-o", "f"], "unigram or bpe"),
    ],
)
def test_what_cannot_be_learned_is_refused_in_a_sentence(
    words: Path, run: Run, options: list[str], message: str
) -> None:
    refused = run("tokenizer", "build", "corpus.txt", *options)
    assert refused.code == 2 and message in refused.err and refused.err.count("\n") == 1
    assert not Path("f").exists()


def test_a_text_is_shown_cut_into_tokens_with_figures(words: Path, run: Run) -> None:
    """ "the", "word", the spaces, and the comma are tokens; "ran" is spelled; "z" is unknown."""
    shown = run("tokenizer", "show", "words.json", "the word, ran z\n").out
    assert "the│ │word│,│ │r│a│n│ │<UNK>│↵\n" in shown
    assert "16 characters, 11 tokens" in shown and "93.75%; 1 unknown token of 1 character" in shown
    values = json.loads(run("tokenizer", "show", "words.json", "the word, ran z\n", "--json").out)
    assert [name for _, name in values["cut"]] == ["the", " ", "word", ",", " ", *"ran ", "<UNK>", "\n"]
    assert (values["characters"], values["tokens"], values["unknown_characters"]) == (16, 11, 1)
    assert values["characters_per_token"] == pytest.approx(16 / 11) and values["coverage"] == 0.9375
    assert values["symbols"] == vocabulary.read(words).size


def test_a_vocabulary_without_a_text_and_a_text_without_characters(words: Path, run: Run) -> None:
    assert re.search(
        r"tokenizer +word\nvocabulary +\d+ tokens with 3 control tokens, the longest 'beginning'\n$",
        run("tokenizer", "show", words).out,
    )
    values = json.loads(run("tokenizer", "show", words, "", "--json").out)
    assert (values["tokens"], values["coverage"], values["characters_per_token"]) == (0, None, None)
    assert run("tokenizer", "show", words, "").code == 0


@pytest.mark.parametrize("width", [40, 60, 80])
def test_lines_fit_and_drive_no_terminal(words: Path, run: Run, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    out = run("tokenizer", "show", words, "the word was with the text 漢字 \x1b[2J" * 20).out
    tokens = out[out.index("the│") :]
    assert max(map(len, tokens.splitlines())) <= width and "\x1b" not in out


def test_the_vocabulary_of_a_model_is_shown_and_fits_text_from_a_pipe(
    line_folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "h│e│<UNK>\n" in run("tokenizer", "show", "-m", line_folder, "heX").out
    assert "tokenizer    char" in run("tokenizer", "show", "-m", line_folder).out
    assert "h│e│<UNK>\n" in run("tokenizer", "show", line_folder / "tokenizer.json", "heX").out
    for which in (["-m", line_folder], [line_folder / "tokenizer.json"]):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"heX")))
        assert "h│e│<UNK>\n" in run("tokenizer", "show", *which, "-").out
    refused = run("tokenizer", "show", "-m", line_folder, "one", "two")
    assert refused.code == 2 and "quotes" in refused.err


def test_a_model_is_trained_with_a_vocabulary_that_is_there(words: Path, run: Run) -> None:
    done = run("train", "lines.txt", "--tokenizer-file", words, "-m", "one", *TRAIN)
    assert done.code == 0, done.err
    assert vocabulary.read(Path("checkpoints/one/tokenizer.json")).to_json() == vocabulary.read(words).to_json()
    info = json.loads(run("info", "-m", "one", "--json").out)
    assert info["config"]["tokenizer"] == "word"
    assert info["config"]["vocabulary"] == vocabulary.sha256(vocabulary.read(words))
    assert "--tokenizer-file checkpoints/one/tokenizer.json" in info["repeat"]
    assert run("score", "-m", "one", "a dog").code == 0


def test_a_word_that_only_the_held_out_part_has_is_no_reason_to_give_up(run: Run, tmp_path: Path) -> None:
    """A token that occurs only in the held-out part is never trained, but is still possible."""
    (tmp_path / "corpus.txt").write_text(STREAM * 4 + "zebras and zebras\n")
    for kind in ("word", "char"):
        run("tokenizer", "build", "corpus.txt", "--tokenizer", kind, "-o", f"{kind}.json")
        options = ["--sequence", "stream", "-m", kind, "--valid-fraction", "0.05", *TRAIN]
        done = run("train", "corpus.txt", "--tokenizer-file", f"{kind}.json", *options)
        assert done.code == 0, done.err
        found = json.loads(run("evaluate", "corpus.txt", "-m", kind, "--json").out)
        assert found["unknown"] == 0 and found["bits_per_char"] < 20


def test_what_the_vocabulary_does_not_have_is_told_before_training(words: Path, run: Run) -> None:
    messages = run("train", "lines.txt", "--tokenizer-file", words, *TRAIN[:-1]).err
    assert re.search(r"\d+ tokens to learn \(\d+\.\d+%\) are <UNK>", messages)


def test_the_plan_goes_with_its_vocabulary(words: Path, run: Run) -> None:
    """It needs the same vocabulary again; without it, or with another, it is refused."""
    run("train", "lines.txt", "--tokenizer-file", words, "-m", "one", *TRAIN)
    again = ["train", "lines.txt", "--plan", "checkpoints/one/plan.json", "--quiet"]
    done = run(*again, "--tokenizer-file", "checkpoints/one/tokenizer.json", "-m", "two")
    assert done.code == 0, done.err
    weights = [Path(f"checkpoints/{name}/model.safetensors").read_bytes() for name in ("one", "two")]
    assert weights[0] == weights[1]
    refused = run(*again, "-m", "three")
    assert refused.code == 2 and "--tokenizer-file" in refused.err
    run("tokenizer", "build", "corpus.txt", "-o", "letters.json")
    other = run(*again, "--tokenizer-file", "letters.json", "-m", "three")
    assert other.code == 2 and "another vocabulary" in other.err


@pytest.mark.parametrize("option", ["--tokenizer=word", "--vocab-size=50", "--min-count=2", "--closed"])
def test_a_vocabulary_that_is_there_takes_no_settings(words: Path, run: Run, option: str) -> None:
    refused = run("train", "lines.txt", "--tokenizer-file", words, option, *TRAIN)
    assert refused.code == 2 and f"leave out {option.split('=')[0]}" in refused.err


HEADER = '"kind": "charlm tokenizer", "format_version": 1, "tokenizer"'
HOSTILE = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": b"[1]",
    "text": b"the cat sat",
    "a pickle": b"\x80\x04\x95",
    "no kind": b'{"characters": "abc"}',
    "another program's": b'{"kind": "x", "format_version": 1, "tokenizer": "char", "characters": "abc"}',
    "from the future": b'{"kind": "charlm tokenizer", "format_version": 9, "tokenizer": "char", "characters": "a"}',
    "no version": b'{"kind": "charlm tokenizer", "tokenizer": "char", "characters": "abc"}',
    "a kind there is not": f'{{{HEADER}: "../../x"}}'.encode(),
    "a kind of no name": f'{{{HEADER}: ["char"]}}'.encode(),
    "letters out of order": f'{{{HEADER}: "char", "characters": "ba"}}'.encode(),
    "words that are none": f'{{{HEADER}: "word", "words": ["a b"], "closed": false}}'.encode(),
    "a word too long": f'{{{HEADER}: "word", "words": ["{"a" * 100_000}"], "closed": false}}'.encode(),
    "a name twice": f'{{{HEADER}: "byte", "bytes": 256, "bytes": 256}}'.encode(),
    "nested": f'{{{HEADER}: "word", "words": {"[" * 100_000}'.encode(),
    "too many bytes": f'{{{HEADER}: "byte", "bytes": 1e400}}'.encode(),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_file_that_is_no_vocabulary_is_refused_in_a_sentence(content: bytes, run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    (tmp_path / "corpus.txt").write_text(STREAM)
    for command in (["tokenizer", "show", "bad.json"], ["train", "corpus.txt", "--tokenizer-file", "bad.json", *TRAIN]):
        refused = run(*command)
        assert refused.code == 3 and refused.err.startswith("error: bad.json is not"), refused.err
        assert len(refused.err) < 300 and refused.err.count("\n") == 1
    assert not Path("checkpoints").exists()


def test_a_file_that_is_missing_endless_or_a_folder_is_refused(run: Run, tmp_path: Path) -> None:
    assert "nowhere.json cannot be read: No such file" in run("tokenizer", "show", "nowhere.json").err
    assert run("tokenizer", "show", tmp_path).code == 3
    with (tmp_path / "endless").open("wb") as file:
        os.truncate(file.fileno(), 2**30)
    refused = run("tokenizer", "show", "endless")
    assert refused.code == 3 and "1,073,741,824 bytes" in refused.err
