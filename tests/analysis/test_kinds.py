"""Byte, word and subword models support everything that character models do, with exact probabilities."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import QUICK, Outcome

import charlm
from charlm import kenlm
from charlm.cli.interactive import Editor
from charlm.comparison import long_documents as segments
from charlm.data import documents
from charlm.data.corpus import read
from charlm.tasks.text.preparation import prepare

Run = Callable[..., Outcome]
STREAM = "Im Anfang war das Wort.\n\nUnd das Wort war grün, schön und naïve – so war es.\n" * 30
LINES = (
    "".join(f"{who} {what}\n" for who in ("die Kühe", "ein Hund", "l'été") for what in ("lief", "saß", "schläft")) * 20
)
KINDS: dict[str, dict[str, Any]] = {
    "byte": {"tokenizer": "byte"},
    "word": {"tokenizer": "word"},
    "closed": {"tokenizer": "word", "closed": True},
    "subword": {"tokenizer": "subword", "model_type": "bpe"},
}
SHAPE: dict[str, Any] = {"hidden_size": 16, "layers": 1, "embedding_size": 8, "ngram": "none"}
TEXT = "Und das Wort war Affe – so."
Trained = dict[str, Path]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Train a line model and a stream model of each kind."""
    base = tmp_path_factory.mktemp("kinds")
    for kind, settings in KINDS.items():
        for sequence, text in (("line", LINES), ("stream", STREAM)):
            config = charlm.ModelConfig(sequence=sequence, **settings, **SHAPE)
            charlm.train(text, config, QUICK, folder=base / f"{kind}-{sequence}")
    return {path.name: path for path in base.iterdir() if path.is_dir()}


@pytest.fixture(params=[f"{kind}-{sequence}" for kind in KINDS for sequence in ("line", "stream")])
def folder(request: pytest.FixtureRequest, folders: Trained) -> Path:
    return folders[request.param]


def some_text(model: charlm.LanguageModel) -> str:
    return "ein Hund schläft" if model.line else TEXT


def test_every_tokenizer_holds_out_the_same_text() -> None:
    """The text is split before it is divided into tokens."""
    for text in (LINES, STREAM):
        found = {
            prepare(text, charlm.ModelConfig(**settings), QUICK, None).split.valid for settings in ({}, *KINDS.values())
        }
        assert len(found) == 1


@pytest.mark.parametrize("sequence", ["line", "stream"])
def test_bits_per_character_are_of_the_text_whatever_the_tokens(folders: Trained, sequence: str) -> None:
    text = LINES if sequence == "line" else STREAM
    for kind in ("byte", "word", "subword"):
        found = charlm.load(folders[f"{kind}-{sequence}"]).evaluate(text)
        assert (found.characters, found.bytes, found.unknown) == (len(text), len(text.encode()), 0)
        bits = found.nats / math.log(2)
        assert found.bits_per_char == pytest.approx(bits / len(text))
        assert found.bits_per_byte == pytest.approx(bits / len(text.encode()))
        assert found.tokens != found.characters
        assert found.perplexity == pytest.approx(math.exp(found.nats / found.tokens))


def test_validation_while_training_prints_what_evaluate_does(folders: Trained, run: Run) -> None:
    for folder in folders.values():
        stored = json.loads(run("info", "-m", folder, "--json").out)["validation"]
        config = charlm.ModelConfig(**json.loads((folder / "config.json").read_text())["model"])
        held_out = prepare(LINES if config.sequence == "line" else STREAM, config, QUICK, None).split.valid
        text = "".join(f"{line}\n" for line in held_out) if config.sequence == "line" else held_out[0]
        assert charlm.load(folder).evaluate(text).summary() == pytest.approx(stored, rel=1e-4)


def test_a_text_the_corpus_never_had_is_possible(folders: Trained) -> None:
    """Bytes and letters of the corpus spell it; a closed vocabulary counts it as unknown."""
    strange = "漢字 Ж"
    assert math.isfinite(charlm.load(folders["byte-stream"]).score(strange).logprob)
    assert math.isfinite(charlm.load(folders["word-stream"]).score("Wand und Affe").logprob)
    closed = charlm.load(folders["closed-stream"]).score("das Dromedar war")
    assert (closed.tokens, closed.unknown, closed.known) == (["das", " ", None, " ", "war"], 8, 4)
    assert closed.bits_per_char is None and closed.perplexity_known is not None
    left_out = charlm.load(folders["closed-stream"]).score("das Dromedar war", unknown="skip")
    assert (left_out.tokens, left_out.unknown) == (["das", " ", " ", "war"], 8)
    with pytest.raises(charlm.UnknownCharacterError, match="does not know 'Dromedar', character 5"):
        charlm.load(folders["closed-stream"]).score("das Dromedar war", unknown="error")


def test_probabilities_sum_to_one_over_all_symbols(folder: Path) -> None:
    model = charlm.load(folder)
    prompt = "die Kühe" if model.line else "Und das Wort"
    assert sum(each.probability for each in model.next_token_probabilities(prompt)) == pytest.approx(1, abs=1e-5)


