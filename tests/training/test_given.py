"""What `train` accepts: configurations, keywords or a plan, and how it names anything else."""

import inspect
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from conftest import LINES, QUICK, SMALL

import charlm
from charlm.keywords import SettingKeywords
from charlm.tokenizers.char import CharTokenizer
from charlm.training.events import Event, Planned

TINY: dict[str, Any] = {"hidden_size": 8, "layers": 1, "embedding_size": 4, "steps": 2, "batch_size": 4, "seq_len": 8}


def planned(*arguments: Any, **keywords: Any) -> charlm.Plan:
    """The plan of a run of a few steps."""
    reported: list[Event] = []
    charlm.train(*arguments, report=reported.append, threads=1, **keywords)
    return next(event.plan for event in reported if isinstance(event, Planned))


def test_keywords_of_both_configurations_are_accepted() -> None:
    plan = planned(LINES, **TINY, cell="lstm", seed=3)
    assert (plan.model.cell, plan.model.hidden_size, plan.model.layers) == ("lstm", 8, 1)
    assert (plan.steps, plan.train.batch_size, plan.train.seed) == (2, 4, 3)


def test_keywords_change_configurations() -> None:
    plan = planned(LINES, SMALL, replace(QUICK, steps=2), hidden_size=8, seed=5)
    assert (plan.model.hidden_size, plan.model.embedding_size, plan.train.seed) == (8, SMALL.embedding_size, 5)
    assert plan.train.learning_rate == QUICK.learning_rate


def test_the_same_settings_give_the_same_weights_however_they_are_given(tmp_path: Path) -> None:
    shape = {name: TINY[name] for name in ("hidden_size", "layers", "embedding_size")}
    run = {name: value for name, value in TINY.items() if name not in shape} | {"threads": 1}
    charlm.train(LINES, charlm.ModelConfig(**shape), charlm.TrainConfig(**run), folder=tmp_path / "objects")
    charlm.train(LINES, **TINY, threads=1, folder=str(tmp_path / "keywords"))
    first, second = (tmp_path / name / "model.safetensors" for name in ("objects", "keywords"))
    assert first.read_bytes() == second.read_bytes()


def test_a_tokenizer_is_given_by_name_or_as_a_vocabulary() -> None:
    assert planned(LINES, **TINY, tokenizer="word", vocab_size=20).model.tokenizer == "word"
    assert planned(LINES, **TINY, tokenizer=CharTokenizer("abc")).model.vocabulary is not None


def test_a_plan_is_repeated_from_its_file_and_keywords_change_it(tmp_path: Path) -> None:
    stored = planned(LINES, **TINY, folder=tmp_path / "model")
    path = tmp_path / "model" / "plan.json"
    assert planned(LINES, plan=path).train == planned(LINES, plan=stored).train
    changed = planned(LINES, plan=str(path), seed=9)
    assert (changed.train.seed, changed.steps, changed.model) == (9, 2, stored.model)


@pytest.mark.parametrize(
    ("keywords", "sentence"),
    [
        ({"minutes": 1}, "a plan sets the number of steps; leave minutes out"),
        (
            {"model": charlm.ModelConfig(cell="lstm")},
            "a plan has its own model; leave model out, and give keywords to change settings",
        ),
    ],
)
def test_what_a_plan_excludes_is_named(keywords: dict[str, Any], sentence: str) -> None:
    plan = charlm.Plan(SMALL, QUICK, steps=2, validations=1)
    with pytest.raises(charlm.ConfigError) as caught:
        charlm.train(LINES, plan=plan, **keywords)
    assert str(caught.value) == sentence


SOURCE = "train() takes a path, a list of paths, or a text that contains a newline"


