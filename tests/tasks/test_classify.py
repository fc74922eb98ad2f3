"""A classifier: it is trained like a language model, and answers each text with one of its labels."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import charlm
from charlm.checkpoints.checkpoint import describe
from charlm.nn.text_ngrams import rows_of_texts, table_rows
from charlm.tasks.labels.batches import LabelBatches
from charlm.tasks.labels.classifier import TextRow, encoded

FILMS = Path(__file__).parents[2] / "corpora" / "films.txt"
SHAPE = {"hidden_size": 32, "layers": 1, "tokenizer": "word", "threads": 1}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Remarks on films, as labeled lines."""
    return Path(shutil.copy(FILMS, tmp_path_factory.mktemp("films")))


@pytest.fixture(scope="module")
def folder(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of them; to be left as it is."""
    made = tmp_path_factory.mktemp("models") / "films"
    charlm.train(films, steps=400, folder=made, **SHAPE)  # type: ignore[arg-type]
    return made


@pytest.fixture(scope="module")
def classifier(folder: Path) -> charlm.Classifier:
    model = charlm.load(folder)
    assert isinstance(model, charlm.Classifier)
    return model


def texts_of(path: Path) -> list[str]:
    return [line.split(maxsplit=1)[1] for line in path.read_text().splitlines()]


def test_it_learns_the_remarks(folder: Path) -> None:
    described = describe(folder)
    assert described["validation"]["accuracy"] > 0.95
    assert described["validation"]["examples"] == 600
    assert described["config"]["task"] == "classify" and described["labels"] == 2


def test_an_answer_is_a_label_with_probabilities_that_sum_to_one(classifier: charlm.Classifier, films: Path) -> None:
    for answer in classifier.predict(texts_of(films)[:50]):
        assert answer.label in classifier.labels
        assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-6)
        assert answer.probability == max(answer.probabilities.values()) == answer.probabilities[answer.label]


def test_a_higher_temperature_makes_the_probabilities_flatter_and_keeps_the_label(folder: Path) -> None:
    model = charlm.load(folder)
    assert isinstance(model, charlm.Classifier) and model.network.temperature != 1
    (before,) = model.predict(["there is nothing to like"])
    model.network.temperature.mul_(2)
    (after,) = model.predict(["there is nothing to like"])
    assert after.label == before.label and 0.5 < after.probability < before.probability


def test_there_is_an_answer_to_every_text_in_order(classifier: charlm.Classifier) -> None:
    texts = ["", "a", "nothing to like", " ", "x" * 5000, "a\nb", "\0"]
    assert len(classifier.predict(texts)) == len(texts)
    assert classifier.predict([]) == []


def test_the_answer_does_not_depend_on_the_other_texts(classifier: charlm.Classifier, films: Path) -> None:
    texts = texts_of(films)[:70]
    for text, answer in zip(texts, classifier.predict(texts), strict=True):
        assert classifier.predict([text])[0].probability == pytest.approx(answer.probability, abs=1e-5)


def test_its_plan_repeats_it_and_saving_keeps_it(films: Path, folder: Path, tmp_path: Path) -> None:
    again = charlm.train(films, plan=folder / "plan.json", folder=tmp_path / "again")
    again.save(tmp_path / "copy")
    weights = {(path / "model.safetensors").read_bytes() for path in (folder, tmp_path / "again", tmp_path / "copy")}
    assert len(weights) == 1


def test_a_longer_budget_continues_from_its_model(films: Path, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "m")
    charlm.train(films, folder=tmp_path / "m", resume=True, steps=405)
    assert describe(tmp_path / "m")["steps"] == 405


def test_a_batch_is_a_function_of_seed_and_step_and_a_pass_has_each_text_once() -> None:
    rows = [TextRow("", np.full(length, length, dtype=np.int32)) for length in range(1, 41)]
    batches = LabelBatches(rows, np.arange(40), 8, seed=3)
    assert batches.steps_per_epoch == 5
    for epoch in (0, 1):
        labels = [label for step in range(5) for label in batches[5 * epoch + step].labels.tolist()]
        assert sorted(labels) == list(range(40))
    fresh = LabelBatches(rows, np.arange(40), 8, seed=3)
    assert fresh[7].ids.equal(batches[7].ids)
    orders = [[batches[5 * epoch + step].labels.tolist() for step in range(5)] for epoch in (0, 1)]
    assert orders[0] != orders[1]
    assert LabelBatches(rows, np.arange(40), 8, 3, lambda rows: slice(2, 5))[7].labels.equal(batches[7].labels[2:5])


def test_commands_for_language_models_name_the_command_to_use(run: Any, folder: Path) -> None:
    for command in ("sample", "score", "why", "report"):
        done = run(command, *(["the"] if command in ("score", "why") else []), "-m", str(folder))
        assert done.code == 3 and "is a classifier, which cannot do this; use charlm predict" in done.err, command


def test_predict_answers_arguments_a_file_and_stdin(run: Any, films: Path, folder: Path, tmp_path: Path) -> None:
    model = ["-m", str(folder)]
    (tmp_path / "texts").write_text("a joy\n\nnothing to like")
    lines = run("predict", "--file", str(tmp_path / "texts"), *model).out.splitlines()
    assert lines == run("predict", "a joy", "", "nothing to like", *model).out.splitlines()
    assert len(lines) == 3 and all(line.split("\t")[0] in ("negative", "positive") for line in lines)
    (answer,) = map(json.loads, run("predict", "a joy", "--json", *model).out.splitlines())
    assert set(answer) == {"text", "label", "probability", "probabilities"}
    assert len(run("predict", "--file", str(films), *model).out.splitlines()) == 6000


def test_evaluate_has_the_keys_that_are_promised(run: Any, films: Path, folder: Path) -> None:
    (values,) = map(json.loads, run("evaluate", str(films), "--json", "-m", str(folder)).out.splitlines())
    for key in ("task", "examples", "nats", "accuracy", "macro_f1", "calibration_error", "naive", "interval"):
        assert key in values
    assert set(values["labels"]) == {"negative", "positive"} and values["accuracy"] > 0.95
    assert values["naive"]["accuracy"] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([], "is not a list of labels"),
        ({"labels": ["b", "a"], "majority": "a"}, "sorted and different"),
        ({"labels": ["a", "b"], "majority": "c"}, "most frequent label"),
        ({"labels": ["a", 5], "majority": "a"}, "is not a list of labels"),
        ({"labels": ["a", "b", "c"], "majority": "a"}, "config.json states"),
        ({"labels": ["a", "b" * 2000], "majority": "a"}, "more than 1,000 characters"),
    ],
    ids=str,
)
def test_labels_that_cannot_be_are_refused(folder: Path, tmp_path: Path, values: Any, problem: str) -> None:
    shutil.copytree(folder, tmp_path / "m")
    (tmp_path / "m" / "labels.json").write_text(json.dumps(values))
    with pytest.raises(charlm.ModelError, match=problem):
        charlm.load(tmp_path / "m")


def test_other_labels_than_in_training_are_noticed(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "m")
    (tmp_path / "m" / "labels.json").write_text(json.dumps({"labels": ["a", "b"], "majority": "a"}))
    with pytest.raises(charlm.ModelError, match="changed or damaged"):
        charlm.load(tmp_path / "m")


def test_a_label_that_training_lacks_is_named_with_its_line(films: Path, tmp_path: Path) -> None:
    (tmp_path / "valid").write_text("__label__mixed a joy\n__label__positive a joy\n" * 3)
    events: list[Any] = []
    charlm.train(films, valid=tmp_path / "valid", steps=1, report=events.append, **SHAPE)  # type: ignore[arg-type]
    (planned,) = (each for each in events if type(each).__name__ == "Planned")
    assert any(
        "no training text has the label 'mixed', which 3 texts have" in warning.message
        for warning in planned.about.warnings
    )


def test_plain_text_stays_a_language_model(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("one\ttwo\nthree four\n" * 60)
    model = charlm.train(tmp_path / "text", steps=1, hidden_size=4, layers=1, threads=1)
    assert isinstance(model, charlm.LanguageModel)


def test_ngrams_alone_know_a_word_of_which_training_has_seen_only_the_parts(tmp_path: Path) -> None:
    roots = ["bak", "cook", "driv", "paint", "sail", "teach", "walk", "writ", "sing", "climb"]
    (tmp_path / "words").write_text(
        "".join(f"__label__person the {root}er\n__label__act the {root}ing\n" for root in roots)
    )
    model = charlm.train(tmp_path / "words", steps=60, **SHAPE)  # type: ignore[arg-type]
    assert isinstance(model, charlm.Classifier) and model.config.features == "ngrams"
    with torch.no_grad():
        model.network.readout.weight.zero_()
        model.network.readout.bias.zero_()
    assert [each.label for each in model.predict(["a farmer", "a farming"])] == ["person", "act"]


def test_a_probability_is_by_the_weighted_sum_of_the_network_and_the_ngrams(classifier: charlm.Classifier) -> None:
    text, ngrams = "nothing to like", classifier.network.ngrams
    assert ngrams is not None
    rows = encoded(classifier.tokenizer, [text])
    (together,) = classifier.network.scores(rows)
    classifier.network.ngrams = None
    (alone,) = classifier.network.scores(rows)
    classifier.network.ngrams = ngrams
    with torch.no_grad():
        by_ngrams = ngrams(rows_of_texts([text], table_rows(2)))[0]
    assert together == pytest.approx([*alone, *by_ngrams.tolist()], abs=1e-5)
    summed = (alone + float(ngrams.weight) * by_ngrams.double().numpy()) / float(classifier.network.temperature)
    (logprobs,) = classifier.log_probabilities([text])
    assert logprobs == pytest.approx(summed - np.logaddexp(*summed), abs=1e-5)


@pytest.mark.parametrize(("right", "weight"), [("network", 0.25), ("ngrams", 8.0)])
def test_the_part_that_is_right_more_often_has_the_larger_weight(folder: Path, right: str, weight: float) -> None:
    model = charlm.load(folder)
    assert isinstance(model, charlm.Classifier) and model.network.ngrams is not None
    good, noise = np.eye(2)[[0, 1] * 20] * 3, np.eye(2)[[0, 0, 1, 1] * 10]
    parts = (good, noise) if right == "network" else (noise, good)
    model.network.fit(np.hstack(parts), [(0,), (1,)] * 20)
    assert float(model.network.ngrams.weight) == weight


def test_a_classifier_without_ngrams_and_one_of_an_older_version(films: Path, tmp_path: Path) -> None:
    model = charlm.train(films, steps=2, features="none", folder=tmp_path / "m", **SHAPE)  # type: ignore[arg-type]
    assert isinstance(model, charlm.Classifier)
    assert not any(name.startswith("ngrams") for name in model.network.state_dict())
    make_older(tmp_path / "m")
    old = charlm.load(tmp_path / "m")
    assert isinstance(old, charlm.Classifier) and old.config.features is None
    assert old.predict(["a joy"]) == model.predict(["a joy"])
    charlm.train(films, folder=tmp_path / "m", resume=True, steps=4)
    assert describe(tmp_path / "m")["steps"] == 4


def make_older(folder: Path) -> None:
    """Take the setting out of the files of a folder, as an older version wrote them."""
    for name in ("config.json", "plan.json"):
        values = json.loads((folder / name).read_text())
        assert values["model"].pop("features") == "none"
        (folder / name).write_text(json.dumps(values))
    weights = folder / "model.safetensors"
    with safe_open(weights, "pt") as file:
        metadata = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no dictionary
    metadata["sha256_config"] = hashlib.sha256((folder / "config.json").read_bytes()).hexdigest()
    save_file(tensors, weights, metadata)
