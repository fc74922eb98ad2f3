"""Every tokenizer: encode and decode."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from soak import SOAK

from charlm.config import ModelConfig, TextMode
from charlm.errors import ConfigError
from charlm.registry import find, names
from charlm.tokenizers import Tokenizer
from charlm.tokenizers.char import CharTokenizer
from charlm.tokenizers.sentencepiece import trainer, trainer_process

EACH = pytest.mark.parametrize("kind", [find(Tokenizer, name) for name in names("tokenizers")])
MODEST = settings(max_examples=100 if SOAK else 30, deadline=None, derandomize=True)
# Any Unicode text; `st.text()` says the same, but first spends ten seconds on tables of what each character is.
SCALARS = st.integers(0, 0x10FFFF - 0x800).map(lambda number: chr(number if number < 0xD800 else number + 0x800))
TEXTS = st.one_of(st.lists(SCALARS).map("".join), st.text("ab\r\n\t\0<EOS>é\ufffd\ufeff😀"))
CONTROLS = {Tokenizer.UNK, Tokenizer.START, Tokenizer.EOS}


@pytest.fixture(scope="module", autouse=True)
def no_child_process() -> Iterator[None]:
    """Train subwords in this process, as they are trained hundreds of times; `test_subword.py` uses a separate one."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(trainer, "run_trainer", lambda options, text, on_wait: trainer_process.train(options, text))
        yield


def train(kind: type[Tokenizer], *texts: str, mode: TextMode = TextMode.STREAM, **settings: Any) -> Tokenizer:
    return kind.train([[text] for text in texts], ModelConfig(**settings), mode=mode)


@EACH
@MODEST
@given(st.lists(TEXTS, max_size=3))
def test_every_text_comes_back_as_it_was(kind: type[Tokenizer], texts: list[str]) -> None:
    tokenizer = train(kind, *texts)
    for text in texts:
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        assert not CONTROLS & set(ids.tolist())
        assert b"".join(tokenizer.token_bytes(int(index)) for index in ids) == text.encode()
        assert tokenizer.lengths(text, ids).sum() == len(text)
        assert tokenizer.first_unknown(text) is None and tokenizer.without_unknown(text) == text


@EACH
@MODEST
@given(TEXTS)
def test_a_text_may_be_decoded_symbol_by_symbol(kind: type[Tokenizer], text: str) -> None:
    tokenizer = train(kind, text)
    decode = tokenizer.decoder()
    assert "".join(decode(int(index)) for index in tokenizer.encode(text)) == text
    assert decode(Tokenizer.EOS) == ""


@EACH
@MODEST
@given(st.lists(TEXTS), st.booleans())
def test_pieces_are_encoded_as_the_whole(kind: type[Tokenizer], pieces: list[str], lines: bool) -> None:
    """The pieces are cut anywhere; in line mode each line is encoded by itself."""
    whole = "".join(pieces)
    mode = TextMode.LINE if lines else TextMode.STREAM
    tokenizer = train(kind, whole, mode=mode)
    expected = [tokenizer.encode(text) for text in (whole.split("\n") if lines else [whole])]
    found = list(tokenizer.encode_pieces(pieces, mode=mode))
    assert (
        np.concatenate([*found, []]).tolist()
        == np.concatenate([expected[0], *(part for ids in expected[1:] for part in ([Tokenizer.EOS], ids))]).tolist()
    )


@EACH
def test_a_long_text_is_encoded_as_its_pieces(kind: type[Tokenizer]) -> None:
    """Words, runs, and characters are longer than the blocks that are encoded together."""
    text = "it’s 日本語 \n\n\t " * 40 + "w" * 3_000 + " " * 700 + "é" * 500 + "don't " * 90 + "\n" * 300
    tokenizer = train(kind, text)
    whole = tokenizer.encode(text)
    assert tokenizer.decode(whole) == text
    for step in (1, 7, 64, 301):
        pieces = (text[place : place + step] for place in range(0, len(text), step))
        assert np.concatenate(list(tokenizer.encode_pieces(pieces))).tolist() == whole.tolist()


@EACH
@MODEST
@given(TEXTS, TEXTS)
def test_each_symbol_of_a_text_completes_so_many_of_its_characters(
    kind: type[Tokenizer], learned: str, text: str
) -> None:
    """Their sum is the length of the text, even if some of it is unknown."""
    tokenizer = train(kind, learned)
    ids = tokenizer.encode(text)
    lengths = tokenizer.lengths(text, ids)
    assert len(lengths) == len(ids) and lengths.sum() == len(text)
    ends = np.cumsum(lengths)
    surfaces = [tokenizer.token_bytes(int(index)) for index in ids]
    done = 0  # of the symbols
    for place, end in enumerate(ends.tolist()):
        if lengths[place] and Tokenizer.UNK not in ids[done : place + 1]:
            start = end - int(lengths[place])
            assert b"".join(surfaces[done : place + 1]) == text[start:end].encode()
        if lengths[place]:
            done = place + 1


