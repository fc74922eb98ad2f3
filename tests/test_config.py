"""Settings: a wrong value is named when it is given, and not by the training that it would have reached."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import charlm
from charlm.config import TextMode

BOTH = (charlm.ModelConfig, charlm.TrainConfig)
FIELDS = [(kind, field.name) for kind in BOTH for field in fields(kind)]


@pytest.mark.parametrize(("kind", "name"), FIELDS, ids=lambda each: getattr(each, "__name__", each))
def test_every_field_refuses_a_value_of_another_type(kind: type, name: str) -> None:
    with pytest.raises(charlm.ConfigError, match=rf"^{name} is \['8'\]; it must be ") as caught:
        kind(**{name: ["8"]})
    assert caught.value.fields["setting"] == name


@pytest.mark.parametrize(
    ("kind", "given", "sentence"),
    [
        (charlm.ModelConfig, {"hidden_size": "8"}, "hidden_size is '8'; it must be int or None"),
        (charlm.ModelConfig, {"hidden_size": 8.5}, "hidden_size is 8.5; it must be int or None"),
        (charlm.ModelConfig, {"layers": True}, "layers is True; it must be int or None"),
        (charlm.ModelConfig, {"layers": 0}, "layers is 0; it must be at least 1 and at most 64"),
        (charlm.ModelConfig, {"residual": 1}, "residual is 1; it must be bool"),
        (charlm.ModelConfig, {"dropout": "a"}, "dropout is 'a'; it must be float or None"),
        (charlm.ModelConfig, {"cell": "grru"}, "no cell is named 'grru'; did you mean 'gru'?"),
        (charlm.ModelConfig, {"tokenizer": "chars"}, "no tokenizer is named 'chars'; did you mean 'char'?"),
        (charlm.ModelConfig, {"embedding": "onehot"}, "no embedding is named 'onehot'; did you mean 'one-hot'?"),
        (charlm.ModelConfig, {"readout": "xyz"}, "no readout is named 'xyz'; choose from adaptive, dense"),
        (charlm.ModelConfig, {"sequence": "lines"}, "sequence is 'lines'; it must be auto, line or stream"),
        (
            charlm.ModelConfig,
            {"cell": "rnn", "activation": "tan"},
            "no activation is named 'tan'; choose one of tanh, relu, sigmoid, identity",
        ),
        (
            charlm.ModelConfig,
            {"activation": "relu"},
            "activation is 'relu', but only jordan and rnn have one to choose",
        ),
        (charlm.TrainConfig, {"minutes": "3"}, "minutes is '3'; it must be float or None"),
        (charlm.TrainConfig, {"minutes": float("nan")}, "minutes is nan; it must be more than 0 and at most 1e+06"),
        (charlm.TrainConfig, {"seed": 1.5}, "seed is 1.5; it must be int"),
        (charlm.TrainConfig, {"steps": True}, "steps is True; it must be int or None"),
        (charlm.TrainConfig, {"steps": 1, "epochs": 1}, "give one of minutes, epochs and steps, not epochs and steps"),
        (charlm.TrainConfig, {"device": "gpu"}, "device is 'gpu'; it must be auto, cpu, cuda or mps"),
    ],
)
def test_a_wrong_value_is_named_in_one_sentence(kind: type, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(charlm.ConfigError) as caught:
        kind(**given)
    assert str(caught.value) == sentence


def test_numbers_and_texts_of_numpy_become_those_of_python() -> None:
    """A search over np.arange makes such numbers; config.json must be able to hold them."""
    model = charlm.ModelConfig(hidden_size=np.int64(8), dropout=np.float32(0.5), cell=np.str_("lstm"))
    train = charlm.TrainConfig(minutes=np.int64(1), embedding_file=Path("vectors.txt"), seed=np.uint8(3))
    assert (model.hidden_size, model.dropout, model.cell) == (8, 0.5, "lstm")
    assert (train.minutes, train.embedding_file, train.seed) == (1, "vectors.txt", 3)
    assert {type(value) for value in asdict(model).values()} <= {str, int, float, bool, type(None)}
    json.dumps([asdict(model), asdict(train)])
    assert repr(charlm.ModelConfig(sequence=TextMode.LINE)) == "ModelConfig(sequence='line')"


def test_the_representation_names_what_differs_from_the_defaults() -> None:
    for config in (charlm.ModelConfig(), charlm.TrainConfig(), charlm.ModelConfig(cell="lstm", hidden_size=512)):
        assert eval(repr(config), vars(charlm) | {name: getattr(charlm, name) for name in charlm.__all__}) == config
    assert repr(charlm.ModelConfig(cell="lstm", hidden_size=512)) == "ModelConfig(cell='lstm', hidden_size=512)"
    assert repr(charlm.TrainConfig(minutes=1)) == "TrainConfig(minutes=1)"
    assert repr(charlm.TrainConfig()) == "TrainConfig()"


def test_a_cell_that_does_not_exist_is_found_before_the_corpus_is_read() -> None:
    with pytest.raises(charlm.UnknownNameError, match="did you mean 'gru'"):
        charlm.train("nothing.txt", charlm.ModelConfig(cell="gruu"))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"count": "3"}, "count is '3'; it must be a whole number"),
        ({"count": 1.5}, "count is 1.5; it must be a whole number"),
        ({"seed": 1.5}, "seed is 1.5; it must be a whole number"),
        ({"length": 2.5}, "length is 2.5; it must be a whole number"),
        ({"top_k": 2.5}, "top_k is 2.5; it must be a whole number"),
        ({"no_repeat": "2"}, "no_repeat is '2'; it must be a whole number"),
        ({"temperature": "hot"}, "temperature is 'hot'; it must be a number"),
        ({"top_p": True}, "top_p is True; it must be a number"),
        ({"count": 0}, "count is 0; it must be at least 1"),
    ],
)
def test_a_sampling_setting_of_another_type_is_named(
    line_model: charlm.LanguageModel, settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(charlm.ConfigError) as caught:
        line_model.sample(**settings)
    assert str(caught.value) == sentence
