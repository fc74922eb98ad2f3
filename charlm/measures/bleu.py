"""BLEU (Papineni et al. 2002), by sacreBLEU, which is an extra: `pip install charlm-rnn[bleu]`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

MISSING = "BLEU needs sacreBLEU; install charlm-rnn[bleu]"


class Bleu(NamedTuple):
    """BLEU from 0 to 100, and sacreBLEU's signature, which says how it was computed."""

    score: float
    signature: str


def bleu(answers: Sequence[str], targets: Sequence[Sequence[str]]) -> Bleu | None:
    """Return the BLEU of answers, each with one target or more; None if sacreBLEU is not installed, or without answers.

    Answers and targets are texts as people write them, since sacreBLEU cuts them into words.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        return None
    if not answers:
        return None
    columns = range(max(map(len, targets)))
    metric = BLEU(force=True)  # do not warn about text that looks as if it were cut into words already
    # None is a target that is missing, which sacreBLEU's types do not say.
    missing: list[list[Any]] = [
        [each[column] if column < len(each) else None for each in targets] for column in columns
    ]
    score = metric.corpus_score(list(answers), missing)
    return Bleu(float(score.score), str(metric.get_signature()))
