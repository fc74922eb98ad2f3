"""Hashed n-grams of characters: the vector of a word that training may not have seen."""

import torch

from charlm.nn.embeddings import Embedding
from charlm.nn.ngram_features import FEATURES, SpelledWords, _hash, _shape, feature_rows, without_some
from charlm.registry import find


def test_the_hash_is_fnv_1a() -> None:
    """The values are those of its authors; a folder of a model relies on them."""
    assert [_hash(text) for text in ("", "a", "foobar")] == [0xCBF29CE484222325, 0xAF63DC4C8601EC8C, 0x85944171F73967E8]


def test_words_share_the_rows_of_what_they_have_in_common() -> None:
    walking, talking = feature_rows("walking"), feature_rows("Talking")
    assert len(walking) == FEATURES == 10
    assert [own == other for own, other in zip(walking, talking, strict=True)] == [False] * 6 + [True] * 4
    assert feature_rows("it")[4:] == (*feature_rows("it")[4:6], 0, 0, 0, 0)  # no prefix and suffix of three characters
    assert [_shape(word) for word in ("NASA", "McDonald's", "1,000", "été", "")] == ["X", "XxXx'x", "9,9", "x", ""]


def test_the_input_is_the_sum_of_the_vectors_of_a_word_and_its_features() -> None:
    network = SpelledWords(find(Embedding, "learned")(5, 3))
    with torch.no_grad():
        network.features[1:] = torch.randn(len(network.features) - 1, 3)
    rows = feature_rows("it")
    ids = torch.tensor([[[4, *rows]], [[0, *[0] * FEATURES]]])  # (T, B, 11): a word, and padding
    expected = network.words.vectors(torch.tensor(4)) + sum(network.features[row] for row in rows if row)
    assert torch.allclose(network.vectors(ids)[0, 0], expected)
    assert network.vectors(ids)[1, 0].tolist() == [0, 0, 0]


def test_some_are_hidden_and_a_generator_decides_which() -> None:
    rows = torch.ones(100, 100, dtype=torch.long)
    first, again = (without_some(rows, 0.1, torch.Generator().manual_seed(0)) for _ in range(2))
    assert first.equal(again) and 8_800 < int(first.sum()) < 9_200
