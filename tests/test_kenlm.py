"""Check KenLM's interface: the types are those of the package kenlm, the values are those of charlm's scores."""

import io
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Outcome

import charlm
from charlm import kenlm
from charlm.cli.formats.kenlm import shortest

Run = Callable[..., Outcome]
LOG10 = math.log(10)
CALLS: dict[str, Callable[[Any], Any]] = {
    "score": lambda model: model.score("the cat"),
    "score of bytes": lambda model: model.score(b"the cat"),
    "score by position": lambda model: model.score("the cat", True, False),
    "score of a fragment": lambda model: model.score("the cat", bos=False, eos=False),
    "full_scores": lambda model: list(model.full_scores("the cat \n xyz")),
    "full_scores by position": lambda model: list(model.full_scores("the cat", False, True)),
    "full_scores of nothing": lambda model: list(model.full_scores("")),
    "full_scores are made one by one": lambda model: next(iter(model.full_scores("the cat"))),
    "perplexity": lambda model: model.perplexity("the cat"),
    "perplexity of nothing": lambda model: model.perplexity(""),
    "a known word": lambda model: "cat" in model,
    "an unknown word": lambda model: "XYZ" in model,
}  # what both answer; KenLM's methods are compiled and have no signature to compare
ARPA = (
    "\\data\\\nngram 1=5\nngram 2=1\n\n\\1-grams:\n-1\t<unk>\n-99\t<s>\t-1\n-0.7\t</s>\n-0.5\tthe\t-1\n-0.6\tcat\n"
    "\n\\2-grams:\n-0.1\tthe cat\n\n\\end\\\n"
)


@pytest.fixture
def facade(line_folder: Path) -> kenlm.Model:
    return kenlm.Model(line_folder)


def shape(value: Any) -> Any:
    """Return the types in a value, in the form of the value."""
    if isinstance(value, list | tuple):
        return type(value), [shape(each) for each in value]
    return type(value)


@pytest.mark.parametrize("name", CALLS)
def test_every_call_that_kenlm_answers_is_answered_in_the_same_form(
    facade: kenlm.Model, tmp_path: Path, name: str
) -> None:
    theirs = pytest.importorskip("kenlm")
    (tmp_path / "model.arpa").write_text(ARPA)
    assert shape(CALLS[name](facade)) == shape(CALLS[name](theirs.Model(str(tmp_path / "model.arpa"))))


@pytest.mark.parametrize("name", CALLS)
def test_every_call_is_answered_in_the_form_that_kenlm_documents(facade: kenlm.Model, name: str) -> None:
    """Check the types without the package: a float; a triple (log10, length, unknown) for each word; a bool."""
    found = CALLS[name](facade)
    words = {"full_scores": 4, "full_scores by position": 3, "full_scores of nothing": 1}
    if name in words:
        assert [shape(each) for each in found] == [(tuple, [float, int, bool])] * words[name]
    elif name.startswith("full_scores"):
        assert shape(found) == (tuple, [float, int, bool])
    else:
        assert isinstance(found, bool if "word" in name else float)


def test_a_score_is_that_of_the_sentence_in_log10(facade: kenlm.Model, line_folder: Path) -> None:
    model = charlm.load(line_folder)
    for bos in (True, False):
        for eos in (True, False):
            expected = model.score("the cat ran", bos=bos, eos=eos).logprob / LOG10
            assert facade.score("the cat ran", bos=bos, eos=eos) == pytest.approx(expected)
            assert sum(value for value, _, _ in facade.full_scores("the cat ran", bos, eos)) == pytest.approx(expected)
    assert facade.perplexity("the cat ran") == pytest.approx(10 ** (-facade.score("the cat ran") / 4))


def test_a_word_has_its_tokens_and_the_space_before_it(facade: kenlm.Model, line_folder: Path) -> None:
    logprobs = charlm.load(line_folder).score("a cat").logprobs  # a, space, c, a, t, <EOS>
    expected = [sum(logprobs[part]) / LOG10 for part in (slice(0, 1), slice(1, 5), slice(5, 6))]
    assert list(facade.full_scores("a cat")) == [
        (pytest.approx(value), length, False) for value, length in zip(expected, (2, 3, 4), strict=True)
    ]
    without_start = charlm.load(line_folder).score("a cat", bos=False).logprobs
    assert [value for value, _, _ in facade.full_scores("a cat", bos=False)] == pytest.approx(
        [0, sum(without_start[:4]) / LOG10, without_start[4] / LOG10]
    )


def test_words_are_parted_by_ascii_whitespace_however_much(facade: kenlm.Model) -> None:
    assert facade.score("\t the \r\n cat\v") == facade.score("the cat")
    assert [oov for _, _, oov in facade.full_scores("the\u00a0cat dög")] == [True, True, False]


