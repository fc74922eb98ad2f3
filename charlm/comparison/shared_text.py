"""Measure how much of a text also occurs in a training text: whole lines in line mode, long stretches in stream mode.

Both texts may be larger than memory. The training text is read once for every 4 MB of the other text.

A stretch is found by the hash of its windows of 64 bytes (Karp and Rabin 1987): those of the text at each offset, those
of the training text at each 16th. A common stretch of at least 79 bytes is always found, and its ends to 15 bytes; one
of less than 64 bytes is ignored, because independent texts share many. A text of less than 80 bytes counts as shared if
all of it occurs in the training text.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charlm import raw_bytes
from charlm.batching import batches
from charlm.config import TextMode
from charlm.data.documents import AnyDocument
from charlm.data.sequences import Lines, Streams, lines

_AT_ONCE = 2**22  # characters of the text that are compared in one pass over the training text
_WINDOW, _STRIDE = 64, 16  # bytes of UTF-8; powers of two
_SHORTEST = _WINDOW + _STRIDE  # bytes of a text in which windows are sought
_MULTIPLIER = 0x9E3779B97F4A7C15  # odd: 2**64 divided by the golden ratio

_Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Shared:
    """How many units of a text occur in a training text, and of how many: characters of lines, or bytes of streams."""

    count: int
    total: int

    def __add__(self, other: "Shared") -> "Shared":
        return Shared(self.count + other.count, self.total + other.total)


def shared_text(training: Streams | Lines, documents: Sequence[AnyDocument]) -> list[Shared]:
    """Return for each document how much of it occurs in the training text. Blank lines do not count in line mode."""
    sums = [Shared(0, 0)] * len(documents)
    parts = ((number, piece) for number, document in enumerate(documents) for piece in document.pieces())
    shared = _shared_lines if training.mode == TextMode.LINE else _shared_stretches
    for batch in batches(parts, lambda part: len(part[1]), _AT_ONCE):
        numbers, texts = zip(*batch, strict=True)
        for number, part in zip(numbers, shared(training.groups(), texts), strict=True):
            sums[number] += part
    return sums


def _shared_lines(training: Iterable[Iterable[str]], texts: Sequence[str]) -> Iterator[Shared]:
    parts = [list(filter(None, lines(text))) for text in texts]
    wanted = {line for part in parts for line in part}
    known: set[str] = set()
    for group in training:
        rest = ""
        for piece in group:
            *ended, rest = (rest + piece).split("\n")
            known.update(wanted.intersection(ended))
    for part in parts:
        sizes = [(len(line) + 1, line in known) for line in part]
        yield Shared(sum(size for size, is_known in sizes if is_known), sum(size for size, _ in sizes))


def _shared_stretches(training: Iterable[Iterable[str]], texts: Sequence[str]) -> Iterator[Shared]:
    contents = [raw_bytes.to_bytes(text) for text in texts]
    short = {text for content in contents if len(content) < _SHORTEST and (text := content.strip(b"\r\n"))}
    hashes = [_window_hashes(content, 1) for content in contents]
    wanted = np.unique(np.concatenate(hashes))
    known = np.zeros(len(wanted), dtype=bool)
    occurring: set[bytes] = set()
    for group in training:
        rest = b""
        for piece in group:
            data = rest + raw_bytes.to_bytes(piece)
            occurring.update(text for text in short - occurring if text in data)
            windows = _window_hashes(data, _STRIDE)
            if len(wanted):
                nearest = np.minimum(np.searchsorted(wanted, windows), len(wanted) - 1)
                known[nearest[wanted[nearest] == windows]] = True
            rest = data[max(0, len(windows) - 2) * _STRIDE :]  # at least as many bytes as a short text may begin with
    for content, each in zip(contents, hashes, strict=True):
        if len(content) < _SHORTEST:
            yield Shared(len(content) * (content.strip(b"\r\n") in occurring), len(content))
        else:
            yield Shared(_covered(known[np.searchsorted(wanted, each)]), len(content))


def _window_hashes(data: bytes, stride: int) -> _Hashes:
    """Return the hashes of the windows at the offsets 0, stride, 2 * stride and so on: polynomials modulo 2**64."""
    if len(data) < _SHORTEST:
        return np.empty(0, dtype=np.uint64)
    hashes, width, multiplier = np.frombuffer(data, dtype=np.uint8).astype(np.uint64), 1, _MULTIPLIER
    while width < _WINDOW:  # double the width, at every offset or, up to the stride, at the multiples of the width
        apart = 1 if width < stride else width // stride
        first, second = hashes[:-apart], hashes[apart:]
        if width < stride:
            first, second = hashes[0 : len(hashes) // 2 * 2 : 2], hashes[1::2]
        hashes = first * np.uint64(multiplier) + second
        width, multiplier = 2 * width, multiplier**2 % 2**64
    return hashes


def _covered(starts: NDArray[np.bool_]) -> int:
    """Return how many bytes are in a window that begins where `starts` is true."""
    edges = np.zeros(len(starts) + _WINDOW, dtype=np.int64)
    edges[: len(starts)] += starts
    edges[_WINDOW:] -= starts
    return int((np.cumsum(edges) > 0).sum())
