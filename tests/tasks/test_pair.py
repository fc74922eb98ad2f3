"""A model of pairs: it answers a source with a target."""

import json
import math
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import charlm
from charlm.checkpoints.checkpoint import describe
from charlm.errors import ConfigError, CorpusError, ModelError
from charlm.tasks.pairs.rows import NO_TARGET, PairBatches, batch_of, row_of

CORPORA = Path(__file__).parents[2] / "corpora"
SHAPE: dict[str, Any] = {"hidden_size": 48, "layers": 1, "threads": 1, "dropout": 0.0}


@pytest.fixture(scope="module")
def reversals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Words with their letters in reverse."""
    path = tmp_path_factory.mktemp("pairs") / "reversed.tsv"
    drawn = random.Random(0)
    words = sorted({"".join(drawn.choices("abcdef", k=drawn.randint(2, 5))) for _ in range(900)})
    path.write_text("".join(f"{word}\t{word[::-1]}\n" for word in words))
    return path


@pytest.fixture(scope="module")
def folder(reversals: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of them; to be left as it is."""
    made = tmp_path_factory.mktemp("models") / "reversed"
    charlm.train(reversals, task="pair", steps=700, learning_rate=0.01, folder=made, **SHAPE)
    return made


@pytest.fixture(scope="module")
def model(folder: Path) -> charlm.Translator:
    loaded = charlm.load(folder)
    assert isinstance(loaded, charlm.Translator)
    return loaded


def test_it_learns_to_reverse_words(folder: Path, model: charlm.Translator) -> None:
    assert describe(folder)["validation"]["exact_match"] > 0.9
    assert describe(folder)["config"]["task"] == "pair"
    assert [answer.target for answer in model.predict(["abc", "fade"])] == ["cba", "edaf"]


def test_the_log_probability_of_an_answer_is_its_score(model: charlm.Translator) -> None:
    sources = ["abc", "fed", "aabb", "ca"]
    for beam in (1, 3):
        for source, answer in zip(sources, model.predict(sources, beam=beam, n_best=beam), strict=True):
            scores = model.score((source, target) for target, _ in answer.n_best)
            assert scores == pytest.approx([logprob for _, logprob in answer.n_best], abs=1e-5)
            assert scores == sorted(scores, reverse=True)


def test_the_probabilities_of_all_targets_sum_to_one(tmp_path: Path) -> None:
    """The targets of up to two letters, and all that begin with three letters."""
    pairs = "".join(f"{x}\t{y}\n" for x in "ab" for y in ("a", "b", "ab", "ba") for _ in range(3))
    path = tmp_path / "few.tsv"
    path.write_text(pairs)
    made = charlm.train(path, task="pair", steps=5, valid=path, **SHAPE)
    assert isinstance(made, charlm.Translator)
    row = row_of(made.tokenizer, "a", "ab")
    (logprobs,) = made.network.target_logprobs([row])
    assert len(logprobs) == 3 and logprobs.sum() == pytest.approx(made.score([("a", "ab")])[0])
    ended = made.score(("a", target) for target in ("", "a", "b", "aa", "ab", "ba", "bb"))
    starts = [x + y + z for x in "ab" for y in "ab" for z in "ab"]
    rows = [row_of(made.tokenizer, "a", start) for start in starts]
    unended = [each[:3].sum() for each in made.network.target_logprobs(rows)]
    assert sum(map(math.exp, [*ended, *unended])) == pytest.approx(1, abs=1e-5)
    assert made.score([("a", "z")]) == [-math.inf]  # a letter that no target has


def test_a_wider_beam_finds_no_less_likely_targets(model: charlm.Translator) -> None:
    drawn = random.Random(1)
    sources = ["".join(drawn.choices("abcdef", k=6)) for _ in range(40)]
    greedy, wide = (sum(each.logprob for each in model.predict(sources, beam=beam)) for beam in (1, 6))
    assert wide >= greedy - 1e-6


def test_a_beam_of_one_takes_the_likeliest_token_at_each_step(model: charlm.Translator) -> None:
    """As drawing at temperature 0 does."""
    for source in ("abc", "fffff", "ab"):
        assert model.predict([source], beam=1)[0].target == model.sample(source, temperature=0)[0]


