"""Measure how much of a text is copied from a corpus.

The corpus is streamed through the suffix automaton (Blumer 1985) of the texts, so memory grows with the texts only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Novelty:
    """The longest stretch that also occurs in the corpus, and how much of the text does not."""

    longest_copied: int  # characters
    copied_text: str  # the first of that length
    novel_4grams: float | None  # share of the text's 4-grams that are new; None for a shorter text
    novel_8grams: float | None


def novelty(texts: Sequence[str], corpus: Iterable[Iterable[str]]) -> list[Novelty]:
    """Compare texts with the documents of a corpus, given in blocks of any length. No stretch crosses documents."""
    automaton = _SuffixAutomaton(texts)
    for document in corpus:
        automaton.read(document)
    automaton.settle()
    return [_novelty(text, automaton.copied(text)) for text in texts]


def _novelty(text: str, copied: Sequence[int]) -> Novelty:
    longest = max(copied, default=0)
    end = copied.index(longest) + 1 if longest else 0
    return Novelty(longest, text[end - longest : end], _novel(copied, 4), _novel(copied, 8))


def _novel(copied: Sequence[int], n: int) -> float | None:
    """Return the share of n-grams that are new: those at whose last character fewer than n characters are copied."""
    ends = copied[n - 1 :]
    return sum(length < n for length in ends) / len(ends) if ends else None


class _SuffixAutomaton:
    """Suffix automaton: a state is the set of substrings that end at the same offsets, suffixes of the longest one."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._following: list[dict[str, int]] = [{}]
        self._link = [-1]  # to the state of the longest suffix that ends at more offsets
        self._length = [0]  # of the longest string in the state
        for text in texts:
            state = 0
            for character in text:
                state = self._extend(state, character)
        self._seen = [0] * len(self._length)  # length of the longest suffix of it that the corpus has

    def _extend(self, last: int, character: str) -> int:
        """Return the state of the string of `last` with one more character."""
        known = self._following[last].get(character)
        if known is not None:
            return known if self._length[known] == self._length[last] + 1 else self._split(last, character, known)
        new = self._add(self._length[last] + 1, {}, 0)
        while last >= 0 and character not in self._following[last]:
            self._following[last][character] = new
            last = self._link[last]
        if last >= 0:
            known = self._following[last][character]
            longest = self._length[known] == self._length[last] + 1
            self._link[new] = known if longest else self._split(last, character, known)
        return new

    def _split(self, last: int, character: str, known: int) -> int:
        """Move the strings of `known` that extend `last` or shorter strings to a new state, and return it."""
        shorter = self._add(self._length[last] + 1, dict(self._following[known]), self._link[known])
        self._link[known] = shorter
        while last >= 0 and self._following[last].get(character) == known:
            self._following[last][character] = shorter
            last = self._link[last]
        return shorter

    def _add(self, length: int, following: dict[str, int], link: int) -> int:
        self._following.append(following)
        self._length.append(length)
        self._link.append(link)
        return len(self._length) - 1

    def read(self, document: Iterable[str]) -> None:
        """Record in every state the longest of its strings that the document has."""
        following, link, length, seen = self._following, self._link, self._length, self._seen
        state = matched = 0
        for block in document:
            for character in block:
                while character not in following[state]:
                    if state == 0:
                        matched = 0
                        break
                    state = link[state]
                    matched = length[state]
                else:
                    state = following[state][character]
                    matched += 1
                    if matched > seen[state]:
                        seen[state] = matched

    def settle(self) -> None:
        """Complete the records: with a string, all its suffixes were read, which belong to the linked states."""
        by_length = sorted(range(1, len(self._length)), key=self._length.__getitem__)
        for state in reversed(by_length):
            link = self._link[state]
            if self._seen[state]:
                self._seen[link] = self._length[link]
        for state in by_length:
            self._seen[state] = self._seen[state] or self._seen[self._link[state]]

    def copied(self, text: str) -> list[int]:
        """Return for each character of one of the texts the length of the copied stretch that ends with it."""
        state, lengths = 0, []
        for end, character in enumerate(text, start=1):
            state = self._following[state][character]
            lengths.append(min(self._seen[state], end))
        return lengths
