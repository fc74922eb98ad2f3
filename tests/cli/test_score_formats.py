"""`charlm score`: its conventions, and the forms of what it writes; `test_cli_score` has the table and the JSON."""

import csv
import io
import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest
from conftest import Outcome

import charlm
from charlm.wording import probability

Run = Callable[..., Outcome]
NATS = {"e": 1.0, "2": math.log(2), "10": math.log(10)}
NAMES = {"e": "nats", "2": "bits", "10": "hartleys"}


# conventions


def test_json_states_every_convention(run: Run, line_folder: Path) -> None:
    options = ["--no-bos", "--no-eos", "--context", "the ", "--unit", "word", "--base", "10"]
    value = json.loads(run("score", "--json", "-m", line_folder, *options, "cat ran").out)
    assert {name: value[name] for name in ("bos", "eos", "context", "unit", "base")} == {
        **{"bos": False, "eos": False, "context": "the ", "unit": "word", "base": "10"}
    }
    assert value["tokens"] == ["cat", " ran"]


@pytest.mark.parametrize("base", ["e", "2", "10"])
def test_the_base_is_that_of_every_logarithm(run: Run, line_folder: Path, base: str) -> None:
    found = charlm.load(line_folder).score("the €", alternatives=0)
    value = json.loads(run("score", "--json", "--full", "--base", base, "-m", line_folder, "the €").out)
    assert value["logprobs"][:4] == pytest.approx([each / NATS[base] for each in found.logprobs[:4]])
    assert value["entropies"] == pytest.approx([each / NATS[base] for each in found.entropies or []])
    assert value["logprob_known"] == pytest.approx(found.logprob_known / NATS[base])
    assert value["ranks"] == found.ranks
    assert (value["bits_per_char_known"], value["perplexity_known"]) == pytest.approx(
        (found.bits_per_char_known, found.perplexity_known)
    )
    table = run("score", "--base", base, "-m", line_folder, "the").out
    total = charlm.load(line_folder).score("the").logprob / NATS[base]
    assert f"log-probability {total:.4f} {NAMES[base]}" in table
    assert f"surprisal ({NAMES[base]})" in table


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "scored per token from the start of the text; end included; log-probability in nats, surprisal in bits"),
        (["--no-bos", "--no-eos"], "scored per token after the first token, which is context; end not included;"),
        (["--context", "a ", "--unit", "word"], "scored per word after the start token and the context 'a ';"),
    ],
)
def test_the_table_ends_with_the_conventions(run: Run, line_folder: Path, options: list[str], words: str) -> None:
    assert run("score", "-m", line_folder, *options, "the cat").out.splitlines()[-1].startswith(words)


def test_a_first_token_that_is_context_has_no_figures(run: Run, line_folder: Path) -> None:
    done = run("score", "--no-bos", "-m", line_folder, "cat")
    assert re.search(r"^ +'c' +– +–$", done.out, re.MULTILINE)
    assert len(re.findall(r"^ +('.'|<EOS>) +0\.\d+ +\d+\.\d+$", done.out, re.MULTILINE)) == 3


def test_unknown_tokens_are_in_one_perplexity_and_out_of_the_other(run: Run, line_folder: Path) -> None:
    done = run("score", "-m", line_folder, "the cat", "a dög")
    known = [charlm.load(line_folder).score(text) for text in ("the cat", "a dög")]
    mean = -sum(each.logprob_known for each in known) / sum(each.known for each in known)
    unknown, perplexity = (
        "1 unknown character with probability 0; without it, log-probability",
        known[1].perplexity_known,
    )
    assert f"{unknown} {known[1].logprob_known:.4f} nats (" in done.out and f"perplexity {perplexity:.4f}, " in done.out
    (total,) = re.findall(r"^all 2 texts: .*$", done.out, re.MULTILINE)
    assert f"perplexity {math.exp(mean):.4f}, " in total
    assert re.search(r"^ +<UNK> 'ö' +0\.000000 +inf$", done.out, re.MULTILINE)


def test_a_summary_has_the_figures_of_all_texts_and_no_others(run: Run, line_folder: Path) -> None:
    """The sum of the log-probabilities, its probability, and the means over all tokens and characters."""
    scores = [charlm.load(line_folder).score(text) for text in ("the cat", "a dog ran")]
    nats, count = -sum(score.logprob for score in scores), len("the cat") + len("a dog ran") + 2
    figures, convention = run("score", "--summary", "-m", line_folder, "the cat", "a dog ran").out.splitlines()
    assert figures.startswith(f"2 texts, {count} tokens: log-probability {-nats:.4f} nats (probability ")
    assert float(figures.split("(probability ")[1].split(")")[0]) == pytest.approx(math.exp(-nats), rel=0.005)
    ending = f"perplexity {math.exp(nats / count):.4f}, {nats / math.log(2) / count:.4f} bits per character"
    assert figures.endswith(ending) and convention.startswith("scored per token from the start")


