"""Counts, against the formula written down once more, plainly and slowly, and against an example computed by hand."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charlm.config import ModelConfig, TextMode, TrainConfig
from charlm.counts import Counts, CountSettings, TargetFigures, choose, count
from charlm.counts.parts import counted_parts
from charlm.counts.smoothing import discounts
from charlm.registry import find, names
from charlm.tasks.text.preparation import prepare
from charlm.tokenizers import Tokenizer
from charlm.tokenizers.sentencepiece import trainer, trainer_process

UNK, START, EOS = Tokenizer.UNK, Tokenizer.START, Tokenizer.EOS
V = 7  # tokens, those three included
CORPORA = Path(__file__).parents[2] / "corpora"
ROUNDING = 5e-4  # of log P, by the stored shares
bodies = st.lists(st.sampled_from([UNK, *range(3, V)]), min_size=1, max_size=12)
corpora = st.lists(bodies, min_size=1, max_size=8)
texts = st.lists(st.sampled_from(range(3, V)), min_size=1, max_size=8)
PREDICTABLE = np.isin(np.arange(V), [EOS, *range(3, V)])


class Slow(NamedTuple):
    """The formula, over the tokens of rows; each token is (row, index)."""

    rows: Sequence[Sequence[int]]
    order: int
    cuts: Sequence[int]

    def grams(self, left_out: set[tuple[int, int]]) -> list[dict[tuple[int, ...], tuple[int, int]]]:
        """Return count and adjusted count of each n-gram that ends in a token which is not left out."""
        result = []
        ends = [(r, i) for r, row in enumerate(self.rows) for i in range(1, len(row)) if (r, i) not in left_out]
        for n in range(1, self.order + 1):
            found: Counter[tuple[int, ...]] = Counter()
            before = defaultdict(set)
            for r, i in ends:
                row = self.rows[r]
                if i - n + 1 >= 0 and PREDICTABLE[row[i]]:
                    gram = tuple(row[i - n + 1 : i + 1])
                    found[gram] += 1
                    if i - n >= 0:
                        before[gram].add(row[i - n])
            top = n == self.order
            result.append(
                {
                    gram: (times, times if top or gram[0] == START else len(before[gram]))
                    for gram, times in found.items()
                }
            )
        return result

    def discounts(self) -> list[tuple[float, float, float]]:
        numbers = [Counter(adjusted for _, adjusted in level.values()) for level in self.grams(set())]
        return [discounts([each[count] for count in (1, 2, 3, 4)]) for each in numbers]

    def look_up(self, context: Sequence[int], token: int, left_out: set[tuple[int, int]]) -> tuple[float, int, int]:
        """Return P(token | context), the depth of the longest context that was seen, and its number of followers."""
        p, depth, followers = (1 / PREDICTABLE.sum() if PREDICTABLE[token] else 0.0), 0, 0
        for k, (level, taken) in enumerate(zip(self.grams(left_out), self.discounts(), strict=True)):
            before = tuple(context[len(context) - k :])
            if len(before) < k:
                break
            following = {gram[-1]: each for gram, each in level.items() if gram[:-1] == before}
            total = sum(adjusted for _, adjusted in following.values())
            kept = {w: a for w, (times, a) in following.items() if times >= self.cuts[k] and a}
            if not kept:
                break
            shares = {w: (a - (0, *taken)[min(a, 3)]) / total for w, a in kept.items()}
            p = shares.get(token, 0.0) + (1 - sum(shares.values())) * p
            depth, followers = k, len(kept)
        return p, depth, followers


def rings(corpus: list[list[int]]) -> tuple[np.ndarray, np.ndarray, list[list[int]]]:
    """Return ids and starts, and the same as rows with START."""
    sizes = [len(body) + 1 for body in corpus]
    ids = np.concatenate([[*body, EOS] for body in corpus])
    return ids, np.cumsum([0, *sizes])[:-1], [[START, *body, EOS] for body in corpus]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(corpora, texts, st.integers(1, 5), st.sampled_from([0, 1, 6000]))
def test_probabilities_are_those_of_the_formula(
    corpus: list[list[int]], text: list[int], order: int, limit: int
) -> None:
    """A small limit drops n-grams. UNK can be context but is never predicted."""
    ids, starts, rows = rings(corpus)
    counts, _ = count(ids, starts, PREDICTABLE, CountSettings(order=order, limit=limit))
    slow = Slow(rows, order, counts.cuts)
    row = [START, *text, EOS]
    figures = counts.figures(np.array(row))
    for i in range(1, len(row)):
        context = row[max(0, i - order + 1) : i]
        p, depth, followers = slow.look_up(context, row[i], set())
        assert figures.logprobs[i] == pytest.approx(math.log(p), abs=ROUNDING)
        assert (figures.context.depth[i], figures.context.followers[i]) == (depth, followers)
        distribution = counts.distribution(context)
        assert distribution.sum() == pytest.approx(1, abs=1e-6)
        assert distribution[row[i]] == pytest.approx(math.exp(figures.logprobs[i]), rel=1e-6)
        assert set(np.flatnonzero(distribution)) == set(np.flatnonzero(PREDICTABLE))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(corpora, st.integers(1, 4), st.booleans(), st.sampled_from([0, 1]))
def test_figures_of_counted_tokens_leave_them_out(corpus: list[list[int]], order: int, lines: bool, limit: int) -> None:
    """Lines leave out one token, a running text its block. The discounts stay those of the whole text."""
    ids, starts, rows = rings(corpus)
    choice = CountSettings(order=order, limit=limit, blocks=3)
    counts, figures = count(ids, starts, PREDICTABLE, choice, left_out_lines=lines)
    assert figures is not None
    slow = Slow(rows, order, counts.cuts)
    tokens = [(r, i) for r, row in enumerate(rows) for i in range(1, len(row))]
    N = len(ids)
    blocks = [t if lines else t * 3 // N for t in range(N)]
    for t, (r, i) in enumerate(tokens):
        without = {token for token, block in zip(tokens, blocks, strict=True) if block == blocks[t]}
        p, depth, followers = slow.look_up(rows[r][max(0, i - order + 1) : i], rows[r][i], without)
        expected = math.log(p) if p else -math.inf
        assert figures.logprobs[t] == pytest.approx(expected, abs=1e-5)
        assert (figures.context.depth[t], figures.context.followers[t]) == (depth, followers)


def test_a_line_counted_by_hand() -> None:
    """START a b a EOS, order 2. No counts of counts, so D is 1/2, 1, 3/2.

    Unigrams count tokens before them: a 2, b 1, EOS 1 of 4. So a has 1/4, b and EOS 1/8, and a third of the other half
    each. After a come b and EOS, once each: P(b | a) = (1 - 1/2) / 2 + (1/2) P(b). Without this b, only EOS follows a,
    and the unigrams are a 1/3 and EOS 1/6, and a third of the other half each.
    """
    a, b = 3, 4
    predictable = np.isin(np.arange(5), [a, b, EOS])
    counts, figures = count(
        np.array([a, b, a, EOS]), np.array([0]), predictable, CountSettings(order=2), left_out_lines=True
    )
    assert figures is not None
    expected = np.zeros(5)
    expected[[a, b, EOS]] = [1 / 4 + 1 / 6, 1 / 8 + 1 / 6, 1 / 8 + 1 / 6]
    assert counts.distribution([]) == pytest.approx(expected, rel=1e-6)
    after_a = expected / 2
    after_a[[b, EOS]] += 1 / 4
    assert counts.distribution([START, b, a]) == pytest.approx(after_a, rel=ROUNDING)
    assert math.exp(figures.logprobs[1]) == pytest.approx(1 / 2 * 1 / 6, rel=1e-6)
    assert [values[1] for values in figures.context] == [1, 1, 1]


def test_batches_are_the_single_distributions() -> None:
    ids, starts, _ = rings([[3, 4, 5, 3, 4, 6], [3, 4, 6], [5, 5]])
    counts = Counts.of(ids, starts, PREDICTABLE, CountSettings(order=4))
    contexts = np.array([[START, START, START], [START, 3, 4], [3, 4, 5], [UNK, 5, 6]])
    probabilities, statistics = counts.distributions(contexts)
    assert probabilities.dtype == np.float32
    for row, context in zip(probabilities, contexts, strict=True):
        assert row.tolist() == counts.distribution(context).tolist()
    for i, context in enumerate(contexts):
        figures = counts.figures(np.array([*context, 3]))
        assert [each[i] for each in statistics] == [each[-1] for each in figures.context]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("order", [1, 4])
def test_targets_after_contexts_have_the_figures_of_the_distributions(
    monkeypatch: pytest.MonkeyPatch, order: int, compiled: bool
) -> None:
    """For contexts of any length, also after tokens that are not known, which are no beginning."""
    if not compiled:
        monkeypatch.setattr("charlm.counts.tree.library", lambda: None)
    ids, starts, _ = rings([[3, 4, 5, 3, 4, 6], [3, 4, 6], [5, 5]])
    counts = Counts.of(ids, starts, PREDICTABLE, CountSettings(order=order))
    rows = np.array([[-1, -1, -1, 3], [-1, START, START, 3], [6, 3, 4, 5], [5, -1, 3, 4], [3, START, 3, 4]])
    targets = np.array([4, 4, 3, 6, 5])
    for size in range(5):
        contexts = rows[:, 4 - size :]
        figures, (probabilities, statistics) = counts.figures_after(contexts, targets), counts.distributions(contexts)
        assert np.exp(figures.logprobs) == pytest.approx(probabilities[range(5), targets], rel=1e-5)
        assert [each.tolist() for each in figures.context] == [each.tolist() for each in statistics]
    if order > 2:
        assert figures.logprobs[0] != pytest.approx(figures.logprobs[1])  # a line begins in the second one only


@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize("name", names("tokenizers"))
def test_each_tokenizer(monkeypatch: pytest.MonkeyPatch, name: str, lines: bool) -> None:
    monkeypatch.setattr(trainer, "run_trainer", lambda options, text, on_wait: trainer_process.train(options, text))
    mode = TextMode.LINE if lines else TextMode.STREAM
    text = "the cat sat\non the mat\nthe dog sat\non the cat\n" * 20
    tokenizer = find(Tokenizer, name).train([[text]], ModelConfig(), mode=mode)
    ids = np.concatenate(list(tokenizer.encode_pieces([text], mode=mode)))
    starts = np.flatnonzero(np.append(EOS, ids[:-1]) == EOS) if lines else np.zeros(1, dtype=np.int64)
    predictable = np.isin(np.arange(tokenizer.size), [UNK, START, *([] if lines else [EOS])], invert=True)
    counts, figures = count(ids, starts, predictable, CountSettings(order=5), left_out_lines=lines)
    assert figures is not None and len(figures.logprobs) == len(ids)
    assert np.isfinite(figures.logprobs).all() and (figures.logprobs <= 0).all()
    row = tokenizer.sequence(tokenizer.encode("the cat sat"), eos=lines)
    known = counts.figures(row)
    for i in range(1, len(row)):
        distribution = counts.distribution(row[max(0, i - 4) : i])
        assert distribution.sum() == pytest.approx(1, abs=1e-5)
        assert set(np.flatnonzero(distribution)) == set(np.flatnonzero(predictable))
        assert distribution[row[i]] == pytest.approx(math.exp(known.logprobs[i]), rel=1e-5)


@pytest.mark.parametrize("sequence", ["line", "stream"])
@pytest.mark.parametrize("corpus", ["court.txt", "dna.txt"])
def test_left_out_figures_are_those_of_held_out_text(corpus: str, sequence: str) -> None:
    """The mean log P of the counted part, without itself or its blocks, is within 4 % of the part that is not counted.

    The bound is wide because the two parts are different texts.
    """
    data = prepare(CORPORA / corpus, ModelConfig(sequence=sequence), TrainConfig())
    lines = sequence == "line"
    counts, figures = count(
        data.ring.targets, data.ring.starts, data.allowed_tokens, CountSettings(order=6), left_out_lines=lines
    )
    assert figures is not None
    rows = [data.tokenizer.sequence(data.tokenizer.encode(text), eos=lines) for text in data.split.valid]
    held_out = np.concatenate(counts.log_probabilities(rows))
    assert figures.logprobs.mean(dtype=np.float64) == pytest.approx(held_out[np.isfinite(held_out)].mean(), rel=0.04)


def partly_counted(
    draw: np.random.Generator, *, lines: int, parts: int
) -> tuple[Counts, TargetFigures, np.ndarray, np.ndarray]:
    """Count one of `parts` equal parts of random lines: the counts, the figures of targets, ids and starts."""
    ids, starts, _ = rings([draw.integers(3, V, draw.integers(1, 40)).tolist() for _ in range(lines)])
    choice = CountSettings(order=4, tokens=len(ids) // parts)
    counts, left_out = count(ids, starts, PREDICTABLE, choice, left_out_lines=True)
    assert left_out is not None
    return counts, TargetFigures(counts, ids, starts, choice.tokens, left_out), ids, starts


def test_a_part_of_a_text_is_counted() -> None:
    """Only the tokens of the parts are left out; the others have the figures of any other text."""
    counts, targets, ids, starts = partly_counted(np.random.default_rng(4), lines=40, parts=2)
    figures = targets.at(np.arange(len(ids))[:, None]).select((slice(None), 0))
    assert np.isfinite(figures.logprobs).all()
    whole = counts.figures(np.insert(ids, starts, START))
    plain = whole.logprobs[np.insert(np.ones(len(ids), dtype=bool), starts, False)]
    first, last = zip(*counted_parts(len(ids), starts, len(ids) // 2), strict=True)
    inside = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    assert len(inside) == len(ids) // 2
    outside = np.setdiff1d(np.arange(len(ids)), inside)
    assert figures.logprobs[outside].tolist() == plain[outside].tolist()
    assert figures.logprobs[inside].mean() < plain[inside].mean()


def test_stretches_of_a_text_have_the_figures_of_the_whole() -> None:
    """Also where a stretch goes on with the first token of the text after the last one."""
    draw = np.random.default_rng(5)
    _, targets, ids, _ = partly_counted(draw, lines=30, parts=3)
    whole = targets.at(np.arange(len(ids))[:, None])
    offsets = (draw.integers(0, len(ids), 50) + np.arange(9)[:, None]) % len(ids)
    for one, all_of_them in zip(targets.at(offsets).context, whole.context, strict=True):
        assert np.array_equal(one, all_of_them[offsets, 0])
    np.testing.assert_allclose(targets.at(offsets).logprobs, whole.logprobs[offsets, 0], rtol=1e-6)


def test_the_order_and_the_counted_part_follow_from_the_text_and_the_time() -> None:
    assert choose(10_000, seconds=5) == CountSettings(order=6)
    assert choose(1_000_000, seconds=5) == CountSettings(order=10)
    assert choose(4_000_000, seconds=5) == CountSettings(order=12)
    assert choose(10**9, seconds=5) == CountSettings(order=12, tokens=6_000_000)
    assert choose(10**9, seconds=100, memory=2**29) == CountSettings(order=12, tokens=2**24)


def test_the_order_follows_from_the_counted_part_that_is_asked_for() -> None:
    assert choose(10**9, seconds=5, counted=1_000_000) == CountSettings(order=10, tokens=1_000_000)
    for everything in (0, 1_000_000, 2_000_000):
        assert choose(1_000_000, seconds=0.01, counted=everything) == CountSettings(order=10)
