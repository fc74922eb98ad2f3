"""chrF, the F score of character n-grams (Popović 2015), as sacreBLEU computes it with its defaults: chrF2.

Whitespace is left out. Precision and recall are means over n = 1 … 6, and recall has twice the weight.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from charlm.measures import Floats

ORDER, BETA = 6, 2
SIGNATURE = f"chrF{BETA}: characters 1–{ORDER}, without spaces"


def statistics(answer: str, targets: Sequence[str]) -> Floats:
    """Return (6, 3) counts of n-grams, of the answer, the target, and both: of the target with the best score."""
    answer_grams = _grams(answer)
    counts = [_count(answer_grams, _grams(target)) for target in dict.fromkeys(targets)]
    return max(counts, key=chrf)


def chrf(counts: Floats) -> float:
    """Return chrF, from 0 to 100, of the (6, 3) counts of one text, or of their sum over texts."""
    counts = counts[(counts[:, :2] > 0).all(axis=1)]
    if not len(counts):
        return 0.0
    precision, recall = (counts[:, 2] / counts[:, 0]).mean(), (counts[:, 2] / counts[:, 1]).mean()
    weighted = BETA**2 * precision + recall
    return float(100 * (1 + BETA**2) * precision * recall / weighted) if weighted else 0.0


def _grams(text: str) -> list[Counter[str]]:
    text = "".join(text.split())
    return [Counter(text[start : start + n] for start in range(len(text) - n + 1)) for n in range(1, ORDER + 1)]


def _count(answer: list[Counter[str]], target: list[Counter[str]]) -> Floats:
    rows = zip(answer, target, strict=True)
    # If the target is too short for n-grams of this length, those of the answer do not count either.
    return np.array([[a.total() if t else 0, t.total(), (a & t).total()] for a, t in rows], dtype=np.float64)
