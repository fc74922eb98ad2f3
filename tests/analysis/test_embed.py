"""The vectors of tokens: neighbors, analogies, maps, and files of vectors."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from conftest import LINES, QUICK, SMALL, TINY, Outcome
from corpus_scripts import load_script
from reference_run import PLAN, TEXT, ending, outcome

import charlm
from charlm.analysis import projection
from charlm.analysis.token_classes import CLASSES, token_class
from charlm.analysis.vectors import Vectors, comparable_side
from charlm.pages import embedding_map
from charlm.training.learner import Learner

Run = Callable[..., Outcome]
court = load_script("court")
PAIRS = list(court.PERSONS.values())


@pytest.fixture(scope="module")
def court_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a word model on the court corpus for some seconds."""
    folder = tmp_path_factory.mktemp("models") / "court"
    shape = charlm.ModelConfig(tokenizer="word", tie_weights=True, hidden_size=32, layers=1)
    config = charlm.TrainConfig(steps=1000, seq_len=16, threads=1)
    charlm.train(court.corpus(), shape, config, folder=folder)
    return folder


@pytest.fixture(scope="module")
def vectors(court_folder: Path) -> Vectors:
    return Vectors.of(charlm.load(court_folder))


def of(table: dict[str, tuple[float, ...]]) -> Vectors:
    """Vectors with known values, all of them learned."""
    return Vectors(tuple(table), np.array(list(table.values()), dtype=np.float32), np.ones(len(table), dtype=bool))


# neighbors and analogies of a trained model


def test_words_used_alike_are_neighbors(vectors: Vectors) -> None:
    """In each group of verbs or of clothes, the nearest word to a member is another member."""
    groups = [verbs for verbs, _ in court.DEEDS.values()] + [clothes for *_, clothes in court.SEXES]
    right = [vectors.neighbors(word, 1)[0].token in group for group in groups for word in group]
    assert sum(right) > 0.8 * len(right)
    assert {near.token for near in vectors.neighbors("ploughs", 2)} == {"mends", "sells"}


def test_man_is_to_woman_as_king_is_to_queen(vectors: Vectors) -> None:
    found = vectors.analogy("man", "woman", "king")
    assert found.add[0].token == found.multiply[0].token == "queen"


def test_most_analogies_of_the_court_come_out_right(vectors: Vectors) -> None:
    """There are 42; a random one of 85 words would be right in none."""
    asked = [(*one, *other) for one, other in permutations(PAIRS, 2)]
    right = [vectors.analogy(a, b, c, 1).add[0].token == d for a, b, c, d in asked]
    assert sum(right) > 0.8 * len(asked)


# and of known vectors


def test_the_score_of_a_neighbor_is_the_cosine() -> None:
    vectors = of({"x": (2.0, 0.0), "near": (3.0, 1.0), "across": (0.0, 5.0), "against": (-1.0, 0.0)})
    found = vectors.neighbors("x")
    assert [near.token for near in found] == ["near", "across", "against"]
    assert [near.score for near in found] == pytest.approx([3 / 10**0.5, 0, -1])


def test_an_analogy_is_that_of_levy_and_goldberg() -> None:
    generator = np.random.default_rng(3)
    table = {name: tuple(generator.normal(size=4)) for name in "abcuvwxyz"}
    found = of(table).analogy("a", "b", "c", count=9)

    def cos(one: str, other: str) -> float:
        x, y = np.array(table[one]), np.array(table[other])
        return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))

    def half(one: str, other: str) -> float:
        return (cos(one, other) + 1) / 2

    added = {x: cos(x, "c") - cos(x, "a") + cos(x, "b") for x in "uvwxyz"}
    multiplied = {x: half(x, "c") * half(x, "b") / (half(x, "a") + 0.001) for x in "uvwxyz"}
    assert {near.token: near.score for near in found.add} == pytest.approx(added, abs=1e-6)
    assert {near.token: near.score for near in found.multiply} == pytest.approx(multiplied, rel=1e-5)
    assert [near.token for near in found.add] == sorted(added, key=lambda x: -added[x])


def test_a_token_that_was_never_learned_is_not_an_answer() -> None:
    vectors = of({"a": (1.0, 0.0), "b": (1.0, 0.1), "c": (0.0, 1.0)})
    vectors = Vectors(vectors.tokens, vectors.matrix, np.array([True, False, True]))
    assert [near.token for near in vectors.neighbors("a")] == ["c"]
    assert vectors.coverage().startswith("searched 2 tokens; left out: 1 that")