def test_the_answer_does_not_depend_on_the_other_sources(model: charlm.Translator, reversals: Path) -> None:
    sources = [line.split("\t")[0] for line in reversals.read_text().splitlines()[:70]]
    together = model.predict(sources, beam=3)
    for source, answer in list(zip(sources, together, strict=True))[::9]:
        (alone,) = model.predict([source], beam=3)
        assert alone.target == answer.target
        assert alone.logprob == pytest.approx(answer.logprob, abs=1e-5)
    scores = model.score((source, source[::-1]) for source in sources)
    assert model.score([(sources[3], sources[3][::-1])]) == pytest.approx([scores[3]], abs=1e-5)


def test_there_is_an_answer_to_every_source_and_none_is_empty(model: charlm.Translator) -> None:
    sources = ["", "a", "zzz", " ", "x" * 3000, "\0", "abc"]
    answers = model.predict(sources, beam=2)
    assert len(answers) == len(sources) and all(answer.target for answer in answers)
    assert model.predict([]) == []
    assert model.predict(["a" * 9], beam=1)[0].cut in (True, False)


def test_the_backward_cells_do_not_read_the_target(model: charlm.Translator) -> None:
    """Otherwise they would know the answer: log P of the first token must not depend on those after it."""
    (one,), (other,) = (
        model.network.target_logprobs([row_of(model.tokenizer, "abc", each)]) for each in ("cba", "cff")
    )
    assert one[0] == pytest.approx(other[0], abs=1e-6)
    assert one[2] != pytest.approx(other[2], abs=1e-6)


@pytest.mark.parametrize("settings", [{"attention": False}, {"bidirectional": False}, {"cell": "jordan"}])
def test_parts_of_the_network_can_be_left_out(reversals: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    made = charlm.train(reversals, task="pair", steps=3, folder=tmp_path / "m", **SHAPE, **settings)
    loaded = charlm.load(tmp_path / "m")
    assert isinstance(made, charlm.Translator) and isinstance(loaded, charlm.Translator)
    assert loaded.score([("abc", "cba")]) == pytest.approx(made.score([("abc", "cba")]), abs=1e-6)
    assert loaded.predict(["abc"])[0].logprob == pytest.approx(
        loaded.score([("abc", loaded.predict(["abc"])[0].target)])[0], abs=1e-5
    )


def test_its_plan_repeats_it_and_saving_keeps_it(reversals: Path, tmp_path: Path) -> None:
    charlm.train(reversals, task="pair", steps=5, folder=tmp_path / "m", **SHAPE)
    again = charlm.train(reversals, plan=tmp_path / "m" / "plan.json", folder=tmp_path / "again")
    again.save(tmp_path / "copy")
    weights = {(tmp_path / name / "model.safetensors").read_bytes() for name in ("m", "again", "copy")}
    assert len(weights) == 1


def test_a_batch_has_each_target_after_its_source(model: charlm.Translator) -> None:
    rows = [row_of(model.tokenizer, "a" * length, "b" * length) for length in range(1, 21)]
    assert rows[2].source == 4 and len(rows[2].ids) == 8 and len(rows[2].targets) == 4
    batches = PairBatches(rows, 4, seed=3)
    for step in range(5):
        batch = batches[step]
        assert (batch.lengths == 2 * batch.sources).all()
        assert ((batch.targets != NO_TARGET).sum(1) == batch.sources).all()
        assert batch.weight == int(batch.sources.sum())
    cut = batch_of(rows).cut(3)
    assert cut.lengths.max() == 3 and (cut.sources <= cut.lengths - 1).all() and cut.weight > 0
    assert batch_of(rows).part(slice(1, 3), batches[0].ids.device).targets.shape == (2, 4)


def test_classes_are_held_out_by_their_targets_and_named_by_bayes(tmp_path: Path) -> None:
    shutil.copy(CORPORA / "names.tsv", tmp_path / "names.tsv")
    made = charlm.train(
        tmp_path / "names.tsv", task="pair", steps=250, folder=tmp_path / "m", **{**SHAPE, "hidden_size": 32}
    )
    assert isinstance(made, charlm.Translator) and len(made.facts.classes) == 3
    assert describe(tmp_path / "m")["validation"].keys() >= {"nats_per_token", "examples"}
    lines = [line.split("\t") for line in (tmp_path / "names.tsv").read_text(encoding="utf-8").splitlines()]
    some = [(source, target) for source, target in lines[::97] if source in made.facts.classes]
    shares = made.by_bayes([target for _, target in some])
    right = [next(iter(each)) == source for each, (source, _) in zip(shares, some, strict=True)]
    assert np.mean(right) > 0.9
    assert all(sum(each.values()) == pytest.approx(1) for each in shares)
    source = some[0][0]
    assert made.sample(source, count=3, seed=1) == made.sample(source, count=3, seed=1)


def test_a_model_of_many_sources_has_no_classes(model: charlm.Translator) -> None:
    with pytest.raises(ConfigError, match="are not a few classes"):
        model.by_bayes(["abc"])
    with pytest.raises(ConfigError, match="n_best is 3, but a beam of 2 finds no more than 2 targets"):
        model.predict(["abc"], beam=2, n_best=3)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"per_token": 0}, "impossible length of targets"),
        ({"per_token": "2"}, "impossible length of targets"),
        ({"empty": 1}, "does not describe targets"),
        ({"classes": {"a": 0}}, "classes that are not at most 200 texts"),
        ({"frequent": {"a": "b"}}, "a most frequent target of no class"),
        ({"classes": {"a": 1}, "frequent": {"a": 1}}, "a most frequent target that is not a text"),
        ({"more": 1}, "does not describe targets"),
    ],
)
def test_a_wrong_file_is_refused(folder: Path, tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "m"))
    values = json.loads((copy / "pairs.json").read_text())
    (copy / "pairs.json").write_text(json.dumps(values | change))
    with pytest.raises(ModelError, match=problem):
        charlm.load(copy)


