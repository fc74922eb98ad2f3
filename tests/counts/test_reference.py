"""The Kneser-Ney n-gram, against its formula written down once more, plainly and slowly."""

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_ngram import KneserNey

from charlm import ConfigError
from charlm.counts import Counts, CountSettings
from charlm.counts.smoothing import discounts
from charlm.tokenizers import Tokenizer

UNK, START, EOS = Tokenizer.UNK, Tokenizer.START, Tokenizer.EOS
V = 7  # symbols, those three included
bodies = st.lists(st.sampled_from([UNK, *range(3, V)]), max_size=12)
corpora = st.lists(bodies, min_size=1, max_size=8)
texts = st.lists(st.sampled_from(range(3, V)), min_size=1, max_size=8)


def train(laid: np.ndarray, order: int, predictable: np.ndarray) -> Counts:
    """Count sequences, each with its START, and keep every n-gram."""
    at = np.flatnonzero(laid == START)
    return Counts.of(laid[laid != START], at - np.arange(len(at)), predictable, CountSettings(order=order, limit=0))


def numbers(counts: Iterable[int]) -> list[int]:
    """Return how many counts are 1, 2, 3 and 4."""
    return [[*counts].count(count) for count in (1, 2, 3, 4)]


class Transcribed:
    """Chen & Goodman's recursion, straight from counts of tuples."""

    def __init__(self, sequences: Sequence[Sequence[int]], order: int, predictable: set[int]) -> None:
        self.predictable, self.order = predictable, order
        seen = [Counter(tuple(row[i : i + n]) for row in sequences for i in range(len(row) - n + 1)) for n in range(99)]
        self.counts: list[dict[tuple[int, ...], int]] = [{}]
        for n in range(1, order + 1):
            raw = {gram: count for gram, count in seen[n].items() if gram[-1] in predictable}
            if n < order:
                before = Counter(gram[1:] for gram in seen[n + 1])
                raw = {gram: count if gram[0] == START else before[gram] for gram, count in raw.items()}
            self.counts.append(raw)
        self.taken = [(0.0, *discounts(numbers(each.values()))) for each in self.counts]

    def probability(self, before: tuple[int, ...], symbol: int) -> float:
        """P(symbol | before), where no more than order - 1 tokens are before."""
        n = len(before) + 1
        lower = self.probability(before[1:], symbol) if before else 1 / len(self.predictable)
        following = {gram: count for gram, count in self.counts[n].items() if gram[:-1] == before}
        total = sum(following.values())
        if not total:
            return lower
        count = following.get((*before, symbol), 0)
        handed_on = sum(self.taken[n][min(each, 3)] for each in following.values())
        return (count - self.taken[n][min(count, 3)] + handed_on * lower) / total


def laid(sequences: Sequence[Sequence[int]]) -> np.ndarray:
    return np.concatenate([np.array(each) for each in sequences]).astype(np.int32)


def mask(symbols: set[int]) -> np.ndarray:
    return np.isin(np.arange(V), list(symbols))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(corpora, texts, st.integers(1, 5), st.booleans())