def test_pieces_of_words_are_learned_and_what_they_are_spelled_with_may_not_be() -> None:
    vectors = Vectors.of(charlm.train(LINES, replace(SMALL, tokenizer="subword"), replace(QUICK, steps=2)))
    assert {near.token for near in vectors.neighbors("cat", 1000)} == {" ran", " sat", " slept"}


def test_a_one_hot_input_has_the_columns_of_its_first_weights(bigram_model: charlm.LanguageModel) -> None:
    torch.nn.init.normal_(bigram_model.network.cells[0].weight_ih)
    vectors = Vectors.of(bigram_model)
    columns = bigram_model.network.cells[0].weight_ih.detach().numpy()
    for name in "ab":
        number = int(bigram_model.tokenizer.encode(name)[0])
        np.testing.assert_array_equal(vectors.matrix[vectors.find(name)], columns[:, number])


def test_the_other_side_is_the_readout(line_model: charlm.LanguageModel) -> None:
    vectors = Vectors.of(line_model, "output")
    weights = line_model.network.readout.weight.detach().numpy()
    number = int(line_model.tokenizer.encode("a")[0])
    np.testing.assert_array_equal(vectors.matrix[vectors.find("a")], weights[number])


def test_the_side_that_is_compared_is_the_one_that_learns_more(run: Run, line_folder: Path, court_folder: Path) -> None:
    """The readout for characters, the embedding for words; an export is the embedding, which can be trained on."""
    line, court = (charlm.load(folder) for folder in (line_folder, court_folder))
    assert (comparable_side(line), comparable_side(court)) == ("output", "input")
    by_default = run("embed", "neighbors", "a", "-m", line_folder).out
    assert by_default == run("embed", "neighbors", "a", "-m", line_folder, "--side=output").out
    assert by_default != run("embed", "neighbors", "a", "-m", line_folder, "--side=input").out


# the commands


def test_neighbors_and_analogy_print_how_many_tokens_they_searched(run: Run, court_folder: Path) -> None:
    done = run("embed", "analogy", "man", "woman", "king", "-m", court_folder)
    assert done.out.splitlines()[0] == "'man' is to 'woman' as 'king' is to"
    assert done.out.count("'queen'") == 2 and "3CosAdd" in done.out and "3CosMul" in done.out
    words = " ".join(done.out.split())
    assert re.search(
        r" searched 8\d tokens; left out: \d+ that .*; the three words of the question are left out too$", words
    )
    values = json.loads(run("embed", "neighbors", "ploughs", "-m", court_folder, "--count", 2, "--json").out)
    assert {each["symbol"] for each in values["neighbors"]} == {"mends", "sells"}
    assert values["sought_among"] <= values["symbols"]
    both = json.loads(run("embed", "analogy", "man", "woman", "king", "-m", court_folder, "--json").out)
    assert both["3CosAdd"][0]["symbol"] == both["3CosMul"][0]["symbol"] == "queen"


def test_an_unknown_word_is_answered_with_the_nearest(run: Run, court_folder: Path, line_folder: Path) -> None:
    done = run("embed", "neighbors", "qeen", "-m", court_folder)
    assert (done.code, done.out) == (2, "")
    assert re.fullmatch(r"error: 'qeen' is not among the model's \d+ tokens; the nearest: 'queen'.*\n", done.err)
    assert "tokens; the nearest: 'king'" in run("embed", "analogy", "man", "woman", "King", "-m", court_folder).err
    assert "examples: ' ', 'a'" in run("embed", "neighbors", "1234", "-m", line_folder).err
    assert run("embed", "neighbors", "a", "-m", line_folder, "--count", 0).code == 2
    assert "'' is not among" in run("embed", "neighbors", "", "-m", line_folder).err
    assert "input or output" in run("embed", "neighbors", "a", "-m", line_folder, "--side=both").err
    assert run("embed", "neighbors", "a", "-m", line_folder, "--side=output").code == 0


@pytest.mark.parametrize("arguments", [("neighbors", "gown"), ("analogy", "man", "woman", "king"), ("map",)])
def test_everything_fits_a_width_of_60(run: Run, court_folder: Path, arguments: tuple[str, ...]) -> None:
    done = run("embed", *arguments, "-m", court_folder)
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= 60


# maps


def test_the_first_component_is_where_the_vectors_differ_most() -> None:
    generator = np.random.default_rng(0)
    spread = generator.normal(size=(200, 3)) * [1.0, 5.0, 0.1] + [7.0, 8.0, 9.0]
    points, how = projection.pca(spread.astype(np.float32))
    np.testing.assert_allclose(np.abs(np.corrcoef(points[:, 0], spread[:, 1])[0, 1]), 1, atol=1e-3)
    np.testing.assert_allclose(points.std(0) ** 2, np.linalg.eigvalsh(np.cov(spread.T, ddof=0))[:0:-1], rtol=1e-4)
    assert "96% and 4%" in how