def test_predict_prints_one_line_for_each_line(run: Any, folder: Path, tmp_path: Path) -> None:
    name = ["-m", str(folder)]
    (tmp_path / "in").write_text("abc\n\nfade")
    lines = run("predict", "--file", str(tmp_path / "in"), *name).out.splitlines()
    assert len(lines) == 3 and (lines[0], lines[2]) == ("cba", "edaf")
    best = run("predict", "abc", "fade", "--n-best", "2", *name).out.splitlines()
    assert [line.split(" ||| ")[:2] for line in best][::2] == [["0", "cba"], ["1", "edaf"]]
    assert run("predict", "abc", "--tsv", *name).out == "abc\tcba\n"
    (values,) = map(json.loads, run("predict", "abc", "--json", *name).out.splitlines())
    assert values["target"] == "cba" and values["n_best"][0]["logprob"] == values["logprob"]


def test_evaluate_prints_exact_matches_beside_a_copy(run: Any, folder: Path, reversals: Path, tmp_path: Path) -> None:
    some = reversals.read_text().splitlines()[:60]
    (tmp_path / "test.tsv").write_text("\n".join([*some, "abc\tcbz"]) + "\n")
    done = run("evaluate", str(tmp_path / "test.tsv"), "-m", str(folder), "--json")
    values = json.loads(done.out)
    assert values["task"] == "pair" and values["exact_match"] > 0.8 > values["naive"]["exact_match"]
    assert {"nats", "symbol_error_rate", "chrf", "bleu", "interval"} <= set(values)
    assert "1 target tokens that no training target has" in done.err
    assert "exact match" in run("evaluate", str(tmp_path / "test.tsv"), "-m", str(folder), "--beam", "1").out


