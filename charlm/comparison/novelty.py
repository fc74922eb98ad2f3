"""How new a text is: what of it stands in a corpus already.

The corpus streams past the suffix automaton (Blumer 1985) of the texts, so that memory grows with the texts alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Novelty:
    """The longest stretch that the corpus has too, and how much of the text it has not."""

    longest_copied: int  # characters
    copied_text: str  # the first of that length
    novel_4grams: float | None  # share of the text's stretches of 4 characters; None where it is shorter
    novel_8grams: float | None


def novelty(texts: Sequence[str], corpus: Iterable[Iterable[str]]) -> list[Novelty]:
    """Compare texts with the documents of a corpus, each in blocks of any length; no stretch crosses documents."""
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
    """Share of the n-grams that are not copied: those that end where fewer than n characters are."""
    ends = copied[n - 1 :]
    return sum(length < n for length in ends) / len(ends) if ends else None


class _SuffixAutomaton:
    """Each state stands for substrings of the texts that end at the same places: suffixes of its longest one."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._following: list[dict[str, int]] = [{}]
        self._link = [-1]  # to the state of the longest suffix that ends at more places
        self._length = [0]  # of the state's longest string
        for text in texts:
            state = 0
            for character in text:
                state = self._extend(state, character)
        self._seen = [0] * len(self._length)  # characters of the state's longest string, at its end, that were read

    def _extend(self, last: int, character: str) -> int:
        """The state of a text that is one character longer than that of `last`."""
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
        """A state of its own for the strings of `known` that are no longer than those from `last`."""
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
        """Note for every state the longest string that the document has."""
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
        """A string that was read has been read with all its suffixes, and a state knows those of its links."""
        by_length = sorted(range(1, len(self._length)), key=self._length.__getitem__)
        for state in reversed(by_length):
            link = self._link[state]
            if self._seen[state]:
                self._seen[link] = self._length[link]
        for state in by_length:
            self._seen[state] = self._seen[state] or self._seen[self._link[state]]

    def copied(self, text: str) -> list[int]:
        """For each character of one of the texts: how many up to it were read in a row."""
        state, lengths = 0, []
        for place, character in enumerate(text, start=1):
            state = self._following[state][character]
            lengths.append(min(self._seen[state], place))
        return lengths