def test_a_map_of_one_token_or_of_one_number_each_is_drawn() -> None:
    for table in ({"a": (1.0, 2.0)}, {"a": (1.0,), "b": (2.0,), "c": (2.0,)}, {"a": (0.0, 0.0), "b": (0.0, 0.0)}):
        found = projection.make_map(of(table))
        assert np.isfinite(found.points).all()
        assert not re.search(r"\bnan\b", embedding_map.svg(found))


HOSTILE = ["<", "&", "]]>", "</script><script>alert(1)</script>", '"', "\x00", "\x1b[31m", "\u202e", "\u2028", "\ufffe"]


def test_no_token_becomes_markup_or_breaks_the_picture() -> None:
    """Each token occurs as text and as a tooltip only, and the picture is valid XML."""
    found = projection.make_map(of({name: (float(place), 1.0) for place, name in enumerate(HOSTILE)}))
    root = ElementTree.fromstring(embedding_map.svg(found))
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert names == {"svg", "style", "rect", "g", "text", "title"}
    assert [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")] == [
        "".join(each if each.isprintable() else ascii(each)[1:-1] for each in repr(name)) for name in HOSTILE
    ]
    page = embedding_map.page(found)
    assert "<script" not in page and "\x00" not in page and "\u202e" not in page
    assert "default-src 'none'" in page and not re.search(r"https?:|src=|href=|url\(|@import", page)


def test_the_suffix_says_what_is_written(run: Run, line_folder: Path) -> None:
    assert run("embed", "map", "-m", line_folder).out == "lines-map.svg\n"
    assert run("embed", "map", "-m", line_folder, "--output", "m.html").out == "m.html\n"
    assert Path("lines-map.svg").read_text().startswith("<svg ") and Path("m.html").read_text().startswith("<!doctype")
    values = json.loads(run("embed", "map", "-m", line_folder, "--json", "--count", 3, "--overwrite").out)
    assert [each["symbol"] for each in values["symbols"]] == [" ", "a", "c"]
    refused = run("embed", "map", "-m", line_folder, "--output", "m.gif")
    assert refused.code == 2 and "use .svg, .html or .png" in refused.err
    assert "pca or tsne" in run("embed", "map", "-m", line_folder, "--method", "umap", "--overwrite").err


