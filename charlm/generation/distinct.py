"""Samples with different texts."""

from collections.abc import Iterable, Iterator

from charlm.generation.generate import Piece, Sample

_PATIENCE = 1000  # samples in a row without a new text


def distinct(groups: Iterable[Iterable[Piece | Sample]], count: int) -> Iterator[Piece | Sample]:
    """Yield the first `count` samples of different texts, in the order of their indices, each as a Piece and a Sample.

    There are fewer if 1,000 samples in a row, or a few more, bring no new text.
    """
    seen: set[str] = set()
    repeats = 0
    for group in groups:
        samples = [each for each in group if isinstance(each, Sample)]
        for sample in sorted(samples, key=lambda sample: sample.index):
            repeats += 1
            if sample.text in seen:
                continue
            seen.add(sample.text)
            repeats = 0
            yield Piece(sample.index, sample.text)
            yield sample
            if len(seen) == count:
                return
        if repeats >= _PATIENCE:
            return