@EACH
@MODEST
@given(st.lists(st.integers(0, 2**30)))
def test_any_symbols_are_decoded_one_by_one_as_together(kind: type[Tokenizer], numbers: list[int]) -> None:
    tokenizer = train(kind, "a é 😀 the the cat cat")
    ids = [number % tokenizer.size for number in numbers]
    decode = tokenizer.decoder()
    assert "".join(map(decode, [*ids, Tokenizer.EOS])) == tokenizer.decode(ids)


@EACH
@MODEST
@given(TEXTS, TEXTS)
def test_a_tokenizer_comes_back_from_its_file(kind: type[Tokenizer], learned: str, text: str) -> None:
    tokenizer = train(kind, learned)
    stored = json.loads(json.dumps(tokenizer.to_json(), ensure_ascii=False).encode())
    again = kind.from_json(stored)
    assert again.size == tokenizer.size and again.to_json() == tokenizer.to_json()
    assert again.encode(text).tolist() == tokenizer.encode(text).tolist()


@EACH
def test_a_setting_of_another_kind_is_refused(kind: type[Tokenizer]) -> None:
    given = {"vocab_size": 300, "min_count": 3, "closed": True, "model_type": "bpe"}
    for name, value in given.items():
        config = ModelConfig(**{name: value})
        if name in kind.SETTINGS:
            kind.check(config)
        else:
            with pytest.raises(ConfigError, match=f"does not use {name}"):
                kind.check(config)


@EACH
@pytest.mark.parametrize("control", Tokenizer.CONTROL)
def test_control_symbols_have_no_surface_form(kind: type[Tokenizer], control: str) -> None:
    """Their names in a text are ordinary letters; the tokens decode to nothing, or to a replacement character."""
    text = f"a {control} b"
    tokenizer = train(kind, text)
    assert not CONTROLS & set(tokenizer.encode(text).tolist())
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert [tokenizer.token_text(index) for index in sorted(CONTROLS)] == [None, None, None]
    a = tokenizer.encode("a")
    assert tokenizer.decode([Tokenizer.START, *a, Tokenizer.EOS]) == "a"
    assert tokenizer.decode([*a, Tokenizer.UNK, *a]) == "a\ufffda"


@EACH
def test_equal_texts_make_equal_vocabularies_in_any_order(kind: type[Tokenizer]) -> None:
    assert train(kind, "the cat", "the dog").to_json() == train(kind, "the dog", "the cat").to_json()


@EACH
def test_a_line_end_is_a_symbol_whose_text_ends_in_a_newline(kind: type[Tokenizer]) -> None:
    tokenizer = train(kind, "a\nb\r\n")
    ends = tokenizer.line_ends()
    assert [bool(ends[index]) for index in tokenizer.encode("a\nb\r\n")] == [False, True, False, False, True]
    assert len(ends) == tokenizer.size and not ends[:3].any()


def test_characters_are_numbered_in_code_point_order_after_the_control_symbols() -> None:
    tokenizer = train(CharTokenizer, "b😀", "aé")
    assert tokenizer.size == 7
    assert tokenizer.encode("abé😀").tolist() == [3, 4, 5, 6]
    assert [tokenizer.token_text(index) for index in range(7)] == [None, None, None, "a", "b", "é", "😀"]


def test_rare_characters_fold_into_unknown() -> None:
    tokenizer = train(CharTokenizer, "abab\nc", "c\nd", min_count=2, mode=TextMode.LINE)
    assert tokenizer.to_json() == {"characters": "abc"}
    assert tokenizer.decode(tokenizer.encode("abcd")) == "abc\ufffd"


@MODEST
@given(st.text("abé", max_size=5), st.text("abcdeé€\U0010ffff\0", max_size=20))
def test_unknown_characters_are_marked_found_and_left_out(learned: str, text: str) -> None:
    tokenizer = train(CharTokenizer, learned)
    strange = [position for position, character in enumerate(text) if character not in learned]
    first = tokenizer.first_unknown(text)
    assert first == ((strange[0], text[strange[0]]) if strange else None)
    assert tokenizer.decode(tokenizer.encode(text)) == "".join(c if c in learned else "\ufffd" for c in text)
    assert tokenizer.without_unknown(text) == "".join(c for c in text if c in learned)


@EACH
@pytest.mark.parametrize("values", [None, [], "abc", 3, {}, {"characters": 3}, {"characters": ["a"]}, {"bytes": 255}])
def test_what_is_no_vocabulary_is_refused(kind: type[Tokenizer], values: object) -> None:
    with pytest.raises(ValueError):
        kind.from_json(values)


@pytest.mark.parametrize("characters", ["ba", "aa"])
def test_a_vocabulary_of_characters_is_in_order_each_once(characters: str) -> None:
    with pytest.raises(ValueError, match="ascending"):
        CharTokenizer.from_json({"characters": characters})
    with pytest.raises(ValueError, match="characters"):
        CharTokenizer.from_json({"characters": "ab", "more": 1})
