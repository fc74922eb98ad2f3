"""Compare novelty with a search for every stretch of a text in the corpus."""

import tracemalloc
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from charlm.comparison.novelty import Novelty, novelty

TEXTS = st.lists(st.text("ab", max_size=14) | st.text("abc", max_size=20), max_size=5)


def stretches(text: str, n: int) -> list[str]:
    return [text[index : index + n] for index in range(len(text) - n + 1)]


def by_looking(text: str, corpus: list[str]) -> Novelty:
    def copied(stretch: str) -> bool:
        return any(stretch in document for document in corpus)

    def share(n: int) -> float | None:
        result = [not copied(each) for each in stretches(text, n)]
        return sum(result) / len(result) if result else None

    longest = max(n for n in range(len(text) + 1) if not n or any(map(copied, stretches(text, n))))
    first = next(filter(copied, stretches(text, longest))) if longest else ""
    return Novelty(longest, first, share(4), share(8))


@settings(max_examples=500, deadline=None, derandomize=True)
@given(TEXTS, st.lists(st.text("abc", max_size=60), max_size=4), st.integers(1, 9))
def test_it_is_what_looking_for_every_stretch_finds(texts: list[str], corpus: list[str], size: int) -> None:
    blocks = [[document[index : index + size] for index in range(0, len(document), size)] for document in corpus]
    assert novelty(texts, blocks) == [by_looking(text, corpus) for text in texts]


def test_a_worked_example() -> None:
    """Three of eight 4-grams are new, "at s", "t sa" and " sat"; so are all 8-grams but the first, "the cat "."""
    (result,) = novelty(["the cat sat"], [["the ca", "t ran"]])
    assert result == Novelty(8, "the cat ", 3 / 8, 3 / 4)


def test_memory_does_not_grow_with_the_corpus() -> None:
    """A megabyte passes by, and a tenth of that is never held."""

    def document() -> Iterator[str]:
        for _ in range(50):
            yield "x" * 1_000 + "word"

    tracemalloc.start()
    try:
        novelty(["a word or two"], (document() for _ in range(20)))
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
