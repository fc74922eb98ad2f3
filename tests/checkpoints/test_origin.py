"""The models that a model started from, in words; a file may have any values."""

import json
from typing import Any

import pytest

from charlm.checkpoints.origin import in_words

FIRST = {"model": "first", "sha256": "ab", "corpus": {"files": ["a.txt", "b.txt"], "characters": 1200}}


def test_every_model_is_named_with_its_corpus() -> None:
    first = "first, SHA-256 ab, trained on a.txt, b.txt: 1,200 characters"
    assert in_words(FIRST) == first
    second = {"model": "second", "sha256": "cd", "corpus": {"files": ["c.txt"], "characters": 1, "start": FIRST}}
    expected = f"second, SHA-256 cd, trained on c.txt: 1 character; it started from {first}"
    assert in_words(json.loads(json.dumps(second))) == expected


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (None, ""),
        ([], ""),
        ({"model": 3}, ""),
        ({"model": "m"}, "m, SHA-256 None"),
        ({"model": "m", "sha256": "a", "corpus": {"files": "x"}}, "m, SHA-256 a"),
        (
            {"model": "m", "sha256": "a", "corpus": {"files": [1], "characters": "x", "start": 7}},
            "m, SHA-256 a, trained on 1",
        ),
    ],
)
def test_values_of_another_kind_do_no_harm(values: Any, words: str) -> None:
    assert in_words(values) == words


def test_a_chain_of_any_length_is_read() -> None:
    chain: dict[str, Any] = FIRST
    for _ in range(5000):
        chain = {"model": "m", "sha256": "", "corpus": {"files": [], "start": chain}}
    assert in_words(chain).endswith("1,200 characters")
