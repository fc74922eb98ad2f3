"""The compiled counts and look-ups, against those of numpy: the same integers, and probabilities up to rounding."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from charlm.counts import Counts, CountSettings, Figures
from charlm.counts.compiled import CompiledCounter
from charlm.counts.figures import GUESSES, Guesses
from charlm.counts.native.library import library
from charlm.counts.plain import PlainCounter
from charlm.counts.smoothing import discounts
from charlm.counts.text import Text, text_of, with_starts
from charlm.progress import ignore
from charlm.tokenizers import Tokenizer

pytestmark = pytest.mark.skipif(library() is None, reason="no C compiler where charlm was installed")
UNK, START, EOS = Tokenizer.UNK, Tokenizer.START, Tokenizer.EOS


def random_text(seed: int, size: int, longest: int) -> Text:
    """Return a few lines, or parts of running texts, with long repetitions and some unknown tokens."""
    draw = np.random.default_rng(seed)
    rows = [draw.integers(3, 7 + seed % 5, draw.integers(1, 50)) for _ in range(draw.integers(2, 30))]
    rows += [np.full(70, 3), rows[0], rows[0]]
    rows = [np.append(np.where(draw.random(len(row)) < 0.05, UNK, row), EOS) for row in rows]
    text = with_starts(np.concatenate(rows), np.cumsum([0, *map(len, rows)])[:-1], size, longest)
    if seed % 2:
        return text
    part = text_of(text.ids[7:], size, longest)  # does not begin with START
    return Text(*(np.concatenate(each) for each in zip(text, part, strict=True)))


def check_same(expected: Figures, result: Figures, text: Text) -> None:
    scored = text.context > 0
    assert np.exp(result.logprobs[scored]) == pytest.approx(np.exp(expected.logprobs[scored]), abs=1e-5)
    for mine, theirs in zip(result.context, expected.context, strict=True):
        assert mine[scored].tolist() == theirs[scored].tolist()


@pytest.mark.parametrize("size", [40, 300, 70_000])  # tokens of one, two and four bytes
@pytest.mark.parametrize("order", [1, 2, 5, 12])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_counts_are_those_of_numpy(seed: int, order: int, size: int) -> None:
    text = random_text(seed, size, order)
    predictable = np.arange(size) >= EOS
    plain = PlainCounter(text, order, predictable, ignore)
    compiled = CompiledCounter(text, order, predictable, ignore)
    cuts = sorted(np.random.default_rng(seed).integers(1, 4, order).tolist())
    cuts[0] = 1
    for expected, result in (
        *zip(plain.tallies(), compiled.tallies(), strict=True),
        *zip(plain.levels(cuts), compiled.levels(cuts), strict=True),
    ):
        assert [each.tolist() for each in result] == [each.tolist() for each in expected]
    discount = [discounts(each.numbers.tolist()) for each in plain.tallies()]
    root = next(plain.levels(cuts))
    for blocks in (0, 2, 16):  # 0: leave out each token by itself
        expected, result = (each.left_out(cuts, discount, root, blocks) for each in (plain, compiled))
        check_same(expected, result, Text(*(each[text.ids != START] for each in text)))


def check_guesses(expected: Guesses, result: Guesses, scored: NDArray[np.bool_], tolerance: float = 1e-5) -> None:
    """Check the probabilities, and the likeliest token where it is clearly likelier than the second one."""
    assert result.chances[scored] == pytest.approx(expected.chances[scored], abs=tolerance)
    clear = scored & (expected.chances[:, 0] - expected.chances[:, 1] > 3 * tolerance)
    assert result.tokens[clear, 0].tolist() == expected.tokens[clear, 0].tolist()
    assert clear.sum() > scored.sum() / 3


@pytest.mark.parametrize("size", [40, 300, 70_000])
@pytest.mark.parametrize("order", [2, 5, 12])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_guesses_are_those_of_numpy(seed: int, order: int, size: int) -> None:
    text = random_text(seed, size, order)
    predictable = np.arange(size) >= EOS
    plain, compiled = (each(text, order, predictable, ignore) for each in (PlainCounter, CompiledCounter))
    cuts = sorted(np.random.default_rng(seed).integers(1, 4, order).tolist())
    cuts[0] = 1
    discount = [discounts(each.numbers.tolist()) for each in plain.tallies()]
    root = next(plain.levels(cuts))
    for blocks in (2, 16):
        expected, result = (each.guesses(cuts, discount, root, blocks) for each in (plain, compiled))
        scored = (text.context > 0)[text.ids != START]
        check_guesses(expected.decoded(), result.decoded(), scored, tolerance=1.01 / 255)  # they are rounded


@pytest.mark.parametrize("size", [40, 300, 70_000])
def test_look_ups_are_those_of_numpy(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    text = random_text(1, size, 6)
    ids = text.ids[text.ids != START]
    starts = np.flatnonzero(text.ids == START) - np.arange(np.count_nonzero(text.ids == START))
    counts = Counts.of(ids, starts, np.arange(size) >= EOS, CountSettings(order=6, limit=0))
    contexts = np.array(
        [[START, START, 3, 4, 5], [3, 4, 5, 6, 7], [START, 3, START, 4, 3], [UNK, 3, 3, 3, 3], [-1, -1, 3, 4, 3]]
    )
    targets = np.array([EOS, 4, 3, UNK, 5])
    other = random_text(3, size, 6)
    figures, (probabilities, statistics) = counts.figures(other.ids), counts.distributions(contexts)
    after = counts.figures_after(contexts, targets)
    guesses = counts.guesses(contexts)
    monkeypatch.setattr("charlm.counts.tree.library", lambda: None)
    plain = replace(counts, tree=replace(counts.tree))
    check_same(plain.figures(other.ids), figures, other)
    expected, expected_statistics = plain.distributions(contexts)
    assert probabilities == pytest.approx(expected, abs=1e-6)
    assert [each.tolist() for each in statistics] == [each.tolist() for each in expected_statistics]
    assert guesses.chances == pytest.approx(np.sort(expected, axis=1)[:, : -GUESSES - 1 : -1], abs=1e-6)
    check_guesses(plain.guesses(contexts), guesses, np.ones(len(contexts), dtype=bool))
    expected_after = plain.figures_after(contexts, targets)
    assert after.logprobs == pytest.approx(expected_after.logprobs, abs=1e-5)
    assert [each.tolist() for each in after.context] == [each.tolist() for each in expected_after.context]


def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    text = random_text(5, 40, 8)
    predictable = np.arange(40) >= EOS
    results = []
    for cores in (1, 3):
        monkeypatch.setattr("charlm.counts.native.library._cores", lambda cores=cores: cores)
        counter = CompiledCounter(text, 8, predictable, ignore)
        results.append([each.tolist() for level in counter.levels([1] * 8) for each in level])
    assert results[0] == results[1]
