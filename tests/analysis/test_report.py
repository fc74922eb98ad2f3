"""`charlm report`: the page of a model, and the figures on it."""

import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import LINES, STREAM, TINY, Outcome
from parsed_page import Page

import charlm
from charlm.analysis.held_out import held_out
from charlm.analysis.report import gather
from charlm.analysis.run_log import read_log
from charlm.analysis.surprisal import analyze_surprisal
from charlm.checkpoints.checkpoint import describe
from charlm.pages.chart import Curve, chart
from charlm.pages.report_page import page

Run = Callable[..., Outcome]


@pytest.fixture
def trained(run: Run) -> Run:
    """Train on a text in a few steps."""

    def train(text: str, *arguments: object) -> Outcome:
        Path("corpus.txt").write_text(text, encoding="utf-8")
        return run("train", "corpus.txt", *TINY, "--steps=12", "--model=m", "--overwrite", "--quiet", *arguments)

    return train


def test_the_page_is_in_the_model_s_folder_until_the_model_is_trained_again(run: Run, trained: Run) -> None:
    assert trained(LINES).code == 0
    done = run("report")
    assert (done.code, done.out) == (0, f"{Path('checkpoints/m/report.html')}\n")
    shown = Path("checkpoints/m/report.html").read_text(encoding="utf-8")
    for title in ("The run", "Samples during training", "Surprising lines", "Confusion table", "The machine"):
        assert f"<h2>{title}</h2>" in shown
    found = describe(Path("checkpoints/m"))
    assert f"{found['parameters']:,}" in shown and f"{found['validation']['bits_per_char']:.3f}" in shown
    assert run("report", "--output", "elsewhere.html").out == "elsewhere.html\n"
    assert trained(LINES).code == 0
    assert not Path("checkpoints/m/report.html").exists()


def test_the_held_out_part_is_that_of_the_validation(trained: Run) -> None:
    """For lines, a stream and a separate file, the held-out text has the loss that training reported."""
    for text, arguments in ((LINES, []), (STREAM, []), (STREAM, ["--valid=corpus.txt"])):
        trained(text, *arguments)
        found = describe(Path("checkpoints/m"))
        texts, _ = held_out(found, None)
        total = charlm.load("checkpoints/m").evaluate_many(texts)
        assert sum(each.tokens for each in total) == found["validation"]["tokens"]
        nats = sum(each.nats for each in total) / found["validation"]["tokens"]
        assert nats == pytest.approx(found["validation"]["nats_per_token"], rel=1e-6)


@pytest.mark.parametrize("loss", ["gone", "changed"])
def test_without_its_corpus_the_page_has_no_surprising_lines_and_says_why(run: Run, trained: Run, loss: str) -> None:
    trained(LINES)
    Path("corpus.txt").rename("moved.txt")
    if loss == "changed":
        Path("corpus.txt").write_text(LINES + "more\n")
    done = run("report")
    why = {"gone": "there is no file corpus.txt", "changed": "corpus.txt has changed since the model was trained"}[loss]
    assert done.code == 0 and why in done.err and "charlm report FILE" in done.err
    assert why in Path("checkpoints/m/report.html").read_text(encoding="utf-8")
    values = json.loads(run("report", "moved.txt", "--json").out)
    assert values["text"].startswith("moved.txt") and values["most_surprising"]


def test_an_error_is_one_sentence(run: Run, line_folder: Path, tmp_path: Path) -> None:
    assert run("report", "-m", line_folder, "nothing.txt").code == 2
    damaged = shutil.copytree(line_folder, tmp_path / "damaged")
    (damaged / "metrics.jsonl").write_text('{"step":1}\n{"steps":2}\n')
    done = run("report", "-m", damaged)
    assert done.code == 3 and "line 2 has no step" in done.err and done.err.count("\n") == 1


# surprising lines


def test_lines_are_ranked_by_their_score(line_model: charlm.LanguageModel) -> None:
    texts = ["the cat ran", "zzz zzz zzz", "a dog slept", "the cat ran"]
    found = analyze_surprisal(line_model, [text for text in texts if "z" not in text] + ["tac eht nar"])
    assert [line.text for line in found.lines[:1]] == ["tac eht nar"]
    assert len(found.lines) == 3, "each once"
    for line in found.lines:
        score = line_model.score(line.text)
        assert line.logprobs == pytest.approx(score.logprobs, abs=1e-5)
        assert line.bits_per_char == pytest.approx(-score.logprob / math.log(2) / len(line.text), rel=1e-5)
    assert analyze_surprisal(line_model, texts).unknown == 1


