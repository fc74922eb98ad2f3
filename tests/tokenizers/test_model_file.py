"""Model files of sentencepiece from elsewhere: only their pieces are used, and no file is trusted."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import counters as tally
import pytest
from conftest import LINES, TINY, Outcome

from charlm.tokenizers import Tokenizer
from charlm.tokenizers.sentencepiece import trainer
from charlm.tokenizers.subword import SubwordTokenizer

Run = Callable[..., Outcome]
EACH = pytest.mark.parametrize("model_type", ["unigram", "bpe"])


def foreign(**options: Any) -> bytes:
    """Train a model with sentencepiece's own settings, which change a text."""
    text = LINES + "ﬁne ½ " * 20
    return trainer.run_trainer({"vocab_size": 120, "hard_vocab_limit": False, "minloglevel": 2, **options}, text)


@EACH
def test_the_pieces_of_another_program_are_used_and_its_changes_of_a_text_are_not(model_type: str) -> None:
    """The unused parts are listed."""
    import sentencepiece

    data = foreign(model_type=model_type, user_defined_symbols=["<sep>"])
    tokenizer = SubwordTokenizer.from_other_format(data)
    assert tokenizer is not None
    assert tokenizer.import_notes == (
        "its normalization rules",
        "the space it adds before a text",
        "how it squeezes spaces",
        "4 of its tokens (control, unused, or user-defined)",
    )
    assert tokenizer.size == len(Tokenizer.CONTROL) + 256 + len(its_pieces := pieces(data))
    assert tokenizer.token_texts(range(3, tokenizer.size))[: len(its_pieces)] == its_pieces
    text = " the cats slept a dog ran"
    theirs = sentencepiece.SentencePieceProcessor(model_proto=data).encode(text, out_type=str)
    assert tokenizer.token_texts(tokenizer.encode(text)) == [piece.replace("▁", " ") for piece in theirs]
    text = "  ﬁne ½  <sep>\n漢 "
    assert tokenizer.decode(tokenizer.encode(text)) == text


def pieces(data: bytes) -> list[str]:
    """Decode with sentencepiece itself."""
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(model_proto=data)
    plain = [
        index for index in range(model.vocab_size()) if not model.is_control(index) and not model.is_unknown(index)
    ]
    return [model.id_to_piece(index).replace("▁", " ") for index in plain if model.id_to_piece(index) != "<sep>"]


def test_a_model_that_changes_nothing_has_nothing_to_be_said_of_it() -> None:
    data = foreign(model_type="bpe", byte_fallback=True, vocab_size=400, normalization_rule_name="identity")
    found = SubwordTokenizer.from_other_format(data)
    assert found is not None and "rules" not in "".join(found.import_notes)


def test_a_model_file_of_sentencepiece_serves_at_the_command_line(run: Run, tmp_path: Path) -> None:
    """Parts that would change a text are named; a damaged file is refused in one sentence."""
    (tmp_path / "their.model").write_bytes(foreign(model_type="bpe"))
    (tmp_path / "corpus.txt").write_text(LINES)
    done = run("train", "corpus.txt", "--tokenizer-file", "their.model", "--model", "m", "--steps", "2", *TINY)
    assert done.code == 0, done.err
    assert "their.model: charlm uses the pieces and their scores, but not its normalization rules" in done.err
    shown = run("tokenizer", "show", "-m", "m", "the cats")
    assert "the│ cats\n" in shown.out and "subword" in shown.out
    (tmp_path / "their.model").write_bytes(foreign(model_type="bpe")[:-40])
    for command in (["train", "corpus.txt", "--tokenizer-file"], ["tokenizer", "show"]):
        refused = run(*command, "their.model")
        assert refused.code == 3 and refused.err.count("\n") == 1
        assert "their.model is not a vocabulary: it is damaged, or cut short" in refused.err


@pytest.mark.parametrize("data", [b"", b"{}", b"PK\3\4"])
def test_what_is_no_model_of_sentencepiece_is_for_others(data: bytes) -> None:
    assert SubwordTokenizer.from_other_format(data) is None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\n", "cut short"),
        (b"\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "cut short"),
        (b"\n" + b"\xff" * 20, "cut short"),
        (b"\n\2\x08\1", "number in place of a text"),
        (b"\n\3\n\1\xff", "utf-8"),
        (b"\n\3\n\1a" * 2, "twice"),
        (b"\n\0" * 9, "no text pieces"),
        (b"\n\0\x0b", "damaged"),
        (b"\n" + b"\0" * 2**24, "more than"),
        (b"\n\3\n\1a\x12\2\x18\3", "neither a unigram"),
    ],
)
def test_a_damaged_model_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        SubwordTokenizer.from_other_format(data)
    tally.count("bad files tried")


def test_a_model_that_was_changed_at_random_is_refused_or_loses_no_text() -> None:
    whole, chance, refused = foreign(model_type="unigram"), random.Random(0), 0
    for trial in range(200):
        data = bytearray(whole[: chance.randrange(1, len(whole))] if trial % 3 == 0 else whole)
        for _ in range(chance.randrange(4)):
            data[chance.randrange(1, len(data))] = chance.choice([0, 1, 10, 127, 128, 255, chance.randrange(256)])
        try:
            found = SubwordTokenizer.from_other_format(bytes(data))
        except ValueError:
            refused += 1
        else:
            assert found is not None
            assert found.decode(found.encode("the cats ▁ 漢\n")) == "the cats ▁ 漢\n"
    assert 20 < refused < 200
    tally.count("bad files tried", 200)
