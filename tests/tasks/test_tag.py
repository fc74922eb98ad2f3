"""A tagger: it gives each token of a sentence one of the tags it was trained on."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import charlm
from charlm.checkpoints.checkpoint import describe
from charlm.config import ModelConfig
from charlm.errors import ConfigError, CorpusError, ModelError
from charlm.measures.schemes import Scheme, may_follow
from charlm.tasks.tag import Tag
from charlm.tasks.tags.rows import TagBatches, batch_of, rows_of

TEDDY = Path(__file__).parents[2] / "corpora" / "teddy.conll"
SHAPE: dict[str, Any] = {"hidden_size": 24, "layers": 1, "threads": 1}


@pytest.fixture(scope="module")
def teddy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentences in which the words after a name decide what the name is."""
    return Path(shutil.copy(TEDDY, tmp_path_factory.mktemp("teddy")))


@pytest.fixture(scope="module")
def folder(teddy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tagger of them; to be left as it is."""
    made = tmp_path_factory.mktemp("models") / "teddy"
    charlm.train(teddy, steps=150, folder=made, **SHAPE)
    return made


@pytest.fixture(scope="module")
def tagger(folder: Path) -> charlm.Tagger:
    model = charlm.load(folder)
    assert isinstance(model, charlm.Tagger)
    return model


def sentences_in(path: Path) -> list[list[str]]:
    blocks = path.read_text(encoding="utf-8").strip().split("\n\n")
    return [[line.split("\t")[0] for line in block.splitlines()] for block in blocks]


def test_both_directions_learn_the_names_and_one_direction_cannot(teddy: Path, folder: Path) -> None:
    both = describe(folder)["validation"]
    charlm.train(teddy, steps=150, folder=folder.parent / "one", bidirectional=False, **SHAPE)
    one = describe(folder.parent / "one")["validation"]
    assert both["span_f1"] > 0.99
    assert one["span_f1"] < 0.9
    assert describe(folder)["config"]["task"] == "tag" and describe(folder)["tags"] == 4


def test_the_spans_are_the_tokens_that_the_tags_mark(tagger: charlm.Tagger, teddy: Path) -> None:
    answers = tagger.predict(sentences_in(teddy)[:30])
    assert any(answer.spans for answer in answers)
    for answer in answers:
        text = " ".join(answer.tokens)
        for span in answer.spans:
            assert text[span.start : span.end] == span.text
            assert 0 < span.probability <= 1
            first = len(text[: span.start].split())
            assert answer.tags[first] == f"B-{span.label}"


def test_only_moves_of_the_scheme_are_made(tagger: charlm.Tagger) -> None:
    """Also in sentences that are like none of the training part."""
    assert tagger.scheme is Scheme.IOB2
    drawn = np.random.default_rng(0)
    known = [word for sentence in sentences_in(TEDDY)[:50] for word in sentence]
    for answer in tagger.predict([list(drawn.choice(known, 9)) for _ in range(40)]):
        for before, tag in zip(("O", *answer.tags), answer.tags, strict=False):
            assert may_follow(Scheme.IOB2, tag, before)


def test_there_is_an_answer_to_every_sentence_and_a_tag_for_every_token(tagger: charlm.Tagger) -> None:
    sentences = [[], ["a"], ["x" * 5000], ["word"] * 3000, ["\0", "é"], ["Teddy", "bears"]]
    assert [len(each.tags) for each in tagger.predict(sentences)] == [0, 1, 1, 3000, 2, 2]
    assert tagger.predict([]) == []
    assert tagger.predict(["Teddy bears"]) == tagger.predict([["Teddy", "bears"]])


def test_the_answer_does_not_depend_on_the_other_sentences(tagger: charlm.Tagger, teddy: Path) -> None:
    sentences = sentences_in(teddy)[:70]
    for alone, together in zip(sentences, tagger.log_probabilities(sentences), strict=True):
        (own,) = tagger.log_probabilities([alone])
        assert np.allclose(own, together, atol=1e-5)
        assert np.allclose(np.exp(own).sum(1), 1, atol=1e-6)


def test_a_word_is_read_where_it_ends_and_where_it_begins(tagger: charlm.Tagger) -> None:
    """From both sides: the forward output has read the whole word, and so has the backward output."""
    characters = charlm.train("ab c\n" * 40, steps=1, **SHAPE).tokenizer
    (row,) = rows_of(characters, ["ab", "c"])
    assert row.starts.tolist() == [1, 4] and row.ends.tolist() == [2, 4]  # START a b space c EOS
    (row,) = rows_of(tagger.tokenizer, ["Teddy", "bears"], spelled=True)
    assert row.starts.tolist() == row.ends.tolist() == [1, 2]
    vectors = tagger.network.words(batch_of([row]))
    assert vectors.shape == (1, 2, 48)


def test_a_word_of_which_training_has_seen_only_the_parts(tmp_path: Path) -> None:
    """The end of a word or its capital decides; none of the words that are asked occurs in the file."""
    roots = ["bak", "cook", "driv", "paint", "sail", "teach", "walk", "writ"]
    lines = [
        f"the\tDET\n{root}er\tNOUN\nis\tVERB\n{root}ing\tADJ\nin\tADP\n{root.title()}a\tNAME\n\n" for root in roots
    ]
    (tmp_path / "words.tsv").write_text("".join(lines) * 6)
    model = charlm.train(tmp_path / "words.tsv", task="tag", steps=60, min_count=2, **SHAPE)
    assert isinstance(model, charlm.Tagger) and model.config.features == "ngrams"
    (answer,) = model.predict(["the farmer is farming in Farma"])
    assert answer.tags == ("DET", "NOUN", "VERB", "ADJ", "ADP", "NAME")


def test_a_tagger_without_features_and_one_of_an_older_version(teddy: Path) -> None:
    model = charlm.train(teddy, steps=2, features="none", **SHAPE)
    assert isinstance(model, charlm.Tagger)
    assert "embedding.features" not in model.network.state_dict()
    settings = model.config.to_json()
    assert settings.pop("features") == "none"  # an older version does not write it
    old = Tag.empty_model(ModelConfig.from_json(settings, "config.json"), model.contents())
    old.network.load_state_dict(model.network.state_dict())
    assert old.predict(["Teddy bears"]) == model.predict(["Teddy bears"])


@pytest.mark.parametrize("settings", [{"tokenizer": "char"}, {"embedding": "one-hot"}], ids=str)
def test_features_that_a_network_cannot_have(teddy: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="need the word tokenizer and a learned embedding"):
        charlm.train(teddy, task="tag", steps=1, features="ngrams", **settings, **SHAPE)
    assert charlm.train(teddy, task="tag", steps=1, **settings, **SHAPE).config.features == "none"


def test_its_plan_repeats_it_and_saving_keeps_it(teddy: Path, folder: Path, tmp_path: Path) -> None:
    again = charlm.train(teddy, plan=folder / "plan.json", folder=tmp_path / "again")
    again.save(tmp_path / "copy")
    weights = {(path / "model.safetensors").read_bytes() for path in (folder, tmp_path / "again", tmp_path / "copy")}
    assert len(weights) == 1


def test_a_batch_has_the_tags_of_its_words() -> None:
    rows = rows_of_lengths(range(1, 21))
    batches = TagBatches(rows, [np.full(len(row.ends), len(row.ends)) for row in rows], 4, seed=3)
    assert batches.steps_per_epoch == 5
    for step in range(5):
        batch = batches[step]
        assert batch.weight == int((batch.tags >= 0).sum())
        assert (batch.tags.max(1).values == batch.lengths - 2).all()  # START and EOS have no tag
    assert batches[2].cut(2).ends.max() == 1
    assert batches[3].part(slice(1, 3), batches[3].ids.device).tags.equal(batches[3].tags[1:3])


def rows_of_lengths(lengths: range) -> list[Any]:
    tokenizer = charlm.train("a b\n" * 40, steps=1, tokenizer="word", **SHAPE).tokenizer
    return [rows_of(tokenizer, ["a"] * length)[0] for length in lengths]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"tags": ["O"]}, "there should be at least 2"),
        ({"tags": ["O", "B-LOC"]}, "sorted and different"),
        ({"scheme": "IOB9"}, "names a scheme of tags that charlm does not know"),
        ({"default": "Q"}, "most frequent tag that is not one of the tags"),
        ({"words": {"a": "Q"}}, "most frequent tag that is not one of the tags"),
        ({"tags": 3}, "is not a list of tags"),
        ({"tags": ["B", "O"], "default": "O", "words": {}}, "number of tags that config.json states"),
    ],
)
def test_a_wrong_file_of_tags_is_refused(folder: Path, tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "m"))
    values = json.loads((copy / "tags.json").read_text())
    (copy / "tags.json").write_text(json.dumps(values | change))
    with pytest.raises(ModelError, match=problem):
        charlm.load(copy)


def test_predict_adds_a_column_and_keeps_blank_sentences(run: Any, folder: Path, tmp_path: Path) -> None:
    model = ["-m", str(folder)]
    (tmp_path / "in.conll").write_text("Teddy\tx\nbears\ty\n\n\nTeddy\tz\n")
    lines = run("predict", "--file", str(tmp_path / "in.conll"), *model).out.splitlines()
    assert [line.split("\t")[:2] for line in lines] == [
        ["Teddy", "x"],
        ["bears", "y"],
        [""],
        [""],
        ["Teddy", "z"],
        [""],
    ]
    assert all(line.count("\t") == 2 for line in lines if line)
    (answer,) = map(json.loads, run("predict", "Clay from Kyoto is married", "--json", *model).out.splitlines())
    assert answer["tags"] == ["B-PER", "O", "B-LOC", "O", "O"]
    assert (
        answer["spans"][1]["start"] == 10 and answer["spans"][1]["end"] == 15 and answer["spans"][1]["label"] == "LOC"
    )
    row = run("predict", "Clay from Kyoto is married", "--tsv", *model).out
    assert row == "Clay from Kyoto is married\tB-PER O B-LOC O O\n"


def test_evaluate_prints_the_figures_of_conlleval_beside_the_naive_ones(
    run: Any, folder: Path, teddy: Path, tmp_path: Path
) -> None:
    few = "\n\n".join(teddy.read_text(encoding="utf-8").split("\n\n")[:200]) + "\n"
    (tmp_path / "few.conll").write_text(few.replace("B-LOC", "B-SEA", 1))
    done = run("evaluate", str(tmp_path / "few.conll"), "-m", str(folder), "--json")
    values = json.loads(done.out)
    assert values["task"] == "tag" and values["examples"] == 200
    assert values["span_f1"] > 0.98 > values["naive"]["span_f1"]
    assert {"nats", "token_accuracy", "span_precision", "span_recall", "interval", "labels", "strict"} <= set(values)
    assert "'B-SEA' in" in done.err and "few.conll:" in done.err
    printed = run("evaluate", str(tmp_path / "few.conll"), "-m", str(folder)).out
    assert "PER" in printed and "LOC" in printed


def test_parts_of_speech_are_measured_by_their_accuracy(tmp_path: Path) -> None:
    """Tags without a scheme mark no spans."""
    lines = [f"{word}\t{tag}" for word, tag in (("the", "DET"), ("cat", "NOUN"), ("sat", "VERB"))]
    sentences = [[lines[0], lines[1].replace("cat", f"cat{number}"), lines[2]] for number in range(60)]
    (tmp_path / "pos.tsv").write_text("\n\n".join("\n".join(each) for each in sentences) + "\n")
    model = charlm.train(tmp_path / "pos.tsv", task="tag", steps=60, folder=tmp_path / "m", **SHAPE)
    assert isinstance(model, charlm.Tagger) and model.scheme is Scheme.PLAIN
    assert describe(tmp_path / "m")["validation"] == pytest.approx(
        {"token_accuracy": 1.0, "examples": 6, "nats_per_tag": 0.0}, abs=0.2
    )
    (answer,) = model.predict(["the cat99 sat"])
    assert answer.tags == ("DET", "NOUN", "VERB") and answer.spans == ()
    with pytest.raises(ConfigError, match="the metric f1 counts spans, and these tags mark none"):
        charlm.train(tmp_path / "pos.tsv", task="tag", metric="f1", steps=1, **SHAPE)


def test_what_the_data_cannot_teach_is_said(tmp_path: Path) -> None:
    (tmp_path / "one.tsv").write_text("a\tO\n\nb\tO\n\nc\tO\n")
    with pytest.raises(CorpusError, match="a tagger needs two tags, and a sentence to hold out"):
        charlm.train(tmp_path / "one.tsv", task="tag", steps=1, **SHAPE)
    (tmp_path / "train.tsv").write_text("".join(f"a{number}\tB-X\nb\tO\n\n" for number in range(20)))
    (tmp_path / "valid.tsv").write_text("a1\tB-X\nb\tO\n\nc\tB-Y\nd\tO\n")
    events: list[Any] = []
    charlm.train(
        tmp_path / "train.tsv",
        valid=tmp_path / "valid.tsv",
        task="tag",
        steps=2,
        report=events.append,
        **SHAPE,
    )
    (planned,) = (each for each in events if type(each).__name__ == "Planned")
    said = "\n".join(each.message for each in planned.about.warnings)
    assert "1 held-out sentence also occurs in the training part" in said and "valid.tsv:1" in said
    assert "1 token with a tag that no training sentence has; 'B-Y' in" in said and "valid.tsv:4" in said


def test_a_jordan_cell_can_tag(teddy: Path) -> None:
    model = charlm.train(teddy, steps=3, cell="jordan", **SHAPE)
    assert isinstance(model, charlm.Tagger) and len(model.predict(["Teddy bears"])[0].tags) == 2
