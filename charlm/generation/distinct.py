"""Samples that differ from each other."""

from collections.abc import Iterable, Iterator

from charlm.generation.generate import Piece, Sample

_PATIENCE = 1000  # samples in a row that bring nothing new


def distinct(groups: Iterable[Iterable[Piece | Sample]], count: int) -> Iterator[Piece | Sample]:
    """The first `count` samples of different texts in the order of their indices, each as one Piece and the Sample.

    Fewer where a thousand samples in a row, or a little more, brought no new text.
    """
    seen: set[str] = set()
    since = 0
    for group in groups:
        samples = [each for each in group if isinstance(each, Sample)]
        for sample in sorted(samples, key=lambda sample: sample.index):
            since += 1
            if sample.text in seen:
                continue
            seen.add(sample.text)
            since = 0
            yield Piece(sample.index, sample.text)
            yield sample
            if len(seen) == count:
                return
        if since >= _PATIENCE:
            return
