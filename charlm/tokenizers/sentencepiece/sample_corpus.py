"""A part of the texts that is small enough to learn subwords from, drawn evenly and always the same."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from charlm.randomness import uniform

BLOCK = 4096  # characters that are drawn together


class SampledCorpus(NamedTuple):
    """`texts` are what was drawn, neighbours joined; `characters` are those of all texts."""

    texts: list[str]
    characters: int


def sample_corpus(texts: Iterable[Iterable[str]], at_most: int) -> SampledCorpus:
    """All of the texts, each in pieces, cut anywhere, or blocks of them, of at most so many characters in all.

    Whether a block is drawn depends on its number, not on the seed, nor on how the texts were cut.
    """
    kept: list[tuple[int, float, str]] = []
    number = characters = size = 0
    share = 1.0
    for text in texts:
        for block in _blocks(text):
            number += 1
            characters += len(block)
            lot = float(uniform(number)[0])
            if lot < share:
                kept.append((number, lot, block))
                size += len(block)
            while size > at_most:
                share /= 2
                kept = [each for each in kept if each[1] < share]
                size = sum(len(block) for _, _, block in kept)
        number += 1  # the next block is no neighbour
    return SampledCorpus(list(_joined(kept)), characters)


def _blocks(pieces: Iterable[str]) -> Iterator[str]:
    """A text in blocks of BLOCK characters and a shorter one."""
    rest = ""
    for piece in pieces:
        rest += piece
        whole = len(rest) - len(rest) % BLOCK
        yield from (rest[place : place + BLOCK] for place in range(0, whole, BLOCK))
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