def test_probabilities_are_those_of_the_formula(
    corpus: list[list[int]], text: list[int], order: int, lines: bool
) -> None:
    """Check lines, which EOS closes, and one stream; UNK can be context but is never predicted."""
    sequences = [[START, *body, *([EOS] if lines else [])] for body in (corpus if lines else corpus[:1])]
    predictable = {*range(3, V), *({EOS} if lines else set())}
    row = [START, *text, *([EOS] if lines else [])]
    plain = Transcribed(sequences, order, predictable)
    expected = [math.log(plain.probability(tuple(row[max(0, t - order + 1) : t]), row[t])) for t in range(1, len(row))]
    model = train(laid(sequences), order, mask(predictable))
    (result,) = model.log_probabilities([np.array(row, dtype=np.int32)])
    assert result.tolist() == pytest.approx(expected, abs=1e-6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(corpora, texts, st.integers(1, 13))
def test_probabilities_are_those_of_numpy(corpus: list[list[int]], text: list[int], order: int) -> None:
    laid_out = laid([[START, *body, EOS] for body in corpus])
    rows = [np.array([START, *text, EOS], dtype=np.int32), np.array([*text, 3], dtype=np.int32)]
    expected = KneserNey.train(laid_out, order, mask({EOS, *range(3, V)})).log_probabilities(rows)
    results = train(laid_out, order, mask({EOS, *range(3, V)})).log_probabilities(rows)
    for result, theirs in zip(results, expected, strict=True):
        assert result.tolist() == pytest.approx(theirs.tolist(), abs=1e-6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(corpora, texts, st.integers(1, 6))
def test_probabilities_sum_to_one_over_what_can_be_predicted(
    corpus: list[list[int]], text: list[int], order: int
) -> None:
    predictable = {EOS, *range(3, V)}
    model = train(laid([[START, *body, EOS] for body in corpus]), order, mask(predictable))
    rows = [np.array([START, *text, symbol], dtype=np.int32) for symbol in range(V)]
    last = np.exp([result[-1] for result in model.log_probabilities(rows)])
    assert last.sum() == pytest.approx(1, abs=1e-6)
    assert set(np.flatnonzero(last)) == predictable


def test_rows_do_not_depend_on_those_beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [np.array(row, dtype=np.int32) for row in ([START, 3, 4, 3, 4, 5], [START], [START, 4], [START, 5, 5])]
    model = train(laid([[START, 3, 4, 5, 3, 4, 6, 3]]), 3, mask({3, 4, 5, 6}))
    alone = [model.log_probabilities([row])[0].tolist() for row in rows]
    assert [result.tolist() for result in model.log_probabilities(rows)] == alone
    monkeypatch.setattr("charlm.counts.counts._BATCH_TOKENS", 3)
    assert [result.tolist() for result in model.log_probabilities(rows)] == alone


def test_discounts_come_from_counts_of_counts() -> None:
    """n1 = 10, n2 = 4, n3 = 2, n4 = 1: Y = 10/18, D1 = 1 - 2Y·4/10, D2 = 2 - 3Y·2/4, D3+ = 3 - 4Y·1/2."""
    counts = [1] * 10 + [2] * 4 + [3] * 2 + [4] + [9] * 5
    assert discounts(numbers(counts)) == pytest.approx((1 - 4 / 9, 2 - 5 / 6, 3 - 10 / 9))


@pytest.mark.parametrize("counts", [[], [7, 8, 9], [1, 2, 3], [1, 1, 1, 1, 1, 2, 3, 3, 3, 4]])
def test_where_these_give_none_the_discounts_are_fixed(counts: list[int]) -> None:
    """Few symbols that are all seen often stop KenLM with a BadDiscountException; in the last case D2 is negative."""
    assert discounts(numbers(counts)) == (0.5, 1.0, 1.5)


@pytest.mark.parametrize("order", [0, 100])
def test_an_order_out_of_range_is_refused(order: int) -> None:
    with pytest.raises(ConfigError, match="order"):
        train(laid([[START, 3]]), order, mask({3}))


def test_a_higher_order_knows_what_a_lower_one_cannot() -> None:
    """After a b comes c, after c b comes a: one token of context leaves that open, two decide it."""
    text = [START] + [3, 4, 5, 4] * 50
    bits = []
    for order in (1, 2, 3):
        model = train(laid([text]), order, mask({3, 4, 5}))
        bits.append(-model.log_probabilities([np.array(text, dtype=np.int32)])[0].mean() / math.log(2))
    assert bits[0] > 1.4 and bits[1] == pytest.approx(0.5, abs=0.05) and bits[2] < 0.1


def letters(text: str) -> list[int]:
    return [EOS if letter == "\n" else ord(letter) - ord("a") + 3 for letter in text]


def biased(count: int) -> str:
    draw = random.Random(18)
    return "".join(draw.choice("aab") if draw.random() < 0.8 else "c" for _ in range(count))


REPEATED = {
    "every line four times": "".join(f"{biased(3000)[start : start + 6]}\n" * 4 for start in range(0, 360, 6)),
    "one letter": "a" * 2000,
    "a period": "abc" * 700,
    "120 tiny lines": "ab\nba\n" * 60,
    "random letters": biased(2700),
}


@pytest.mark.parametrize("order", [1, 3, 9])
@pytest.mark.parametrize("kind", REPEATED)
def test_repeated_text_has_finite_figures_and_probabilities_that_sum_to_one(kind: str, order: int) -> None:
    """No n-gram of it occurs once, so the counts of counts give no discounts."""
    lines = [[START, *letters(line)] for line in REPEATED[kind].splitlines(keepends=True)]
    predictable = {3, 4, 5, EOS}
    model = train(laid(lines), order, mask(predictable))
    for text in ("abba", "aaaa", "", "abcabcabc"):
        rows = [np.array([START, *letters(text), symbol], dtype=np.int32) for symbol in range(V)]
        results = model.log_probabilities(rows)
        assert all(np.isfinite(result[:-1]).all() and (result[:-1] <= 0).all() for result in results)
        assert sum(math.exp(result[-1]) for result in results) == pytest.approx(1, abs=1e-6)


def test_the_shares_of_what_follows_are_near_those_counted() -> None:
    text = REPEATED["random letters"]
    model = train(laid([[START, *letters(text)]]), 2, mask({3, 4, 5}))
    rows = [np.array([START, *letters("ab" + last)], dtype=np.int32) for last in "abc"]
    shares = [math.exp(result[-1]) for result in model.log_probabilities(rows)]
    counted = [sum(text[i : i + 2] == "b" + last for i in range(len(text))) / text.count("b") for last in "abc"]
    assert shares == pytest.approx(counted, abs=0.01)
