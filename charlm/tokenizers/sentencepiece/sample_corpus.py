"""Sample of a corpus that is small enough to learn subwords from, drawn evenly and without a random seed."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from charlm.randomness import uniform

BLOCK = 4096  # characters that are selected together


class SampledCorpus(NamedTuple):
    """`texts` are the selected blocks, with neighbors joined; `characters` counts those of the whole corpus."""

    texts: list[str]
    characters: int


def sample_corpus(texts: Iterable[Iterable[str]], at_most: int) -> SampledCorpus:
    """Select blocks of texts, which come in pieces cut anywhere, with at most `at_most` characters in all.

    A block is selected by a hash of its number, so the sample depends neither on a seed nor on how the texts were cut.
    """
    kept: list[tuple[int, float, str]] = []
    number = characters = size = 0
    share = 1.0
    for text in texts:
        for block in _blocks(text):
            number += 1
            characters += len(block)
            hash_ = float(uniform(number)[0])
            if hash_ < share:
                kept.append((number, hash_, block))
                size += len(block)
            while size > at_most:  # halve the share, and drop the blocks that no longer belong to it
                share /= 2
                kept = [each for each in kept if each[1] < share]
                size = sum(len(block) for _, _, block in kept)
        number += 1  # a gap: the first block of the next text is not a neighbor of this one
    return SampledCorpus(list(_joined(kept)), characters)


def _blocks(pieces: Iterable[str]) -> Iterator[str]:
    """Cut a text into blocks of BLOCK characters; the last may be shorter."""
    rest = ""
    for piece in pieces:
        rest += piece
        whole = len(rest) - len(rest) % BLOCK
        yield from (rest[start : start + BLOCK] for start in range(0, whole, BLOCK))
        rest = rest[whole:]
    if rest:
        yield rest


def _joined(kept: list[tuple[int, float, str]]) -> Iterator[str]:
    run: list[str] = []
    last = 0
    for number, _, block in kept:
        if run and number != last + 1:
            yield "".join(run)
            run = []
        run.append(block)
        last = number
    if run:
        yield "".join(run)
