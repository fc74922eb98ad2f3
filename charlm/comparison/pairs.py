"""Judge minimal pairs: a good sentence should be likelier than a bad one (Linzen et al. 2016; Warstadt et al. 2020).

A file has one pair per line: the good sentence, a tab, the bad sentence. A second tab may be followed by the group of
the pair, such as the number of words between subject and verb. A quoted field is read as charlm/files/tsv.py says.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Unpack

from charlm.data.sequences import lines
from charlm.errors import CorpusError
from charlm.files import tsv
from charlm.language_model import LanguageModel
from charlm.scoring.score import ScoreOptions


class Pair(NamedTuple):
    """A good and a bad sentence; `group` is "" if the file has no groups."""

    good: str
    bad: str
    group: str = ""


class Accuracy(NamedTuple):
    """Number of pairs in a group that a model judges correctly."""

    group: str
    right: int
    pairs: int

    @property
    def share(self) -> float:
        """Accuracy, from 0 to 1."""
        return self.right / self.pairs


def parse(name: str, text: str) -> list[Pair]:
    """Parse a file's text. Raises CorpusError, with the name and the line, for a line that is not a pair."""
    pairs: list[Pair] = []
    for number, line in enumerate(lines(text), start=1):
        fields = tsv.split(line)
        where = f"{name}:{number}"
        if len(fields) not in (2, 3) or not fields[0] or not fields[1]:
            raise CorpusError(f"{where} is not a pair; write the good sentence, a tab, and the bad sentence")
        if fields[0] == fields[1]:
            raise CorpusError(f"{where} has the same sentence twice; write the bad sentence after the tab")
        pair = Pair(*fields)
        if pairs and bool(pair.group) != bool(pairs[0].group):
            raise CorpusError(
                f"{where} has {'a' if pair.group else 'no'} group, unlike line 1; give every line a group, or none"
            )
        pairs.append(pair)
    return pairs


def judge(
    model: LanguageModel, pairs: Sequence[Pair], *, eos: bool | None = None, **options: Unpack[ScoreOptions]
) -> list[bool]:
    """Return for each pair whether the model finds the good sentence likelier; `score_many` explains the options.

    Where scoring begins inside the context, it begins at the same boundary for both sentences.
    """
    scores = model.score_many(sentences(pairs), eos=eos, **options)
    for number, (good, bad) in enumerate(zip(scores[::2], scores[1::2], strict=True)):
        context = options.get("context", "")
        while good.scored_context != bad.scored_context:
            moved = max(good.scored_context or "", bad.scored_context or "", key=len)
            context = context[: -len(moved)]
            whole: ScoreOptions = {**options, "context": context}
            good, bad = model.score_many([moved + good.text, moved + bad.text], eos=eos, **whole)
        scores[2 * number : 2 * number + 2] = good, bad
    return correct([score.logprob for score in scores])


def sentences(pairs: Iterable[Pair]) -> list[str]:
    """Return the good and the bad sentence of each pair, in order."""
    return [sentence for pair in pairs for sentence in (pair.good, pair.bad)]


def correct(logprobs: Sequence[float]) -> list[bool]:
    """Return for each pair whether the good sentence is likelier; a tie is not correct.

    logprobs: log P of whole sentences, in the order of `sentences`.
    """
    return [good > bad for good, bad in zip(logprobs[::2], logprobs[1::2], strict=True)]


def accuracies(pairs: Sequence[Pair], judged: Iterable[bool]) -> list[Accuracy]:
    """Return the accuracy of each group: in numerical order if all groups are numbers, else in order of appearance."""
    sums: dict[str, list[bool]] = {}
    for pair, is_correct in zip(pairs, judged, strict=True):
        if pair.group:
            sums.setdefault(pair.group, []).append(is_correct)
    numbers = all(group.isdecimal() for group in sums)
    groups = sorted(sums, key=int) if numbers else list(sums)
    return [Accuracy(group, sum(sums[group]), len(sums[group])) for group in groups]