def test_an_unknown_first_letter_makes_its_word_unknown_even_as_context(facade: kenlm.Model) -> None:
    assert [oov for _, _, oov in facade.full_scores("éa cat", bos=False)] == [True, False, False]


def test_a_model_without_an_end_says_so(stream_folder: Path) -> None:
    model = kenlm.Model(str(stream_folder))
    with pytest.raises(charlm.ConfigError, match="eos=False"):
        model.score("the word")
    assert model.score("the word", eos=False) < 0


def test_what_is_no_model_is_an_error_of_charlm(tmp_path: Path) -> None:
    with pytest.raises(charlm.ModelError):
        kenlm.Model(tmp_path / "nothing")


# what `query` prints


def rows(text: str) -> Iterator[list[str]]:
    return (line.split("\t") for line in text.splitlines())


def test_the_lines_of_query(run: Run, line_folder: Path, facade: kenlm.Model, tmp_path: Path) -> None:
    """Each word is `word=number length log10` and a tab, then the total; the figures of all lines follow."""
    (tmp_path / "some.txt").write_text("the  cat\n\na dög\n", encoding="utf-8")
    done = run("score", "--format", "kenlm", "-m", line_folder, "--file", "some.txt")
    first, empty, last, *summary = rows(done.out)
    words = list(facade.full_scores("the cat"))
    assert first == [
        *(
            f"{text}={number} {length} {shortest_of(value)}"
            for text, number, (value, length, _) in zip(("the", "cat", "</s>"), (1, 1, 2), words, strict=True)
        ),
        f"Total: {shortest_of(facade.score('the cat'))} OOV: 0",
    ]
    assert [cell.split()[0] for cell in empty] == ["</s>=2", "Total:"]
    assert last[1] == "dög=0 3 -inf" and last[3] == "Total: -inf OOV: 1"
    assert [name for name, _ in summary] == [
        *("Perplexity including OOVs:", "Perplexity excluding OOVs:", "OOVs:", "Tokens:")
    ]
    known = [value for text in ("the cat", "", "a dög") for value, _, oov in facade.full_scores(text) if not oov]
    assert summary[0][1] == "inf" and summary[2][1] == "1" and summary[3][1] == "7"
    assert float(summary[1][1]) == pytest.approx(10 ** (-sum(known) / len(known)))
    assert "hartleys" in done.err and "from the start" in done.err


SENTENCES = """\
the=1 2 #\tcat=1 3 #\t</s>=2 4 #\tTotal: # OOV: 0
</s>=2 2 #\tTotal: # OOV: 0
a=1 2 #\tdög=0 3 -inf\t</s>=2 4 #\tTotal: -inf OOV: 1
Perplexity including OOVs:\tinf
Perplexity excluding OOVs:\t#
OOVs:\t1
Tokens:\t7
"""  # `query` of KenLM 0.2.0, compiled, laid these out so; # is a number with a point
NOTHING = "Perplexity including OOVs:\tNaN\nPerplexity excluding OOVs:\tNaN\nOOVs:\t0\nTokens:\t0\n"


@pytest.mark.parametrize(
    ("text", "laid_out"), [("the  cat \n\n\ta d\u00f6g\r\n", SENTENCES), ("", NOTHING)], ids=["sentences", "nothing"]
)
def test_what_is_piped_in_comes_out_as_query_lays_it_out(
    run: Run, line_folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, laid_out: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    out = run("score", "--format", "kenlm", "-q", "-m", line_folder).out
    assert re.sub(r"-?\d+\.\d+(e-\d+)?", "#", out) == laid_out


def shortest_of(value: float) -> str:
    import numpy as np

    return shortest(np.float32(value))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *[
            (-0.1, "-0.1"),
            (-3.0, "-3"),
            (0.0, "0"),
            (1e-6, "0.000001"),
            (-1.5e-7, "-1.5e-7"),
            (123456792.0, "123456790"),
        ],
        *[(1e22, "1e22"), (math.inf, "inf"), (-math.inf, "-inf"), (math.nan, "NaN")],
    ],
)
def test_numbers_are_as_short_as_kenlm_writes_them(value: float, shown: str) -> None:
    assert shortest_of(value) == shown


def test_a_stream_is_queried_line_by_line_without_an_end(run: Run, stream_folder: Path) -> None:
    done = run("score", "--format", "kenlm", "-m", stream_folder, "the word\nthe text\n")
    first, second, *_ = rows(done.out)
    assert [cell.split("=")[0] for cell in first[:-1]] == ["the", "word"]
    assert [cell.split("=")[0] for cell in second[:-1]] == ["the", "text"]


@pytest.mark.parametrize("options", [["--base", "2"], ["--unit", "word"], ["--unknown", "skip"], ["--json"]])
def test_what_query_does_not_do_is_refused(run: Run, line_folder: Path, options: list[str]) -> None:
    refused = run("score", "--format", "kenlm", *options, "-m", line_folder, "a")
    assert (refused.code, refused.out) == (2, "")
