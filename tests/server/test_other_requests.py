"""Scores, predictions, tokens, health, and the page at `/`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Outcome
from serving import Address, serving
from small_tasks import settings_of, write

import charlm


def test_scores_are_those_of_the_command(server: Address, run: Callable[..., Outcome], line_folder: Path) -> None:
    texts = ["the cat ran", "", "a dög"]
    reply = server.post("/score", model="lines", text=texts, alternatives=2)
    printed = [json.loads(line) for line in run("score", "-m", line_folder, "-q", "--json", *texts).out.splitlines()]
    scores = reply.values["scores"]
    assert reply.values["model"] == "lines" and len(scores) == 3
    for score, expected in zip(scores, printed, strict=True):
        for name, value in expected.items():
            assert score[name] == (pytest.approx(value, abs=1e-5) if value is not None else None), name
        assert len(score["alternatives"]) == len(score["tokens"])


def test_the_choices_of_a_score_reach_the_model(server: Address, served_stream: charlm.LanguageModel) -> None:
    options: dict[str, Any] = {"bos": False, "eos": False, "context": "And ", "unit": "word", "unknown": "skip"}
    score = server.post("/score", model="stream", text="the word", **options).values["scores"][0]
    expected = served_stream.score("the word", **options)
    assert score["logprob"] == pytest.approx(expected.logprob, abs=1e-5) and score["tokens"] == expected.tokens
    for fields, message in (
        ({"unit": "x"}, "x"),
        ({"unknown": "x"}, "unknown"),
        ({}, "text is missing"),
        ({"text": "a", "texts": 1}, "there is no field 'texts'"),
        ({"text": "a", "bos": 1}, "bos must be true or false"),
    ):
        reply = server.post("/score", **{"model": "lines", "text": "a", **fields} if fields else {"model": "lines"})
        assert reply.status == 400 and message in reply.values["error"]["message"]


def test_predictions_are_those_of_the_model(server: Address, served_films: charlm.Classifier) -> None:
    texts = ["a moving film", "dull"]
    reply = server.post("/predict", model="films", text=texts, top_k=1)
    assert reply.values["task"] == "classify"
    for text, answer, expected in zip(texts, reply.values["answers"], served_films.predict(texts), strict=True):
        assert (answer["text"], answer["label"]) == (text, expected.label)
        assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-5)
    for fields, message in (
        ({"model": "lines", "text": "a"}, "lines is a language model, which answers no questions"),
        ({"model": "films"}, "text is missing"),
        ({"model": "films", "text": "a", "top_k": 0}, "top_k is 0"),
        ({"model": "films", "text": "a", "horizon": 3}, "there is no field 'horizon'"),
    ):
        refusal = server.post("/predict", **fields)
        assert refusal.status == 400 and message in refusal.values["error"]["message"]


def test_the_tokens_of_a_text_and_back(server: Address, served_pieces: charlm.LanguageModel) -> None:
    """What the remote tokenizer of `lm-eval` asks for, here of one of several models."""
    tokenizer, name = served_pieces.tokenizer, "stream-subword"
    ids = tokenizer.encode("the word").tolist()
    assert server.post("/tokenize", model=name, prompt="the word").values == {"count": len(ids), "tokens": ids}
    marked = server.post("/tokenize", model=name, prompt="the word", add_special_tokens=True).values["tokens"]
    assert marked == [tokenizer.START, *ids]
    assert server.post("/detokenize", model=name, tokens=ids).values == {"prompt": "the word"}
    info = server.get(f"/tokenizer_info?model={name}").values
    for role, index in (("bos_token", tokenizer.START), ("eos_token", tokenizer.EOS), ("unk_token", tokenizer.UNK)):
        assert server.post("/tokenize", model=name, prompt=info[role]).values["tokens"] == [index]
    assert len(server.post("/tokenize", model=name, prompt="<EOS>").values["tokens"]) > 1  # a text like any other
    assert server.post("/detokenize", model=name, tokens=[10**6]).status == 400


def test_unknown_paths_and_methods_are_refused_in_the_same_form(server: Address) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("GET", "/v1/completions", 405), ("PUT", "/healthz", 405)):
        reply = server.send(method, path, None, {})
        assert reply.status == status and reply.values["error"]["type"] == "invalid_request_error"
    assert server.get("/").status == 404  # this server has no page


def test_the_page_to_write_with_is_at_the_root(
    served_lines: charlm.LanguageModel, served_films: charlm.Classifier
) -> None:
    from charlm.pages.writing_page import page

    with serving([served_lines, served_films], page=page) as address:
        for path in ("/", "/?model=lines"):
            reply = address.get(path)
            assert reply.headers["content-type"].startswith("text/html")
            assert reply.body.decode() == page(served_lines)
        assert address.get("/?model=films").status == address.get("/?model=x").status == 404


def test_forecasts_are_those_of_the_command(tmp_path: Path, run: Callable[..., Outcome]) -> None:
    charlm.train(write("series", tmp_path), steps=5, folder=tmp_path / "shops", **settings_of("series"))
    with serving([charlm.load(tmp_path / "shops")]) as address:
        choices: list[dict[str, Any]] = [{}, {"horizon": 3}, {"horizon": 2, "level": "50,95"}]
        for fields in choices:
            arguments = [part for name, value in fields.items() for part in (f"--{name}", value)]
            reply = address.post("/predict", **fields)
            printed = run("predict", "-m", tmp_path / "shops", "-q", "--json", *arguments).out.splitlines()
            assert reply.values["task"] == "series"
            for answer, line in zip(reply.values["answers"], printed, strict=True):
                expected = json.loads(line)
                assert list(answer) == list(expected) and answer["ds"] == expected["ds"]
                for name in set(expected) - {"unique_id", "ds"}:
                    assert answer[name] == pytest.approx(expected[name], rel=1e-5), name
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"horizon": 0}, "horizon is 0; it must be at least 1"),
            ({"level": 80}, "level must be a text"),
            ({"text": "3"}, "give the values of a series in a table"),
            ({"with_history": True}, "a series model has horizon and level"),
        ]
        for fields, message in wrong:
            refusal = address.post("/predict", **fields)
            assert refusal.status == 400 and message in refusal.values["error"]["message"]