def test_the_chain_rule_holds_over_the_parts_of_a_text(folder: Path) -> None:
    model = charlm.load(folder)
    one, two = ("ein Hund", " schläft") if model.line else ("Und das Wort", " war grün")
    whole = model.score(one + two).logprob
    assert whole == pytest.approx(model.score(one, eos=False).logprob + model.score(two, context=one).logprob, abs=1e-4)


@pytest.mark.parametrize("unit", ["char", "word"])
def test_units_of_a_text_sum_to_it(folder: Path, unit: Any) -> None:
    """Characters are the sums of their bytes; a word of several tokens has no characters with a probability."""
    model = charlm.load(folder)
    text = some_text(model)
    if unit == "char" and "byte" not in folder.name:
        with pytest.raises(charlm.ConfigError, match="characters have no exact probability"):
            model.score(text, unit=unit)
        return
    found, tokens = model.score(text, unit=unit), model.score(text)
    assert found.logprob == pytest.approx(tokens.logprob) == pytest.approx(sum(found.logprobs))
    assert "".join(each for each in found.tokens if each) == text
    assert found.bits_per_char == tokens.bits_per_char
    if unit == "char":
        place = text.index("–") if "–" in text else text.index("ä")
        before = len(text[:place].encode())
        size = len(text[place].encode())
        assert found.logprobs[place] == pytest.approx(sum(tokens.logprobs[before : before + size]))
        with pytest.raises(charlm.ConfigError, match="exist for tokens only"):
            model.score(text, unit=unit, alternatives=2)


@pytest.mark.parametrize("form", ["table", "json", "tsv", "heat", "kenlm"])
def test_scores_in_every_form(folder: Path, run: Run, form: str) -> None:
    text = some_text(charlm.load(folder))
    done = run("score", "-m", folder, "--format", form, "--quiet", text)
    assert done.code == 0, done.err
    if form == "json":
        values = json.loads(done.out)
        assert sum(values["lengths"]) == len(text)
        assert len(values["lengths"]) == len(values["tokens"]) == len(values["logprobs"])
    if form == "tsv":
        assert done.out.splitlines()[1].startswith("1\t1\t")
    if form == "heat":
        letters = re.sub("[^A-Za-zäü–]", "", text)
        assert "closed" in folder.name or letters in re.sub("[^A-Za-zäü–]", "", done.out.replace("<UNK>", ""))
        assert "<0x" not in done.out, "of bytes the characters are shown"
    if form == "kenlm":
        assert [each.split("=")[0] for each in done.out.split("\n")[0].split("\t")[:-1]][:3] == text.split()[:3]


def test_a_page_has_the_characters_and_a_word_has_no_rank(folder: Path, run: Run, tmp_path: Path) -> None:
    text = "die Kühe" if "line" in folder.name else "war grün"
    assert run("score", "-m", folder, "--format=html", "--output=page.html", text).code == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text in re.sub("<[^>]*>", "", page)
    rows = run("score", "-m", folder, "--tsv", "--unit", "word", text).out.splitlines()
    assert [row.split("\t")[2] for row in rows[1:3]] == [text[:3], text[3:]] and rows[1].endswith("\t")


def test_output_says_where_a_probability_is_of_one_way_to_cut(folders: Trained, run: Run, tmp_path: Path) -> None:
    (tmp_path / "text").write_text(LINES)
    said = "for one tokenization of the text"
    for kind, ambiguous in {"word": True, "subword": True, "byte": False}.items():
        assert (said in run("score", "-m", folders[f"{kind}-line"], "ein Hund").out) == ambiguous
        assert (said in run("score", "--json", "-m", folders[f"{kind}-line"], "ein Hund").err) == ambiguous
        assert (said in run("evaluate", "-m", folders[f"{kind}-line"], "text").err) == ambiguous


def test_the_words_of_kenlm_are_sums_of_tokens(folders: Trained) -> None:
    for kind in KINDS:
        model = kenlm.Model(folders[f"{kind}-line"])
        words = list(model.full_scores("die Kühe saß"))
        assert len(words) == 4
        assert sum(value for value, *_ in words) == pytest.approx(model.score("die Kühe saß"))


def test_samples_are_whole_characters_however_they_come(folder: Path) -> None:
    """The pieces add up to the text, and bytes that are not UTF-8 are marked."""
    model = charlm.load(folder)
    for seed in range(4):
        pieces = list(model.stream("", length=40, seed=seed, temperature=1.5))
        (sample,) = model.sample("", length=40, seed=seed, temperature=1.5)
        assert "".join(pieces) == sample.text and sample.tokens <= 40 and all(pieces)
        assert sample.text.encode().decode() == sample.text


def test_a_line_has_no_line_end_in_it(folders: Trained) -> None:
    """A line end is never generated, although a byte for it exists."""
    for kind in KINDS:
        for sequence in ("line", "stream"):
            model = charlm.load(folders[f"{kind}-{sequence}"])
            possible = model.network.allowed_tokens.numpy() & model.tokenizer.line_ends()
            assert possible.any() == (sequence == "stream")