def test_what_the_data_cannot_teach_is_said(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("".join(f"a{number}\tb{number}\n" for number in range(40)))
    (tmp_path / "valid.tsv").write_text("a1\tb1\nx\ty\n")
    events: list[Any] = []
    charlm.train(
        tmp_path / "train.tsv", valid=tmp_path / "valid.tsv", task="pair", steps=1, report=events.append, **SHAPE
    )
    (planned,) = (each for each in events if type(each).__name__ == "Planned")
    said = "\n".join(each.message for each in planned.about.warnings)
    assert "1 held-out source also occurs in the training part" in said and "valid.tsv:1" in said
    assert "1 held-out target has a token that no training target has" in said and "valid.tsv:2" in said
    (tmp_path / "one.tsv").write_text("a\tb\n")
    with pytest.raises(CorpusError, match="a model of pairs needs one to learn, and one to hold out"):
        charlm.train(tmp_path / "one.tsv", task="pair", steps=1, **SHAPE)


def test_score_prints_the_probability_of_each_target(
    run: Any, folder: Path, model: charlm.Translator, tmp_path: Path
) -> None:
    (tmp_path / "gold.tsv").write_text("abc\tcba\nfed\tdef\nfed\txyz\n")
    done = run("score", "-m", str(folder), "--file", str(tmp_path / "gold.tsv"))
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert [row[:2] for row in rows] == [["abc", "cba"], ["fed", "def"], ["fed", "xyz"]]
    assert [float(row[2]) for row in rows] == pytest.approx(
        model.score([("abc", "cba"), ("fed", "def"), ("fed", "xyz")]), abs=1e-4
    )
    assert "1 targets have a token that no training target has, so their probability is 0" in done.err


def test_sample_draws_targets_of_a_source(run: Any, folder: Path, model: charlm.Translator) -> None:
    drawn = run("sample", "-m", str(folder), "--source", "abc", "--count", "3", "--seed", "5").out.splitlines()
    assert drawn == model.sample("abc", count=3, seed=5)
    wrong = run("sample", "-m", str(folder), "--source", "abc", "--length", "3")
    assert wrong.code == 2 and "--source draws whole targets; leave --length out" in wrong.err


def test_an_answer_that_is_cut_at_the_greatest_length_has_its_score(reversals: Path) -> None:
    made = charlm.train(reversals, task="pair", steps=1, **SHAPE)
    assert isinstance(made, charlm.Translator)
    answers = made.predict(["abc", "fedab"], beam=1)
    assert any(each.cut for each in answers)
    scores = made.score((source, each.target) for source, each in zip(["abc", "fedab"], answers, strict=True))
    assert scores == pytest.approx([each.logprob for each in answers], abs=1e-5)


def test_why_shows_what_a_target_attends_to(
    run: Any, folder: Path, model: charlm.Translator, reversals: Path, tmp_path: Path
) -> None:
    shown = model.attention("abc")
    assert (shown.source, shown.target) == ([None, "a", "b", "c"], ["c", "b", "a", None])
    assert [sum(row) for row in shown.weights] == pytest.approx([1] * 4)
    name = ["-m", str(folder), "--source", "abc"]
    (values,) = map(json.loads, run("why", "ca", "--json", *name).out.splitlines())
    assert values["target"] == ["c", "a", None] and len(values["weights"]) == 3
    lines = run("why", *name).out.splitlines()
    assert lines[0].split() == ["^abc"] and [line.split()[0] for line in lines[1:5]] == ["c", "b", "a", "<EOS>"]
    wrong = run("why", "--file", str(reversals), *name)
    assert wrong.code == 2 and "leave --file out" in wrong.err
    charlm.train(reversals, task="pair", steps=1, attention=False, folder=tmp_path / "m", **SHAPE)
    without = run("why", "-m", str(tmp_path / "m"), "--source", "abc")
    assert without.code == 2 and "the model was trained without attention" in without.err


def test_info_and_list_show_the_figures_of_the_task(run: Any, folder: Path) -> None:
    shown = run("info", "-m", str(folder)).out
    assert "exact match" in shown and "symbol error rate" in shown and "32 examples each" in shown


def test_a_long_target_of_a_short_source_can_be_loaded_again(tmp_path: Path) -> None:
    lines = [f"{letter}\t{letter * 3}\n" for letter in "abcdefgh"]
    (tmp_path / "long.tsv").write_text("".join(lines) + "x\t" + "ab" * 1500 + "\n")
    charlm.train(
        tmp_path / "long.tsv", task="pair", steps=1, folder=tmp_path / "m", valid=tmp_path / "long.tsv", **SHAPE
    )
    loaded = charlm.load(tmp_path / "m")
    assert isinstance(loaded, charlm.Translator)
    (answer,) = loaded.predict(["b"], beam=1)
    assert loaded.score([("b", answer.target)]) == pytest.approx([answer.logprob], rel=1e-5)


def test_a_length_penalty_prefers_longer_targets(model: charlm.Translator) -> None:
    """At the same probability per token, the longer target wins."""
    plain, longer = (model.predict(["fade"], beam=5, n_best=5, length_penalty=each)[0] for each in (0.0, 5.0))
    assert len(longer.target) >= len(plain.target)
    per_length = [logprob / (len(target) + 1) ** 5.0 for target, logprob in longer.n_best]
    assert per_length == sorted(per_length, reverse=True)
