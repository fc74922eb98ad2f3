"""Targets whose symbols have spaces between them: each symbol is a token."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import charlm
from charlm.errors import ModelError
from charlm.tasks.pairs.symbols import find_symbols, packed, unpacked

SHAPE: dict[str, Any] = {"task": "pair", "hidden_size": 32, "layers": 1, "threads": 1, "dropout": 0.0}
PHONES = {"a": "ɒ", "b": "bː", "c": "ts", "d": "d"}
WORDS = [x + y + z for x in "abcd" for y in "abcd" for z in "abcd"]


def pronounced(word: str) -> str:
    return " ".join(PHONES[letter] for letter in word)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("phones")
    (place / "phones.tsv").write_text("".join(f"{word}\t{pronounced(word)}\n" for word in WORDS))
    charlm.train(place / "phones.tsv", steps=120, learning_rate=0.02, folder=place / "m", **SHAPE)
    return place


@pytest.fixture(scope="module")
def model(folder: Path) -> charlm.Translator:
    loaded = charlm.load(folder / "m")
    assert isinstance(loaded, charlm.Translator)
    return loaded


@pytest.mark.parametrize(
    ("targets", "symbols"),
    [
        (["ɒ bː", "bː ts"] * 9, ("bː", "ts")),
        (["a b", "b a"] * 9, ()),
        (["a b", ""] * 9 + ["b a"] * 9, ()),
        (["ab", "ba"] * 9, None),  # no spaces
        (["a  b", "b a"] * 9, None),  # two spaces
        (["these houses were old", "some older house"] * 9, None),  # words
        ([f"a b{number}" for number in range(50)], None),  # other texts have further ones
        (["\U000f0000 b"] * 9, None),  # a private character
    ],
)
def test_which_targets_consist_of_symbols(targets: list[str], symbols: tuple[str, ...] | None) -> None:
    assert find_symbols(targets) == symbols
    if symbols is not None:
        assert [unpacked(packed(each, symbols), symbols) for each in targets] == targets


def test_a_symbol_is_a_token(model: charlm.Translator) -> None:
    assert model.facts.symbols == ("bː", "ts")
    row = model.facts.row(model.tokenizer, "bca", "bː ts ɒ")
    assert len(row.targets) == 4  # with the end
    answers = model.predict(["bca", "dad"])
    assert [answer.target for answer in answers] == ["bː ts ɒ", "d ɒ d"]
    assert model.score([("bca", answers[0].target)]) == pytest.approx([answers[0].logprob], abs=1e-5)
    assert model.score([("bca", "bː tʃ ɒ")]) == [float("-inf")]
    assert all(set(each.split()) <= set(PHONES.values()) for each in model.sample("bca", count=20, seed=1))
    assert model.attention("bca").target == ["bː", "ts", "ɒ", None]


def test_commands_print_the_symbols(run: Any, folder: Path) -> None:
    name = ["-m", str(folder / "m")]
    assert run("predict", "bca", *name).out == "bː ts ɒ\n"
    values = json.loads(run("evaluate", str(folder / "phones.tsv"), *name, "--json").out)
    assert values["exact_match"] > 0.9
    done = run("train", str(folder / "phones.tsv"), "--steps", "1", "-m", str(folder / "new"), "--hidden-size", "8")
    assert "with 3 control tokens, one for each symbol of a target" in done.err


def test_a_given_vocabulary_decides(folder: Path, model: charlm.Translator) -> None:
    again = charlm.train(folder / "phones.tsv", steps=1, tokenizer=model.tokenizer, **SHAPE)
    assert isinstance(again, charlm.Translator) and again.facts.symbols == model.facts.symbols
    plain = charlm.train("\n".join(["abcd", "ɒːts "]) + "\n", task="language", steps=1, hidden_size=8, threads=1)
    other = charlm.train(folder / "phones.tsv", steps=1, tokenizer=plain.tokenizer, **SHAPE)
    assert isinstance(other, charlm.Translator) and other.facts.symbols is None
    by_bytes = charlm.train(folder / "phones.tsv", steps=1, tokenizer="byte", **SHAPE)
    assert isinstance(by_bytes, charlm.Translator) and by_bytes.facts.symbols is None


@pytest.mark.parametrize("symbols", [["b"], ["ts", "bː"], ["x" * 65], "ab", [1]])
def test_a_wrong_list_of_symbols_is_refused(folder: Path, tmp_path: Path, symbols: Any) -> None:
    copy = Path(shutil.copytree(folder / "m", tmp_path / "m"))
    values = json.loads((copy / "pairs.json").read_text())
    (copy / "pairs.json").write_text(json.dumps({**values, "symbols": symbols}))
    with pytest.raises(ModelError, match=r"pairs\.json has (a symbol|symbols) that"):
        charlm.load(copy)
