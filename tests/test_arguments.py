"""Wrong arguments are named by what was written, and every keyword is in the signature."""

import inspect
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

import charlm
from charlm.generation.keywords import SampleKeywords, StreamKeywords
from charlm.registry import declarations

Call = Callable[[charlm.LanguageModel], object]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda model: model.score(5), "score() takes text, or a list of texts, not int"),
        (lambda model: model.score(None), "score() takes text, or a list of texts, not None"),
        (lambda model: model.score(b"the"), "score() takes text, or a list of texts, not bytes"),
        (lambda model: model.score({"the": 1}), "score() takes text, or a list of texts, not dict"),
        (
            lambda model: model.score(["the", 5]),
            "score() takes text, or a list of texts, but item 2 of the list is int",
        ),
        (lambda model: model.score_many("the cat"), "score_many() takes a list of texts, not str"),
        (lambda model: model.score_many([None]), "score_many() takes a list of texts, but item 1 of the list is None"),
        (lambda model: model.evaluate(5), "evaluate() takes text, or a list of texts, not int"),
        (lambda model: model.evaluate_many("the cat"), "evaluate_many() takes a list of texts, not str"),
        (lambda model: model.score("the", context=5), "context must be text, not int"),
        (lambda model: model.sample(5), "prompt must be text, not int"),
        (lambda model: model.sample(["the", "a"]), "prompt must be text, not list"),
        (lambda model: model.stream(None), "prompt must be text, not None"),
        (lambda model: model.beam(5), "prompt must be text, not int"),
        (lambda model: model.next_token_probabilities(5), "prompt must be text, not int"),
        (lambda model: model.sample(stop=5), "stop must be text, not int"),
        (lambda model: model.sample(must_match=5), "must_match must be text, not int"),
        (lambda model: model.unknown(5), "unknown() takes text, not int"),
        (lambda model: model.adapted(["cache"]), "the name of a method must be text, not list"),
        (lambda model: charlm.lines(5), "lines() takes text, not int"),
        (
            lambda model: model.sample(temprature=1),
            "sample() got an unexpected keyword argument 'temprature'; did you mean 'temperature'?",
        ),
        (
            lambda model: model.sample(lenght=1),
            "sample() got an unexpected keyword argument 'lenght'; did you mean 'length'?",
        ),
        (lambda model: model.stream(count=3), "stream() got an unexpected keyword argument 'count'"),
        (
            lambda model: model.generate(topk=3),
            "generate() got an unexpected keyword argument 'topk'; did you mean 'top_k'?",
        ),
        (lambda model: model.sample(xyz=3), "sample() got an unexpected keyword argument 'xyz'"),
        (
            lambda model: model.score("a", unknwn=1),
            "score() got an unexpected keyword argument 'unknwn'; did you mean 'unknown'?",
        ),
        (
            lambda model: model.score_many(["a"], unti="word"),
            "score_many() got an unexpected keyword argument 'unti'; did you mean 'unit'?",
        ),
    ],
)
def test_a_wrong_argument_is_named_in_one_sentence(line_model: charlm.LanguageModel, call: Call, sentence: str) -> None:
    with pytest.raises(TypeError) as caught:
        call(line_model)
    assert str(caught.value) == sentence


def test_a_path_is_not_a_text(line_model: charlm.LanguageModel, tmp_path: pathlib.Path) -> None:
    with pytest.raises(TypeError, match=r"score\(\) takes text, or a list of texts, not \w*Path"):
        line_model.score(tmp_path)  # type: ignore[call-overload]


def test_a_list_a_tuple_and_a_generator_of_texts_are_scored(line_model: charlm.LanguageModel) -> None:
    texts = ["the cat", "a dog", ""]
    single = [line_model.score(text) for text in texts]
    for several in (texts, tuple(texts), (text for text in texts), dict.fromkeys(texts, 1).keys()):
        scores = line_model.score(several)
        assert [score.text for score in scores] == texts
        assert [score.logprob for score in scores] == pytest.approx([score.logprob for score in single], rel=1e-5)
    assert line_model.score([]) == line_model.score_many([]) == []
    assert [score.eos for score in line_model.score(texts, eos=False)] == [False] * 3


def test_a_list_of_texts_is_evaluated(line_model: charlm.LanguageModel) -> None:
    texts = ["the cat ran\n", "a dog sat\n"]
    assert [each.tokens for each in line_model.evaluate(texts)] == [12, 10]
    assert line_model.evaluate(texts) == line_model.evaluate_many(texts)
    assert isinstance(line_model.evaluate(texts[0]), charlm.Evaluation)


def shown(method: Callable[..., Any]) -> dict[str, object]:
    """The keyword-only parameters and their defaults."""
    parameters = inspect.signature(method).parameters.values()
    return {each.name: each.default for each in parameters if each.kind == inspect.Parameter.KEYWORD_ONLY}


def test_the_signatures_have_every_keyword_with_its_default() -> None:
    settings = [option.name for each in declarations("generation.samplers") for option in each.options]
    own = ["length", "count", "must_match", "unique", "stop", "whole", "seed", "unknown", "allow_unk"]
    model = charlm.LanguageModel
    assert list(shown(model.sample)) == list(shown(model.generate)) == own + settings
    assert list(shown(model.stream)) == [name for name in own + settings if name != "count"]
    assert {"count": 1, "temperature": 1.0, "top_k": None, "unknown": "error"}.items() <= shown(model.sample).items()
    choices = {"eos": None, "bos": True, "context": "", "unknown": "unk", "unit": "token", "alternatives": None}
    assert shown(model.score) == shown(model.score_many) == choices
    for method in (model.sample, model.stream, model.generate, model.score, model.score_many):
        kinds = {each.kind for each in inspect.signature(method).parameters.values()}
        assert inspect.Parameter.VAR_KEYWORD not in kinds


def test_the_types_for_type_checkers_name_the_same_keywords() -> None:
    """charlm/keywords.py is generated; tests/docs/test_pages.py finds it stale if a sampler changes."""
    assert set(SampleKeywords.__annotations__) == set(shown(charlm.LanguageModel.sample))
    assert set(StreamKeywords.__annotations__) == set(shown(charlm.LanguageModel.stream))


def test_help_explains_every_keyword_of_sample() -> None:
    explained = inspect.getdoc(charlm.LanguageModel.sample) or ""
    for name in shown(charlm.LanguageModel.sample):
        assert f"{name}: " in explained, name


def test_a_keyword_of_a_sampler_of_any_type_is_taken(line_model: charlm.LanguageModel) -> None:
    (drawn,) = line_model.sample("the", top_k=3, top_p=1, seed=7, temperature=None)
    assert drawn.seed == 7
