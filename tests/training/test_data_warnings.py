"""What is said of a corpus before the time is spent on it."""

import pytest

from charlm.cli.remedies import advise
from charlm.config import ModelConfig, TrainConfig
from charlm.tasks.language import Dataset, prepare
from charlm.tokenizers.byte import ByteTokenizer
from charlm.tokenizers.char import CharTokenizer

SENTENCES = "".join(f"{who} {what}\n" for who in ("the cat", "a dog", "a fish") for what in ("ran", "sat")) * 40


def sentences(dataset: Dataset) -> list[str]:
    """The warnings, as the command line words them."""
    return [advise(*each) for each in dataset.warnings()]


def told(text: str, sequence: str = "auto") -> list[str]:
    return sentences(prepare(text, ModelConfig(sequence=sequence), TrainConfig(), None))


def test_an_ordinary_text_has_no_warning() -> None:
    assert told(SENTENCES) == []
    assert told("In the beginning was the word.\n\nAnd the word was long.\n" * 60) == []


def test_symbols_of_a_given_vocabulary_that_never_come_are_rare_and_bytes_are_not() -> None:
    rare = {chr(0x4E00 + number) for number in range(10)}
    given = CharTokenizer("".join(sorted({*SENTENCES, *rare} - {"\n"})))
    (said,) = sentences(prepare(SENTENCES * 9, ModelConfig(), TrainConfig(), None, tokenizer=given))
    assert said.startswith("10 of 24 tokens occur 5 times or fewer")
    assert sentences(prepare(SENTENCES, ModelConfig(), TrainConfig(), None, tokenizer=ByteTokenizer())) == []


def test_a_text_small_for_its_vocabulary_is_told_with_the_figures() -> None:
    """Ninety different letters, nine hundred in all, and a tenth of them is held out."""
    letters = "".join(chr(0x4E00 + number) for number in range(90))
    (said,) = told(letters * 10 + "\n", "stream")
    assert "each of the 90 tokens occurs 9 times on average" in said


def test_rare_characters_are_counted() -> None:
    rare = "".join(chr(0x4E00 + number) for number in range(10))
    (said,) = told(rare + "\n" + SENTENCES * 9)
    assert said.startswith("10 of 24 tokens occur 5 times or fewer")


@pytest.mark.parametrize(
    ("odd", "named"), [("\n", "1 blank line"), ("x" * 1001 + "\n", "1 long line"), ("\n\n", "2 blank lines")]
)
def test_lines_read_as_a_stream_because_of_next_to_nothing_are_told(odd: str, named: str) -> None:
    (said,) = told(SENTENCES + odd + SENTENCES)
    assert named in said and "--sequence line" in said
    assert told(SENTENCES + odd + SENTENCES, "stream") == [], "as asked"


def test_a_poem_with_its_blank_lines_is_no_text_of_lines() -> None:
    assert told("".join(f"{line}\n" * 4 + "\n" for line in ("roses are red", "violets are blue")) * 40) == []
