"""Hashed n-grams of a text: its words, its pairs of words, and the pieces of its words."""

import numpy as np
import pytest
import torch

from charlm.nn.text_ngrams import NgramScores, ngram_rows, rows_of_texts, table_rows

COUNT = 2**17


def by_hand(parts: list[str]) -> list[int]:
    """Return the row of each part of a text: the hash in whole numbers of Python, of any size."""
    rows = []
    for part in parts:
        number = sum(ord(each) * 0x100000001B3 ** (place + 1) for place, each in enumerate(part))
        number = number * pow(0x100000001B3, -1, 2**64) % 2**64
        number = (number ^ number >> 32) * 0x9E3779B97F4A7C15 % 2**64
        rows.append((number ^ number >> 29) % COUNT + 1)
    return sorted(rows)


def test_the_ngrams_are_words_pairs_and_pieces() -> None:
    words, pairs = [" to ", " be "], [" to be "]
    pieces = [*"tobe", " t", "to", "o ", " b", "be", "e ", " to", "to ", " be", "be ", " to ", " be "]
    for text in ("to be", "To  BE", "\nto\tbe "):
        assert sorted(ngram_rows(text, COUNT)) == by_hand(words + pairs + pieces)


def test_a_long_word_has_pieces_of_at_most_six_characters() -> None:
    text = " quickly "
    pieces = [text[first : first + n] for n in range(1, 7) for first in range(len(text) - n + 1)]
    assert sorted(ngram_rows("quickly", COUNT)) == by_hand([text, *(each for each in pieces if each != " ")])


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_a_text_without_words_has_no_ngrams(text: str) -> None:
    assert len(ngram_rows(text, COUNT)) == 0


def test_every_string_has_rows_of_the_table() -> None:
    for text in ("\0", "\ud800 \udcff", "日本語", "x" * 100_000, "a " * 9000):
        rows = ngram_rows(text, 7)
        assert len(rows) and rows.min() >= 1 and rows.max() <= 7
    assert ngram_rows("x" * 10_000, COUNT).tolist() == ngram_rows("x" * 100_000, COUNT).tolist()


def test_the_scores_of_a_text_are_the_mean_over_its_ngrams_whatever_is_beside_it() -> None:
    scores = NgramScores(3)
    count = table_rows(3)
    with torch.no_grad():
        scores.table.normal_()
        scores.bias.normal_()
        together = scores(rows_of_texts(["to be", "", "a much longer text"], count))
        for text, found in zip(("to be", ""), together, strict=False):
            torch.testing.assert_close(scores(rows_of_texts([text], count))[0], found)
        mean = scores.table[torch.from_numpy(ngram_rows("to be", count))].mean(0)
    torch.testing.assert_close(together[0], 30 * mean + scores.bias)
    assert together[1].equal(scores.bias)


def test_a_table_of_many_labels_has_fewer_rows() -> None:
    assert [table_rows(labels) for labels in (2, 16, 32, 10**6)] == [2**17, 2**17, 2**16, 2**8]
    assert np.isin(ngram_rows("to be", table_rows(10**6)), np.arange(1, 257)).all()
