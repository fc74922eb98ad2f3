"""A program that uses the typed interface of charlm: `make lint` checks it with mypy in strict mode, a test runs it.

Each mistake has the error that mypy must find. mypy also reports a comment that is not needed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import assert_type

import charlm
from charlm.training.events import Event, Finished


def results(model: charlm.LanguageModel) -> None:
    """Every call has the type of its result."""
    score = assert_type(model.score("the cat"), charlm.Score)
    assert_type(model.score(["the", "a"], eos=False, unit="token"), list[charlm.Score])
    assert_type(model.score(text for text in ("the", "a")), list[charlm.Score])
    assert_type(model.score_many(("the", "a"), context="in "), list[charlm.Score])
    assert_type(score.bits_per_char, float | None)
    assert_type(score.tokens, list[str | None])
    assert_type(model.evaluate("the cat\n", unknown="skip"), charlm.Evaluation)
    assert_type(model.evaluate(["the cat\n"]), list[charlm.Evaluation])
    assert_type(model.sample("the", count=2, temperature=0.8, top_k=5, whole="word", seed=1), list[charlm.Sample])
    assert_type(model.stream("the", length=3, top_p=0.9, no_repeat=3), Iterator[str])
    assert_type(model.next_token_probabilities("the")[0], charlm.TokenProbability)
    assert_type(model.adapted("cache"), charlm.LanguageModel)
    assert_type(charlm.lines("a\nb"), list[str])


def training(text: str, folder: Path) -> charlm.LanguageModel:
    """Settings are keywords or objects."""
    steps: list[int] = []

    def report(event: Event) -> None:
        if isinstance(event, Finished):
            steps.append(event.steps)

    shape, run = charlm.ModelConfig(cell="gru", hidden_size=8, layers=1), charlm.TrainConfig(steps=1, batch_size=4)
    model = assert_type(charlm.train(text, shape, run, seq_len=8, report=report), charlm.LanguageModel)
    charlm.train(text, shape, steps=1, batch_size=4, seq_len=8, tokenizer="byte", progress=False)
    model.save(folder, overwrite=True)
    assert_type(charlm.load(), charlm.LanguageModel) if steps == [] else None
    return assert_type(charlm.load(folder, device="cpu"), charlm.LanguageModel)


def mistakes(model: charlm.LanguageModel) -> None:
    """Nobody calls this function."""
    model.score(5)  # type: ignore[call-overload]
    model.score("a", ecs=True)  # type: ignore[call-overload]
    model.sample(temprature=1)  # type: ignore[call-arg]
    model.sample(temperature="hot")  # type: ignore[arg-type]
    model.sample(whole="page")  # type: ignore[arg-type]
    model.stream(count=3)  # type: ignore[call-arg]
    charlm.train("a.txt", charlm.TrainConfig())  # type: ignore[arg-type]
    charlm.train("a.txt", hiden_size=8)  # type: ignore[call-arg]
    charlm.train("a.txt", minutes="3")  # type: ignore[arg-type]
    charlm.train("a.txt", report=5)  # type: ignore[arg-type]
    charlm.load(5)  # type: ignore[arg-type]
    model.save(None)  # type: ignore[arg-type]
    charlm.ModelConfig(hidden_size="8")  # type: ignore[arg-type]
    print(charlm.trian)  # type: ignore[attr-defined]