def test_the_scores_of_the_lines_add_up_to_that_of_the_stream(stream_model: charlm.LanguageModel) -> None:
    text = "And the word\nwas with\n\nthe text"
    found = analyze_surprisal(stream_model, [text])
    assert sorted(line.text for line in found.lines) == ["And the word\n", "the text", "was with\n"]
    total = stream_model.score(text)
    missing = total.logprobs[text.index("\n\n") + 1]
    assert sum(sum(line.logprobs) for line in found.lines) + missing == pytest.approx(total.logprob, abs=1e-4)


def test_the_confusion_table_of_a_known_model(bigram_model: charlm.LanguageModel) -> None:
    """a is a vowel, b a consonant; after the start P(a) = 1/2, P(b) = 1/4, P(end) = 1/4."""
    found = analyze_surprisal(bigram_model, ["a", "b"])
    assert found.classes == ("vowel", "consonant", "end")
    after_a, after_b = [1 / 4, 1 / 2, 1 / 4], [1 / 4, 1 / 4, 1 / 2]
    first = [1 / 2, 1 / 4, 1 / 4]
    ends = np.mean([after_a, after_b], axis=0)
    np.testing.assert_allclose(found.confusion, [first, first, ends], atol=1e-6)
    np.testing.assert_allclose(found.confusion.sum(1), 1, atol=1e-6)


# the page


HOSTILE = '</script><script>alert("1")</script>&amp;<svg onload=x>\'"` --> ]]> \x00\x1b\u202e\u2028</pre></table>'


def test_no_text_becomes_markup(run: Run, trained: Run) -> None:
    """The corpus, the samples and the name of the file are hostile."""
    Path("<b>&.txt").write_text(f"{HOSTILE}\n" * 150, encoding="utf-8")
    assert run("train", "<b>&.txt", *TINY, "--steps=12", "--model=m", "--quiet").code == 0
    html = page(gather(Path("checkpoints/m")))
    shown = Page(re.sub(r"<(path|circle)([^>]*)/>", r"<\1\2></\1>", html))
    expected = {*("html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "p", "dl", "div", "dt")}
    expected |= {*("dd", "section", "figure", "figcaption", "b", "span", "svg", "path", "circle", "text", "g", "table")}
    expected |= {*("thead", "tbody", "tr", "th", "td", "small", "pre")}
    assert {tag for tag, _ in shown.elements} <= expected
    assert not {name for _, attributes in shown.elements for name in attributes if name.startswith("on")}
    assert not {"\x00", "\x1b", "\u202e", "\u2028"} & set(html)
    code = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in HOSTILE)
    assert f"{code}<EOS>" in shown.texts and "&lt;b&gt;&amp;.txt" in html
    assert "default-src 'none'" in html and not re.search(r"src=|href=|url\(|@import", html)


def test_the_curves_are_those_of_the_log(stream_folder: Path) -> None:
    log = read_log(stream_folder)
    assert [point.step for point in log.points] == list(range(1, 41)) and log.machine["cores"]
    drawn = chart([Curve("training", "a", [(point.step, point.train or 0) for point in log.points])], "Loss")
    (path,) = re.findall(r'd="M([^HV"]*L[^"]*)"', drawn)
    heights = [float(pair.split()[1]) for pair in path.split("L")]
    losses = [point.train for point in log.points]
    later = slice(2, None)
    assert np.argsort(heights[later]).tolist() == np.argsort([-(loss or 0) for loss in losses[later]]).tolist()
    assert f"training at the end {losses[-1]:.4g}" in drawn


@pytest.mark.parametrize("values", [[1.0], [2.0, 2.0], [0.0, 0.0], [1e-9, 2e-9], [-5.0, 1e12]], ids=str)
def test_any_curve_is_drawn(values: list[float]) -> None:
    drawn = chart([Curve("x", "a", list(enumerate(values)))], "x")
    assert "nan" not in drawn and "inf" not in drawn
    assert 2 <= drawn.count('class="rule"') <= 7
    assert chart([Curve("x", "a", [])], "x") == ""
