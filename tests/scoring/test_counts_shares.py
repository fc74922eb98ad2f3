"""Which part of a probability comes from counts: in a `Score`, and in every format of `charlm score` that says it."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import LINES, STREAM, Outcome
from mixtures import guided_logits, set_any_gate

import charlm
from charlm.nn.mixed import MixedNetwork

Run = Callable[..., Outcome]
SHAPE = {"ngram": "4", "steps": 12, "hidden_size": 8, "layers": 1, "batch_size": 4, "seq_len": 8, "seed": 1}
TEXT = "the cat"


@pytest.fixture(scope="module", params=["char", "byte", "word", "subword"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("counts") / str(request.param)
    more = {"vocab_size": 276} if request.param == "subword" else {}
    model = charlm.train(LINES, tokenizer=request.param, **more, **SHAPE)  # type: ignore[arg-type]
    set_any_gate(model)
    model.save(path)
    return path


def by_hand(model: charlm.LanguageModel, text: str) -> tuple[list[float], list[float]]:
    """Return g and g · P_counts / P of each token, from three distributions: the model, its network and its counts."""
    assert isinstance(model.network, MixedNetwork)
    ids = model.tokenizer.sequence(model.tokenizer.encode(text), eos=model.line)
    gates, shares = list[float](), list[float]()
    column = model.network.column(ids)
    mixed = model.network(column)[0][:, 0].detach().double().softmax(1)
    network = guided_logits(model.network, column).double().softmax(1)
    for t in range(len(ids) - 1):
        counted = model.network.counts.distribution(ids[: t + 1]).astype(float)
        distance = counted - network[t].numpy()
        gates.append(float((mixed[t].numpy() - network[t].numpy()) @ distance / (distance @ distance)))
        shares.append(float(gates[-1] * counted[ids[t + 1]] / mixed[t, ids[t + 1]]))
    return gates, shares


def test_each_token_has_the_share_of_the_counts(folder: Path) -> None:
    model = charlm.load(folder)
    gates, shares = by_hand(model, TEXT)
    score = model.score(TEXT)
    assert score.gates == pytest.approx(gates, rel=1e-3)
    assert score.counts_shares == pytest.approx(shares, rel=1e-3)
    assert min(shares) > 0.01 and max(shares) < 0.999, "both parts speak"
    many = model.score_many([TEXT, "a dog ran"], alternatives=2)
    assert many[0].counts_shares == pytest.approx(shares, rel=1e-3)


def test_a_word_has_the_mean_of_its_tokens() -> None:
    model = charlm.train(LINES, **SHAPE)  # type: ignore[arg-type]
    tokens, words = model.score(TEXT), model.score(TEXT, unit="word")
    for name in ("gates", "counts_shares"):
        values = getattr(tokens, name)
        expected = [np.mean(values[:3]), np.mean(values[3:7]), values[7]]
        assert getattr(words, name) == pytest.approx(expected)


def test_without_counts_there_is_no_share(line_model: charlm.LanguageModel) -> None:
    score = line_model.score(TEXT)
    assert score.gates is None and score.counts_shares is None
    mixed = charlm.train(LINES, **SHAPE)  # type: ignore[arg-type]
    set_any_gate(mixed)
    adapted = mixed.adapted("dynamic").score(TEXT)
    assert adapted.gates is None and adapted.counts_shares is None, "of a model that has changed meanwhile"
    assert "from counts" in mixed.score(TEXT)._repr_html_()
    assert "from counts" not in line_model.score(TEXT)._repr_html_()


def test_what_cannot_occur_has_no_share() -> None:
    model = charlm.train(STREAM, sequence="stream", **SHAPE)  # type: ignore[arg-type]
    score = model.score("the ☃")
    assert score.logprobs[-1] == -np.inf and score.counts_shares is not None
    assert score.counts_shares[-1] == 0 and np.isfinite(score.counts_shares).all()


def test_json_tsv_and_the_table_say_it(run: Run, folder: Path) -> None:
    score = charlm.load(folder).score(TEXT)
    value = json.loads(run("score", "-m", folder, "--json", TEXT).out)
    assert (value["gates"], value["counts_shares"]) == (score.gates, score.counts_shares)
    rows = list(csv.DictReader(io.StringIO(run("score", "-m", folder, "--tsv", TEXT).out), delimiter="\t"))
    assert [float(row["counts_share"]) for row in rows] == pytest.approx(score.counts_shares)
    assert [float(row["gate"]) for row in rows] == pytest.approx(score.gates)
    table = run("score", "-m", folder, "--full", TEXT).out
    assert re.search(r"entropy \(bits\) +rank +gate +counts$", table, re.MULTILINE)
    assert "counts: their share of its probability" in table
    assert max(len(row) for row in table.splitlines() if row.startswith("   ")) <= 80
    for gate, share in zip(score.gates or [], score.counts_shares or [], strict=True):
        assert re.search(rf" {gate:.2f} +{share:.3f}$", table, re.MULTILINE)
    assert "gate" not in run("score", "-m", folder, TEXT).out, "the table is short unless --full is given"


@pytest.mark.parametrize("options", [["--json"], ["--tsv"], ["--full"], ["--html"]], ids=" ".join)
def test_a_model_without_counts_has_none_of_it(run: Run, line_folder: Path, tmp_path: Path, options: list[str]) -> None:
    if options == ["--html"]:
        run("score", "-m", line_folder, "--format", "html", "--output", tmp_path / "page.html", TEXT)
        text = (tmp_path / "page.html").read_text()
    else:
        text = run("score", "-m", line_folder, *options, TEXT).out
    assert text and not re.search("gate|counts", text)


def test_the_page_shows_the_share_without_color(run: Run, folder: Path, tmp_path: Path) -> None:
    """A line above a token for each quarter, explained in the legend, and the figures at the foot."""
    assert run("score", "-m", folder, "--format", "html", "--output", tmp_path / "page.html", TEXT).code == 0
    page = (tmp_path / "page.html").read_text()
    unit = "char" if folder.name == "byte" else "token"
    score = charlm.load(folder).score(TEXT, unit=unit)  # type: ignore[call-overload]
    assert score.counts_shares is not None and score.gates is not None
    marks = re.findall(r'<b class="s\d c(\d)" tabindex="0" data-tip="([^"]*)"', page)
    for (quarter, tip), share, gate in zip(marks, score.counts_shares, score.gates, strict=True):
        assert int(quarter) == min(3, int(share * 4))
        assert f"{share:.0%} from the counts, whose weight was {gate:.2f}" in tip
    rules = re.findall(r"b\.c(\d) \{ border-top: 2px (\w+) ", page)
    assert rules == [("1", "dotted"), ("2", "dashed"), ("3", "solid")]
    assert "share of the counts of n-grams in its probability" in page