@pytest.mark.parametrize(
    ("arguments", "keywords", "sentence"),
    [
        (
            (charlm.TrainConfig(minutes=0.1),),
            {},
            "train() takes a ModelConfig as model, its second argument, not TrainConfig; give it as config=",
        ),
        (({"cell": "gru"},), {}, "train() takes a ModelConfig as model, its second argument, not dict"),
        (
            (None, charlm.ModelConfig()),
            {},
            "train() takes a TrainConfig as config, its third argument, not ModelConfig; give it as model=",
        ),
        ((), {"plan": 5}, "train() takes a Plan, or the path of a plan.json, as plan, not int"),
        ((), {"tokenizer": 5}, "train() takes the name of a tokenizer, or a Tokenizer, as tokenizer, not int"),
        ((), {"folder": 5}, "folder must be a path, not int"),
        ((), {"folder": b"a"}, "folder must be a path, not bytes"),
        ((), {"report": 5}, "report must be a function of one argument, not int"),
        ((), {"valid": 5}, "valid must be a path, a list of paths, or a text that contains a newline, not int"),
        (
            (),
            {"hiden_size": 5},
            "train() got an unexpected keyword argument 'hiden_size'; did you mean 'hidden_size'?",
        ),
        ((), {"minute": 5}, "train() got an unexpected keyword argument 'minute'; did you mean 'minutes'?"),
    ],
)
def test_a_wrong_object_is_named(arguments: tuple[Any, ...], keywords: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TypeError) as caught:
        charlm.train("nothing.txt", *arguments, **keywords)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("source", "end"),
    [
        (None, ", not None"),
        (5, ", not int"),
        (b"lines.txt", ", not bytes"),
        ({"lines.txt": 1}, ", not dict"),
        (["lines.txt", 5], ", but item 2 of the list is int"),
        ([LINES], ", but item 1 of the list is a text; join the texts to one"),
    ],
)
def test_a_source_of_another_kind_is_named(source: Any, end: str) -> None:
    with pytest.raises(TypeError) as caught:
        charlm.train(source)
    assert str(caught.value) == SOURCE + end


def test_an_open_file_is_not_a_list_of_paths(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text(LINES)
    with (tmp_path / "lines.txt").open() as file, pytest.raises(TypeError, match=r", not TextIOWrapper$"):
        charlm.train(file)


def test_paths_of_every_kind_are_read(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text(LINES)
    with os.scandir(tmp_path) as folder:
        (entry,) = folder  # a path object of another class
    for source in (path, str(path), [path], (each for each in [str(path)]), entry, [entry]):
        assert charlm.train(source, **TINY, threads=1).name == "lines"
    assert charlm.train(path, **TINY, threads=1, valid=[path]).line


def test_an_empty_folder_name_is_refused() -> None:
    with pytest.raises(charlm.ConfigError, match="folder must be a path, not an empty text"):
        charlm.train(LINES, folder="")


def test_a_wrong_value_among_the_keywords_is_named() -> None:
    with pytest.raises(charlm.ConfigError, match="hidden_size is 'big'; it must be int or None"):
        charlm.train(LINES, hidden_size="big")  # type: ignore[arg-type]
    with pytest.raises(charlm.ConfigError, match="give one of minutes, epochs and steps, not minutes and steps"):
        charlm.train(LINES, config=charlm.TrainConfig(minutes=1), steps=5)


def test_the_signature_has_every_setting_with_its_default() -> None:
    parameters = inspect.signature(charlm.train).parameters
    settings = [*fields(charlm.ModelConfig), *fields(charlm.TrainConfig)]
    own = {"tokenizer", "start_from"}  # `train` also takes these as objects
    assert {each.name for each in settings} <= set(parameters)
    for each in settings:
        if each.name not in own:
            assert parameters[each.name].default == each.default
    assert set(SettingKeywords.__annotations__) == {each.name for each in settings} - own
    assert list(parameters)[:3] == ["source", "model", "config"]


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    """As in `charlm train cats.txt --tensorboard cats.txt`, where --tensorboard takes no value."""
    (tmp_path / "cats.txt").write_text("a cat\n" * 40)
    again = tmp_path / "." / "sub" / ".." / "cats.txt"
    (tmp_path / "sub").mkdir()
    with pytest.raises(charlm.ConfigError, match=r"cats\.txt is the same file as .*cats\.txt; name it once"):
        charlm.train([tmp_path / "cats.txt", again], steps=1)
    with pytest.raises(charlm.ConfigError, match=r"cats\.txt is given twice; name it once"):
        charlm.train([str(tmp_path / "cats.txt")] * 2, steps=1)
