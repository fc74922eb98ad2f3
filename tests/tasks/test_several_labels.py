"""A classifier with several labels for each text, and the settings that all classifiers have."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import charlm
from charlm.config import ModelConfig
from charlm.measures.classification import LabelSetMeasures
from charlm.tasks.labels.evaluation import LabelEvaluation
from charlm.tasks.labels.targets import targets_of

WORDS = {"sport": ["ball", "goal", "team", "match"], "weather": ["rain", "sun", "storm", "snow"]}
SHAPE: dict[str, Any] = {"hidden_size": 16, "layers": 1, "tokenizer": "word", "threads": 1}


def lines() -> list[str]:
    """Texts about sport, about the weather, and about both."""
    both = [f"__label__sport __label__weather the {one} in the {other}" for one, other in product(*WORDS.values())]
    alone = [f"__label__{label} the {word} {tail}" for label, words in WORDS.items() for word in words
             for tail in ("today", "again", "of may", "at last")]  # fmt: skip
    return both + alone


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("news") / "news.txt"
    path.write_text("".join(f"{line}\n" for line in lines()))
    return path


@pytest.fixture(scope="module")
def folder(news: Path) -> Path:
    """A classifier with several labels; to be left as it is."""
    charlm.train(news, steps=250, multi_label=True, folder=news.parent / "m", **SHAPE)
    return news.parent / "m"


@pytest.fixture(scope="module")
def model(folder: Path) -> charlm.Classifier:
    loaded = charlm.load(folder)
    assert isinstance(loaded, charlm.Classifier)
    return loaded


def test_a_text_gets_each_label_that_fits(model: charlm.Classifier) -> None:
    both, sport = model.predict(["the goal in the rain", "the goal today"])
    assert set(both.labels) == {"sport", "weather"} and sport.labels == ("sport",)
    assert sum(both.probabilities.values()) > 1.5
    assert model.predict(["the goal today"], threshold=1.0)[0].labels == ()
    assert set(model.predict(["the goal today"], threshold=0.0)[0].labels) == {"sport", "weather"}


def test_predict_prints_the_labels_above_the_threshold(run: Any, folder: Path) -> None:
    texts = ("the goal in the rain", "the goal today")
    both, sport = run("predict", *texts, "-m", str(folder)).out.splitlines()
    assert set(both.split("\t")[::2]) == {"sport", "weather"} and sport.split("\t")[0] == "sport"
    assert run("predict", *texts, "--threshold", "1", "-m", str(folder)).out == "\n\n"
    assert len(run("predict", texts[0], "-k", "1", "-m", str(folder)).out.split("\t")) == 2
    assert json.loads(run("predict", texts[1], "--json", "-m", str(folder)).out)["labels"] == ["sport"]
    refused = run("predict", "a", "--threshold", "2", "-m", str(folder))
    assert refused.code == 2 and "--threshold is 2.0; it must be at least 0 and at most 1" in refused.err


def test_evaluate_has_the_figures_of_several_labels(run: Any, news: Path, folder: Path) -> None:
    values = json.loads(run("evaluate", str(news), "--json", "-m", str(folder)).out)
    assert values["accuracy"] > 0.9 and values["precision_at_1"] > 0.9
    assert values["recall_at_1"] == pytest.approx(values["precision_at_1"] * 48 / 64)  # 64 labels of 48 texts
    assert {"macro_f1", "micro_f1", "calibration_error", "nats", "naive", "interval", "labels"} <= set(values)
    assert values["naive"]["accuracy"] == pytest.approx(16 / 48)
    assert "P@1" in run("evaluate", str(news), "-m", str(folder)).out


def test_measures_of_label_sets_have_the_values_worked_out_by_hand() -> None:
    truth, answers = [("a", "b"), ("b",), ("z",)], [("a",), ("b",), ()]
    shares = [[0.9, 0.4], [0.2, 0.8], [0.1, 0.3]]
    figures = LabelSetMeasures(truth, answers, ("a", "b"), shares).figures()
    assert figures["accuracy"] == pytest.approx(1 / 3)
    assert figures["micro_f1"] == pytest.approx(2 * 2 / (2 + 4))
    assert figures["precision_at_1"] == pytest.approx(2 / 3)
    assert figures["recall_at_1"] == pytest.approx(2 / 4)
    # The six decisions lie in bins of their own.
    assert figures["calibration_error"] == pytest.approx((0.1 + 0.6 + 0.2 + 0.2 + 0.1 + 0.3) / 6)
    assert figures["log_loss"] == pytest.approx(
        (0.10536 + 0.91629 + 0.22314 + 0.22314 + 0.10536 + 0.35667 + 36.0437) / 3, abs=1e-4
    )


def test_several_labels_are_refused_with_the_option_to_type(run: Any, news: Path, tmp_path: Path) -> None:
    done = run("train", str(news), "--steps", "1", "-m", str(tmp_path / "m"))
    assert done.code == 1
    assert f"{news}:1 has 2 labels; give each text one; to learn several labels for each text, use --multi-label" in (
        done.err.replace("\n", " ")
    )


def test_a_model_with_one_label_is_not_measured_on_several(run: Any, news: Path, tmp_path: Path) -> None:
    (tmp_path / "one").write_text("".join(f"{line}\n" for line in lines()[16:]))
    charlm.train(tmp_path / "one", steps=1, folder=tmp_path / "m", **SHAPE)
    done = run("evaluate", str(news), "-m", str(tmp_path / "m"))
    assert done.code == 1 and f"{news}:1 has 2 labels; give each text one" in done.err and "--multi" not in done.err


def test_what_a_label_counts_for() -> None:
    texts, labels = [("a",), ("a",), ("a",), ("b",)], ("a", "b")
    assert targets_of(texts, labels, ModelConfig()).tolist() == [0, 0, 0, 1]
    balanced = targets_of(texts, labels, ModelConfig(class_weights="balanced"))
    assert balanced[0] == pytest.approx([4 / 6, 0]) and balanced[3] == pytest.approx([0, 2])
    given = targets_of(texts, labels, ModelConfig(class_weights="b:3"))  # 3 · 1 + 1 · 3, scaled to 4
    assert given[0] == pytest.approx([4 / 6, 0]) and given[3] == pytest.approx([0, 2])
    several = targets_of([("a", "b"), ()], labels, ModelConfig(multi_label=True))
    assert several.tolist() == [[1, 1], [0, 0]]
    with pytest.raises(charlm.ConfigError, match="class_weights has the label 'c', which no text has"):
        targets_of(texts, labels, ModelConfig(class_weights="c:2"))


@pytest.mark.parametrize("weights", ["balance", "a:", "a:0", "a:-1", "a:nan", ":2", "a:2,a:3", "a:2,,b:1", ""])
def test_class_weights_that_cannot_be_are_refused(weights: str) -> None:
    with pytest.raises(charlm.ConfigError, match="write none, balanced, or a number above 0 after each label"):
        ModelConfig(class_weights=weights)


def test_balanced_weights_find_the_rare_label(tmp_path: Path) -> None:
    """Without words that tell, the answer is the frequent label, and with balanced weights both are as likely."""
    (tmp_path / "t").write_text("".join(f"__label__{'rare' if n % 5 == 0 else 'often'} x{n}\n" for n in range(200)))
    shares = {}
    for weights in ("none", "balanced"):
        model = charlm.train(tmp_path / "t", steps=60, class_weights=weights, min_count=300, closed=True, **SHAPE)
        assert isinstance(model, charlm.Classifier)
        model.network.temperature.fill_(1)  # it was fitted to texts without weights
        (answer,) = model.predict(["y"])
        shares[weights] = answer.probabilities["rare"]
    assert shares["none"] < 0.3 < 0.4 < shares["balanced"] < 0.6


def test_the_metric_decides_which_network_is_better() -> None:
    one = {"examples": 10, "known": 10, "naive": 5}
    right = {name: LabelEvaluation(right=9, nats=9.0, macro_f1=0.3, metric=name, **one) for name in METRICS}
    fair = {name: LabelEvaluation(right=8, nats=9.5, macro_f1=0.7, metric=name, **one) for name in METRICS}
    sure = {name: LabelEvaluation(right=7, nats=2.0, macro_f1=0.5, metric=name, **one) for name in METRICS}
    best = {name: min(right[name], fair[name], sure[name], key=lambda each: each.objective).right for name in METRICS}
    assert best == {"accuracy": 9, "macro_f1": 8, "nats": 7}
    tie = LabelEvaluation(right=9, nats=8.0, macro_f1=0.3, **one)
    assert tie.objective < right["accuracy"].objective  # nats decide among equals


METRICS = ("accuracy", "macro_f1", "nats")


@pytest.mark.parametrize(
    "settings",
    [
        *({"pooling": name} for name in ("attention", "concat", "last", "max", "mean")),
        {"bidirectional": False, "pooling": "last"},
        {"readout_layers": 2},
        {"metric": "nats", "cell": "lstm"},
    ],
    ids=str,
)
def test_each_setting_trains_and_is_kept(news: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    charlm.train(news, steps=2, multi_label=True, folder=tmp_path / "m", **SHAPE, **settings)
    loaded = charlm.load(tmp_path / "m")
    assert isinstance(loaded, charlm.Classifier)
    for name, value in settings.items():
        assert getattr(loaded.config, name) == value
    assert loaded.network.bidirectional is settings.get("bidirectional", True)
    texts = ["the goal", "rain", "the team in the snow at last"]
    alone = [loaded.predict([text])[0].probability for text in texts]
    assert [each.probability for each in loaded.predict(texts)] == pytest.approx(alone, abs=1e-6)


def test_settings_that_cannot_be_are_refused(news: Path) -> None:
    for settings, problem in (
        ({"metric": "f1"}, "metric is 'f1'; it must be accuracy, macro_f1 or nats"),
        ({"pooling": "first"}, "no pooling is named 'first'"),
        ({"tie_weights": True}, "a classifier predicts no tokens, so it has no tie_weights"),
    ):
        with pytest.raises(charlm.CharlmError, match=problem):
            charlm.train(news, steps=1, multi_label=True, **SHAPE, **settings)  # type: ignore[arg-type]


def test_two_classifiers_are_compared_on_a_file(run: Any, news: Path, folder: Path, line_folder: Path) -> None:
    charlm.train(news, steps=1, multi_label=True, folder=news.parent / "new", **SHAPE)
    values = json.loads(run("compare", folder, news.parent / "new", news, "--json").out)
    alone = [json.loads(run("evaluate", news, "--json", "-m", each).out) for each in (folder, news.parent / "new")]
    assert [values[side]["accuracy"] for side in "ab"] == [each["accuracy"] for each in alone]
    assert values["difference"]["accuracy"] == pytest.approx(values["a"]["accuracy"] - values["b"]["accuracy"])
    assert sum(values["right"].values()) == values["examples"] == 48
    assert "both right" in run("compare", folder, news.parent / "new", "--file", news).out
    refused = run("compare", folder, line_folder, news)
    assert refused.code == 2 and "one of the models answers questions, and the other predicts text" in refused.err
    refused = run("compare", folder, folder, "--pairs", news)
    assert refused.code == 2 and "are compared on files of examples; give only these files" in refused.err