@pytest.mark.parametrize(
    ("package", "arguments"), [("sklearn.manifold", ["--method=tsne"]), ("matplotlib.figure", ["--output=m.png"])]
)
def test_a_missing_optional_package_is_named_with_an_alternative(
    run: Run, line_folder: Path, monkeypatch: pytest.MonkeyPatch, package: str, arguments: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    done = run("embed", "map", "-m", line_folder, *arguments)
    assert (done.code, done.out) == (2, "")
    assert re.search(r"is not installed; pip install \S+, or .*\n$", done.err) and done.err.count("\n") == 1


def test_tsne_keeps_neighbors_together_and_is_repeatable() -> None:
    pytest.importorskip("sklearn")
    groups = np.repeat(np.eye(3, dtype=np.float32), 10, axis=0) * 9
    spread = groups + np.random.default_rng(0).normal(size=groups.shape).astype(np.float32) / 9
    points, _ = projection.tsne(spread)
    np.testing.assert_array_equal(points, projection.tsne(spread)[0])
    centers = points.reshape(3, 10, 2).mean(1)
    nearest = np.linalg.norm(points[:, None] - centers, axis=2).argmin(1)
    assert nearest.tolist() == [0] * 10 + [1] * 10 + [2] * 10


def test_a_png_is_one(run: Run, line_folder: Path) -> None:
    pytest.importorskip("matplotlib")
    assert run("embed", "map", "-m", line_folder, "--output", "m.png").code == 0
    assert Path("m.png").read_bytes().startswith(b"\x89PNG")


KINDS = {
    **{"a": "vowel", "é": "vowel", "e\u0301": "vowel", "ç": "consonant", "ж": "letter", "漢": "letter", "Z": "capital"},
    **{"7": "digit", " ": "space", "\n": "space", "!": "mark", "<0xC3>": "mark", " the": "word", "The": "titled"},
    None: "end",
}


@pytest.mark.parametrize("symbol", KINDS)
def test_a_token_has_a_class(symbol: str | None) -> None:
    assert token_class(symbol) == KINDS[symbol]
    assert set(KINDS.values()) == set(CLASSES)


# files of vectors


def train(run: Run, *arguments: object) -> Outcome:
    Path("lines.txt").write_text(LINES)
    sizes = [each for each in TINY if not each.startswith("--embedding-size")]
    return run("train", "lines.txt", *sizes, "--steps=5", "--overwrite", *arguments)


def test_a_model_begins_with_the_vectors_of_another(run: Run, line_folder: Path) -> None:
    """With --freeze-embedding they stay unchanged while everything else is trained."""
    assert run("embed", "export", "-o", "vectors.txt", "-m", line_folder).out == "vectors.txt\n"
    given = Vectors.of(charlm.load(line_folder))
    done = train(run, "--embedding-file=vectors.txt", "--freeze-embedding")
    assert done.code == 0, done.err
    count = f"{len(given.tokens)} tokens with a vector from vectors.txt, 3 at random"
    assert f"{count}; the embedding is not trained" in " ".join(done.err.split())
    frozen = Vectors.of(charlm.load("checkpoints/lines"))
    np.testing.assert_array_equal(frozen.matrix, given.matrix)
    assert train(run, "--embedding-file=vectors.txt").code == 0
    tuned = Vectors.of(charlm.load("checkpoints/lines")).matrix
    assert 0 < np.abs(tuned - given.matrix).max() < 0.1


def test_tokens_that_the_file_lacks_start_at_random_and_are_counted(run: Run) -> None:
    Path("few.txt").write_text("a 1 2 3\nt 4 5 6\nqueen 7 8 9\n")
    done = train(run, "--embedding-file=few.txt", "--freeze-embedding")
    assert "2 tokens with a vector from few.txt" in done.err
    found = Vectors.of(charlm.load("checkpoints/lines"))
    assert found.matrix[found.find("a")].tolist() == [1, 2, 3] and found.matrix[found.find("t")].tolist() == [4, 5, 6]


def test_a_resumed_run_keeps_what_is_frozen(tmp_path: Path) -> None:
    symbols = sorted(set(TEXT) - {"\n"})
    (tmp_path / "v.txt").write_text("".join(f"{'x' if s == ' ' else s} {n} 1 2 3\n" for n, s in enumerate(symbols)))
    config = charlm.TrainConfig(
        **{**vars(PLAN.train), "embedding_file": str(tmp_path / "v.txt"), "freeze_embedding": True, "save_every": 9e9}
    )
    plan = charlm.Plan(PLAN.model, config, PLAN.steps, PLAN.validations)
    (tmp_path / "whole").mkdir()
    charlm.train(TEXT, plan=plan, folder=tmp_path / "whole" / "m")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Learner, "backward", ending(Learner.backward, 5))
        charlm.train(TEXT, plan=plan, folder=tmp_path / "m")
    charlm.train(TEXT, folder=tmp_path / "m", resume=True)
    assert outcome(tmp_path / "m") == outcome(tmp_path / "whole" / "m")


@pytest.mark.parametrize(
    ("content", "arguments", "why"),
    [
        ("a 1 2\nt 1 2 3\n", [], "line 2 of v.txt has 3 numbers after its token, not 2"),
        ("2 3\na 1 2 3\nt 1 2\n", [], "line 3 of v.txt has 2 numbers after its token, not 3"),
        ("a 1 2\nt 1 x\n", [], "line 2 of v.txt has a value that is not a finite number"),
        ("a 1 nan\n", [], "line 1 of v.txt has a value that is not a finite number"),
        ("3 2\na 1 2\n", [], "v.txt has 1 vectors, but its first line says 3; the file is incomplete"),
        ("", [], "v.txt has no vectors in its first line"),
        ("queen 1 2\n", [], "v.txt has no vector for any of the 17 tokens"),
        ("a 1 2\n", ["--embedding-size=3"], "v.txt has vectors of 2 numbers, and --embedding-size is 3"),
        ("a 1 2\n", ["--embedding=one-hot"], "a one-hot input has no vectors to load"),
        (None, [], "v.txt cannot be read: No such file"),
    ],
)
def test_a_file_that_does_not_fit_is_answered(run: Run, content: str | None, arguments: list[str], why: str) -> None:
    if content is not None:
        Path("v.txt").write_text(content)
    done = train(run, "--quiet", "--embedding-file=v.txt", *arguments)
    assert done.code == 2 and why in done.err and done.err.count("\n") == 1
    assert not Path("checkpoints/lines").exists()


def test_freezing_needs_a_file(run: Run) -> None:
    assert "none is given" in train(run, "--freeze-embedding").err
