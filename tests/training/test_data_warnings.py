"""What is said of a corpus before the time is spent on it."""

import pytest

import charlm
from charlm.cli.remedies import advise, sentence
from charlm.config import ModelConfig, TrainConfig
from charlm.tasks.text.about import warnings
from charlm.tasks.text.dataset import TextDataset
from charlm.tasks.text.preparation import prepare
from charlm.tokenizers.byte import ByteTokenizer
from charlm.tokenizers.char import CharTokenizer

SENTENCES = "".join(f"{who} {what}\n" for who in ("the cat", "a dog", "a fish") for what in ("ran", "sat")) * 40


def sentences(dataset: TextDataset) -> list[str]:
    """The warnings, as the command line words them."""
    return [advise(*each) for each in warnings(dataset)]


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
    small, unknown = told(letters * 10 + "\n", "stream")
    assert "each of the 90 tokens occurs 9 times on average" in small
    assert unknown.startswith("1 of the 91 characters held out"), "the only newline is the last character"


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


GREEK = "αβγδε" * 40
GIVEN = CharTokenizer("".join(sorted({*SENTENCES} - {"\n"})))


def test_the_unknown_share_of_the_held_out_part_is_reported() -> None:
    """A tenth of 2,400 characters is held out; its last 60 are Greek. In line mode, line ends do not count."""
    assert told(SENTENCES[:2340] + GREEK[:60], "stream")[-1] == (
        "60 of the 240 characters held out (25.00%) are unknown to the model; validation leaves them out"
    )
    (said,) = sentences(prepare(SENTENCES, ModelConfig(), TrainConfig(), "the cat\nαβγ\n"))
    assert said.startswith("3 of the 10 characters held out (30.00%) are unknown")


@pytest.mark.parametrize(
    ("text", "model", "valid", "tokenizer", "remedy"),
    [
        (SENTENCES[:1800] + GREEK, ModelConfig(sequence="stream"), None, None, "move text of the same kind to the end"),
        (SENTENCES, ModelConfig(), "αβγ\nδε\n", None, "another text of the same kind with --valid"),
        (SENTENCES, ModelConfig(tokenizer="word", closed=True), "whale\nwolf\n", None, "leave --closed out"),
        (SENTENCES, ModelConfig(vocabulary="0" * 64), "αβγ\nδε\n", GIVEN, "another --tokenizer-file"),
    ],
    ids=["the end of a text", "a separate text", "a closed vocabulary", "a given vocabulary"],
)
def test_a_held_out_part_without_a_known_character_is_refused(
    text: str, model: ModelConfig, valid: str | None, tokenizer: CharTokenizer | None, remedy: str
) -> None:
    """Line ends are known, but they are no characters of the text."""
    with pytest.raises(charlm.CorpusError, match="characters held out are unknown: the vocabulary has none") as refused:
        prepare(text, model, TrainConfig(), valid, tokenizer=tokenizer)
    assert remedy in sentence(refused.value)


def test_training_text_without_a_known_character_is_refused() -> None:
    """The vocabulary is that of another language, and the held-out text would be fine."""
    with pytest.raises(charlm.CorpusError, match="all characters to train on are unknown") as refused:
        prepare(GREEK + "\n", ModelConfig(vocabulary="0" * 64), TrainConfig(), SENTENCES, tokenizer=GIVEN)
    assert "--tokenizer-file" in sentence(refused.value)


def test_bytes_and_blank_lines_are_known() -> None:
    assert prepare(SENTENCES, ModelConfig(tokenizer="byte"), TrainConfig(), "αβγ\n").held_out_unknown == 0
    assert prepare(SENTENCES, ModelConfig(), TrainConfig(), "\n\n").held_out_unknown == 0
