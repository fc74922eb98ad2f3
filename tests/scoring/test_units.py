"""Check the units that log-probabilities are summed over, for tokens that are not single characters."""

import numpy as np
import pytest

import charlm
from charlm.scoring import units
from charlm.tokenizers import Tokenizer
from charlm.tokenizers.char import CharTokenizer


class Pieces(CharTokenizer):
    """A character tokenizer whose last token is a longer piece of text."""

    def __init__(self, piece: str) -> None:
        super().__init__("abz")
        self.piece = piece

    def token_text(self, index: int) -> str | None:
        return self.piece if index == 5 else super().token_text(index)


def test_characters_have_every_unit() -> None:
    for unit in ("char", "token", "word"):
        units.check(CharTokenizer(" ab\n"), unit)  # type: ignore[arg-type]


@pytest.mark.parametrize("piece", [" the", "ing", "\n\n", " \n the"])
def test_a_piece_within_one_word_has_a_share_in_it_but_its_characters_have_none(piece: str) -> None:
    units.check(Pieces(piece), "word")
    units.check(Pieces(piece), "token")
    with pytest.raises(charlm.ConfigError) as refused:
        units.check(Pieces(piece), "char")
    assert repr(piece) in str(refused.value)


@pytest.mark.parametrize("piece", ["of the", "s ", " the\n"])
def test_a_piece_of_two_words_has_a_share_in_neither(piece: str) -> None:
    with pytest.raises(charlm.ConfigError, match="spans a word boundary") as refused:
        units.check(Pieces(piece), "word")
    assert repr(piece) in str(refused.value)


def test_a_boundary_is_whitespace_or_the_end() -> None:
    assert np.flatnonzero(units.boundaries(CharTokenizer("\n ab"))).tolist() == [Tokenizer.EOS, 3, 4]
    assert np.flatnonzero(units.boundaries(Pieces(" the"))).tolist() == [Tokenizer.EOS, 5]


@pytest.mark.parametrize(
    ("text", "starts"),
    [("", []), ("a", [0]), ("the cat", [0, 3]), ("  the\n\ncat ", [0, 5, 10]), ("   ", [0]), ("a\u00a0b", [0, 1])],
)
def test_a_word_has_the_whitespace_before_it(text: str, starts: list[int]) -> None:
    assert units.word_starts(CharTokenizer(text), text) == starts


def test_pieces_are_put_together_to_words() -> None:
    """the| cat|s| sat: "the", " cats" and " sat" from tokens of 3, 4, 1 and 4 characters."""
    assert units.groups([0, 3, 8], np.array([3, 4, 1, 4])) == [slice(0, 1), slice(1, 3), slice(3, 4)]
    assert units.groups([], np.array([], dtype=int)) == []