def test_a_probability_too_small_for_a_float_is_written_all_the_same() -> None:
    assert [probability(math.log(each)) for each in (1, 0.25, 0.002, 2.5e-7)] == ["1", "0.25", "0.002", "2.50e-7"]
    assert probability(-2000) == "2.58e-869" and probability(-math.inf) == "0"  # 10^(-2000 / ln 10)
    assert probability(math.log(9.9999e-6)) == "1.00e-5"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        *[(["--base", "3"], "base"), (["--unit", "line"], "unit"), (["--format", "xml"], "format")],
        *[(["--json", "--tsv"], "two output formats"), (["--heat", "--format", "html"], "two output formats")],
        *[
            (["--heat", "--base", "2"], "base"),
            (["--format", "html", "--base", "e"], "base"),
            (["--heat", "--full"], "--full"),
        ],
        *[(["--full", "--unit", "word"], "rank"), (["--no-bos", "--unit", "word"], "first word")],
    ],
)
def test_what_cannot_be_asked_for_is_refused(run: Run, line_folder: Path, options: list[str], words: str) -> None:
    refused = run("score", *options, "-m", line_folder, "the cat")
    assert (refused.code, refused.out) == (2, "")
    (line,) = refused.err.splitlines()
    assert line.startswith("error: ") and words in line


# tab-separated values


def test_tsv_has_a_row_a_token_and_units_in_its_header(run: Run, line_folder: Path) -> None:
    done = run("score", "--tsv", "-m", line_folder, "the", "a €")
    header, *rows = csv.reader(done.out.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    assert header == ["sentence", "position", "token", "logprob_nats", "surprisal_bits", "entropy_bits", "rank"]
    assert [row[:3] for row in rows] == [
        *(["1", str(place), token] for place, token in enumerate(["t", "h", "e", "<EOS>"], start=1)),
        *(["2", str(place), token] for place, token in enumerate(["a", " ", "<UNK>", "<EOS>"], start=1)),
    ]
    model = charlm.load(line_folder)
    found = [model.score(text, alternatives=0) for text in ("the", "a €")]
    assert [float(row[3]) for row in rows] == pytest.approx([value for each in found for value in each.logprobs])
    for row in rows:
        assert float(row[4]) == pytest.approx(-float(row[3]) / math.log(2))
    assert [float(row[5]) for row in rows] == pytest.approx(
        [value / math.log(2) for each in found for value in each.entropies or []]
    )
    assert [int(row[6]) for row in rows] == [value for each in found for value in each.ranks or []]
    assert "scored per token from the start of the text; end included" in done.err


def test_tsv_keeps_a_row_a_line_whatever_the_token(run: Run, stream_folder: Path) -> None:
    text = "a\tb\nc\\d\r"
    _, *rows = run("score", "--tsv", "--unit", "word", "-m", stream_folder, text).out.split("\n")
    assert [row.split("\t")[2] for row in rows[:-1]] == ["a", "\\tb", "\\nc\\\\d", "\\r"]


def test_csv_and_pandas_read_every_row_of_tsv_with_their_defaults(run: Run, stream_folder: Path) -> None:
    texts = ['"yes," she said', 'a 5" disk #1', "NA", '"', "null"]
    out = run("score", "--tsv", "--unit", "word", "-m", stream_folder, *texts).out
    _, *rows = csv.reader(io.StringIO(out, newline=""), delimiter="\t")
    assert {len(row) for row in rows} == {7} and len(rows) == out.count("\n") - 1
    words = ['"yes,"', " she", " said", "a", ' 5"', " disk", " #1", "NA", '"', "null"]
    assert [row[2] for row in rows] == words
    table = pandas.read_csv(io.StringIO(out), sep="\t", keep_default_na=False, na_values=[""])
    assert table["token"].tolist() == words
    assert table["logprob_nats"].tolist() == [float(row[3]) for row in rows]
    assert len(pandas.read_csv(io.StringIO(out), sep="\t")) == len(rows)


def test_tsv_leaves_empty_what_there_is_not(run: Run, line_folder: Path) -> None:
    _, first, second, *_ = run("score", "--tsv", "--no-bos", "-m", line_folder, "the").out.splitlines()
    assert first == "1\t1\tt\t\t\t\t" and second.startswith("1\t2\th\t-")
    _, word, *_ = run("score", "--tsv", "--unit", "word", "-m", line_folder, "the cat").out.splitlines()
    assert re.fullmatch(r"1\t1\tthe\t-[\d.]+\t[\d.]+\t\t", word)
