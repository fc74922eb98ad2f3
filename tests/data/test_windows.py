"""Training windows: their order and context, which depend only on (seed, step)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from charlm.data.documents import Document
from charlm.data.sequences import all_sequences, encode_sequences
from charlm.data.token_store import store_in_memory
from charlm.data.windows import STATE_RESET_PROBABILITY, TokenRing, TrainingWindows
from charlm.tokenizers import Tokenizer
from charlm.tokenizers.char import CharTokenizer

MODEST = settings(max_examples=100, deadline=None, derandomize=True)
FIRST = 10  # the symbol at place 0 of a ring is FIRST, at place 1 FIRST + 1: every symbol tells its place


def made(
    lengths: list[int],
    batch_size: int,
    seq_len: int,
    seed: int = 0,
    *,
    whole: bool = False,
    line_every: int | None = None,
) -> TrainingWindows:
    """Make windows of sequences with these lengths; in stream mode, every `line_every`-th token ends a line."""
    size = sum(lengths)
    starts = np.cumsum([0, *lengths[:-1]])
    line_ends = np.zeros(FIRST + size, dtype=bool)
    if line_every:
        line_ends[FIRST + line_every - 1 :: line_every] = True
    targets = np.arange(FIRST, FIRST + size, dtype=np.int32)
    return TrainingWindows(
        TokenRing(targets, starts), batch_size, seq_len, seed, align_to_starts=whole, line_ends=line_ends
    )


def places(batches: TrainingWindows, epoch: int = 0) -> list[NDArray[np.int64]]:
    """Return the offsets on the ring of the targets (T, B) of each window of an epoch."""
    first = epoch * batches.steps_per_epoch
    return [batches[first + step].targets.numpy() - FIRST for step in range(batches.steps_per_epoch)]


SHAPES = st.tuples(
    st.lists(st.integers(1, 40), min_size=1, max_size=8).filter(lambda lengths: sum(lengths) > 1),
    st.integers(1, 7),
    st.integers(1, 12),
    st.integers(0, 2**63 - 1),
)


@MODEST
@given(SHAPES, st.integers(0, 2))
def test_a_pass_over_a_stream_reads_every_target_once_but_for_a_remainder(
    shape: tuple[list[int], int, int, int], epoch: int
) -> None:
    batches = made(*shape)
    read = np.concatenate([window.flatten() for window in places(batches, epoch)])
    assert len(np.unique(read)) == len(read)
    assert 0 <= batches.size - len(read) < batches.seq_len * batches.batch_size


def test_passes_begin_at_different_places_so_that_nothing_is_always_left_out() -> None:
    batches = made([1000], 7, 13)
    left = [set(range(1000)) - set(np.concatenate(places(batches, epoch)).flatten()) for epoch in range(6)]
    assert all(left) and not set.intersection(*left)


@MODEST
@given(SHAPES, st.booleans())
def test_a_row_goes_on_where_it_stopped_until_the_pass_ends(
    shape: tuple[list[int], int, int, int], whole: bool
) -> None:
    batches = made(*shape, whole=whole)
    row = np.concatenate(places(batches))  # (steps · T, B)
    assert ((np.diff(row, axis=0) - 1) % batches.size == 0).all()
    fresh = [batches[step].fresh for step in range(2 * batches.steps_per_epoch)]
    assert fresh == [step % batches.steps_per_epoch == 0 for step in range(len(fresh))]


@MODEST
@given(SHAPES, st.booleans(), st.integers(0, 20))
def test_each_target_is_predicted_from_the_symbol_before_it_and_a_sequence_from_the_start_symbol(
    shape: tuple[list[int], int, int, int], whole: bool, step: int
) -> None:
    """This also holds where the ring closes: its first token begins a sequence, and does not follow its last token."""
    batches = made(*shape, whole=whole, line_every=6)
    inputs, targets, resets, _, _ = batches[step]
    at = targets.numpy() - FIRST
    starting = np.isin(at, batches.ring.starts)
    reset = np.zeros_like(starting) if resets is None else resets.numpy()
    assert (inputs.numpy()[starting] == Tokenizer.START).all() and reset[starting].all()
    going = inputs.numpy() != Tokenizer.START
    assert (inputs.numpy()[going] - FIRST == at[going] - 1).all()
    assert reset[~going].all()  # the start token is only read by a state that knows of nothing before
    if whole:
        assert (reset == starting).all()


@MODEST
@given(SHAPES)
def test_a_pass_over_lines_begins_at_line_starts_alone(shape: tuple[list[int], int, int, int]) -> None:
    batches = made(*shape, whole=True)
    for epoch in range(3):
        first = batches[epoch * batches.steps_per_epoch]
        assert np.isin(first.targets.numpy()[0] - FIRST, batches.ring.starts).all()
        assert first.resets is not None and first.resets[0].all()


@MODEST
@given(SHAPES, st.booleans(), st.lists(st.integers(0, 10_000), min_size=1, max_size=5))
def test_a_window_depends_on_seed_and_step_alone(
    shape: tuple[list[int], int, int, int], whole: bool, steps: list[int]
) -> None:
    """The order of the requests does not matter."""
    one, other = made(*shape, whole=whole, line_every=5), made(*shape, whole=whole, line_every=5)
    found = {step: one[step] for step in steps}
    for step in reversed(steps):
        again = other[step]
        for part, same in zip(found[step], again, strict=True):
            assert part == same if part is None or isinstance(part, bool) else part.equal(same)


def test_another_seed_reads_other_windows() -> None:
    first = [made([5000], 4, 10, seed)[0].targets[0, 0].item() for seed in range(8)]
    assert len(set(first)) == 8


@pytest.mark.parametrize(
    ("size", "shrunk"),
    [(2, (2, 1)), (10, (10, 1)), (64, (64, 1)), (65, (64, 1)), (129, (64, 2)), (2047, (64, 31)), (5000, (64, 32))],
)
@pytest.mark.parametrize("whole", [False, True])
def test_a_small_corpus_has_shorter_windows_and_fewer_of_them(size: int, shrunk: tuple[int, int], whole: bool) -> None:
    batches = made([size], 32, 64, whole=whole)
    assert (batches.seq_len, batches.batch_size) == shrunk
    assert batches.steps_per_epoch == size // (shrunk[0] * shrunk[1]) >= 1
    assert tuple(batches[0].targets.shape) == shrunk


def test_a_stream_now_and_then_forgets_so_that_a_cold_start_is_learned() -> None:
    """In 4,000 rows, 5 % reset at the start of the window, and 5 % at the start of a line.

    Each is 200 ± 14; 60 is more than four times that. Every window of 16 has a line of 8 in it.
    """
    batches = made([40_000], 40, 16, line_every=8)
    cold, at_line = 0, 0
    for step in range(100):
        inputs, targets, resets, _, _ = batches[step]
        if resets is None:
            continue
        started = inputs == Tokenizer.START
        at_line += int(started.any(dim=0).sum())
        assert not (targets[started] - FIRST).remainder(8).any()  # the start token stands before a line
        assert not (resets & ~started)[1:].any()
        cold += int((resets & ~started)[0].sum())
    assert STATE_RESET_PROBABILITY == 0.05
    assert abs(cold - 200) < 60 and abs(at_line - 200) < 60


def test_a_stream_without_lines_has_no_resets_inside_a_window() -> None:
    batches = made([3000], 5, 20)
    for step in range(100):
        _, targets, resets, _, _ = batches[step]
        if resets is not None:
            assert not resets[1:][targets[1:] != FIRST].any()


def test_a_ring_lays_sequences_one_behind_the_other_each_closed_by_its_end() -> None:
    def ring(texts: list[str], sequence: str, *, close: bool) -> TokenRing:
        documents = [Document("f", text) for text in texts]
        tokenizer = CharTokenizer("ab")
        return store_in_memory(
            encode_sequences(tokenizer, all_sequences(documents, sequence), close=close), tokenizer.size
        ).ring

    for closed in (ring(["ab\n\na"], "line", close=True), ring(["ab", "", "a"], "line", close=True)):
        assert closed.targets.tolist() == [3, 4, Tokenizer.EOS, Tokenizer.EOS, 3, Tokenizer.EOS]
        assert closed.starts.tolist() == [0, 3, 4]
    streams, open_ = ring(["ab", "a"], "stream", close=True), ring(["aba"], "stream", close=False)
    assert (streams.targets.tolist(), streams.starts.tolist()) == ([3, 4, Tokenizer.EOS, 3, Tokenizer.EOS], [0, 3])
    assert (open_.targets.tolist(), open_.starts.tolist()) == ([3, 4, 3], [0])
