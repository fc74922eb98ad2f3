"""N-gram counts of token ids next to a network: interpolated modified Kneser-Ney of any order, without a network."""

from charlm.counts.counts import Counted, Counts, count
from charlm.counts.figures import GUESSES, Figures, Guesses, Statistics
from charlm.counts.settings import MEGABYTE, CountSettings, choose
from charlm.counts.targets import TargetFigures

__all__ = [
    "GUESSES",
    "MEGABYTE",
    "CountSettings",
    "Counted",
    "Counts",
    "Figures",
    "Guesses",
    "Statistics",
    "TargetFigures",
    "choose",
    "count",
]
