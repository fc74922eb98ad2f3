"""Minimal pairs: is the good sentence of two likelier than the bad one? (Linzen, Dupoux & Goldberg 2016; BLiMP 2020)

A file of pairs has one on each line: good, tab, bad, and perhaps a tab and the group it belongs to, such as the number
of words between subject and verb.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Unpack

from charlm.data.sequences import lines
from charlm.errors import CorpusError
from charlm.language_model import LanguageModel
from charlm.scoring.score import ScoreOptions


class Pair(NamedTuple):
    """Two sentences; `group` is "" where the file has none."""

    good: str
    bad: str
    group: str = ""


class Accuracy(NamedTuple):
    """How many pairs of a group are right."""

    group: str
    right: int
    pairs: int

    @property
    def share(self) -> float:
        return self.right / self.pairs


def parse(name: str, text: str) -> list[Pair]:
    """The pairs of a file's text. Raises CorpusError, with the file's name and the line, for what is none."""
    found: list[Pair] = []
    for number, line in enumerate(lines(text), start=1):
        fields = line.split("\t")
        where = f"{name}:{number}"
        if len(fields) not in (2, 3) or not fields[0] or not fields[1]:
            raise CorpusError(f"{where} is no pair: write the good sentence, a tab, the bad one, and a group if any")
        if fields[0] == fields[1]:
            raise CorpusError(f"{where} has the same sentence twice: the second should be the bad one")
        pair = Pair(*fields)
        if found and bool(pair.group) != bool(found[0].group):
            raise CorpusError(f"{where} has {'a' if pair.group else 'no'} group, unlike line 1: name one on every line")
        found.append(pair)
    return found


def judge(
    model: LanguageModel, pairs: Sequence[Pair], *, eos: bool | None = None, **how: Unpack[ScoreOptions]
) -> list[bool]:
    """Of each pair whether the model finds the good sentence likelier, by the conventions of `score_many`."""
    return right([found.logprob for found in model.score_many(sentences(pairs), eos=eos, **how)])


def sentences(pairs: Iterable[Pair]) -> list[str]:
    """The good one and the bad one of each pair, in order."""
    return [sentence for pair in pairs for sentence in (pair.good, pair.bad)]


def right(logprobs: Sequence[float]) -> list[bool]:
    """Of each pair whether the good sentence is likelier; as likely as the other is not enough.

    logprobs: of whole sentences, in the order of `sentences`.
    """
    return [good > bad for good, bad in zip(logprobs[::2], logprobs[1::2], strict=True)]


def accuracies(pairs: Sequence[Pair], right: Iterable[bool]) -> list[Accuracy]:
    """One of each group, by number where all groups are numbers, else as they come; none where there are no groups."""
    sums: dict[str, list[bool]] = {}
    for pair, is_right in zip(pairs, right, strict=True):
        if pair.group:
            sums.setdefault(pair.group, []).append(is_right)
    numbers = all(group.isdecimal() for group in sums)
    groups = sorted(sums, key=int) if numbers else list(sums)
    return [Accuracy(group, sum(sums[group]), len(sums[group])) for group in groups]