def test_a_sample_has_the_probability_that_its_text_is_scored_with(folder: Path) -> None:
    model = charlm.load(folder)
    for sample in model.sample("", length=12, count=4, seed=1, temperature=0.5):
        if (
            "\ufffd" not in sample.text
            and model.tokenizer.encode(sample.text).size + (sample.stopped == "eos") == sample.tokens
        ):
            found = model.score(sample.text, eos=sample.stopped == "eos")
            assert found.logprob == pytest.approx(sample.logprob, abs=1e-3)


def test_what_ends_a_sample_may_lie_within_a_token(folder: Path) -> None:
    model = charlm.load(folder)
    for sample in model.sample("", length=60, count=6, seed=3, stop="n"):
        assert "n" not in sample.text
    for whole in ("word", "line", "sentence"):
        for sample in model.sample("", length=3, count=3, seed=3, whole=whole):
            assert sample.tokens <= 1003


def test_samples_match_a_pattern(folder: Path, run: Run) -> None:
    model = charlm.load(folder)
    pattern = r"(ein|die|das|und) ?[A-Z]?[a-z]{1,4}"
    for sample in model.sample(must_match=pattern, length=20, count=4, seed=1):
        assert re.fullmatch(pattern, sample.text)
    if "byte" in folder.name:
        refused = run("sample", "-m", folder, "--must-match", "ü+")
        assert refused.code == 2 and "parts of characters are excluded" in refused.err


def test_the_rest_of_the_settings(folder: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text(STREAM)
    for options in (["--beam", "2"], ["--count", "3", "--unique", "--scores"], ["--novelty", "corpus.txt", "--json"]):
        done = run("sample", "-m", folder, "--length", "9", "--quiet", *options)
        assert done.code == 0, done.err


def test_writing_together(folder: Path) -> None:
    """Tab accepts the most likely whole characters, and letters of a word that may become known."""
    model = charlm.load(folder)
    editor = Editor(model, "", 1.0, 1.0)
    text = "die" if model.line else "war"
    assert all(editor.press(key) for key in text) and editor.text == text
    if editor.press("\t"):  # else the end is the likeliest
        assert editor.text.startswith(text) and len(editor.text) > 3 and "\ufffd" not in editor.text
    editor.press("Ж")
    assert editor.text.endswith("Ж") == folder.name.startswith(("byte", "subword"))


def test_a_file_is_evaluated(folder: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "text").write_text(STREAM if "stream" in folder.name else LINES)
    values = json.loads(run("evaluate", "text", "-m", folder, "--json", "--quiet").out)
    assert values["characters"] == len((tmp_path / "text").read_text())
    shown = run("evaluate", "text", "-m", folder).out
    assert "per token" in shown and "per byte" in shown
    if "stream" in folder.name:
        windows = json.loads(run("evaluate", "text", "-m", folder, "--json", "--quiet", "--window", "16").out)
        assert windows["tokens"] == values["tokens"] // 16 * 16


def test_info_names_the_tokenizer_and_its_size(folder: Path, run: Run) -> None:
    size = charlm.load(folder).tokenizer.size
    kind = str(KINDS[folder.name.partition("-")[0]]["tokenizer"])
    assert re.search(rf"tokenizer +{kind}.*, {size} tokens", run("info", "-m", folder).out)


def test_a_long_text_is_evaluated_in_segments_as_at_once(
    folders: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: None
) -> None:
    """Windows that end at line ends give the same result, and a character that a window cuts counts once."""
    text = STREAM.replace("\n\n", "\n")
    (tmp_path / "text").write_text(text)
    monkeypatch.setattr(documents, "PIECE", 400)
    monkeypatch.setattr(segments, "_SEGMENT_CHARACTERS", 500)
    for kind in ("byte", "word", "subword"):
        model = charlm.load(folders[f"{kind}-stream"])
        (found,) = segments.evaluate_documents(model, read([tmp_path / "text"]).documents, window=7)
        expected = model.evaluate(text, window=7)
        for name in ("tokens", "characters", "bytes", "unknown", "known_tokens"):
            assert getattr(found, name) == getattr(expected, name), name
        assert found.nats == pytest.approx(expected.nats, rel=1e-5)


def test_symbols_lie_in_the_cache_as_narrow_as_they_fit(folders: Trained, large: None, tmp_path: Path) -> None:
    (tmp_path / "text").write_text(STREAM)
    for settings in KINDS.values():
        found = prepare(tmp_path / "text", charlm.ModelConfig(**settings), QUICK, None)
        memory = prepare(STREAM, charlm.ModelConfig(**settings), QUICK, None)
        assert found.ring.mappings and found.ring.targets.dtype == np.dtype("<u2")
        assert found.ring.targets.tolist() == memory.ring.targets.tolist()
        assert found.tokenizer.to_json() == memory.tokenizer.to_json()
