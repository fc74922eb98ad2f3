"""N-gram counts of token ids next to a network: interpolated modified Kneser-Ney of any order, without a network."""

from charlm.counts.counts import Counted, Counts, count
from charlm.counts.figures import Figures, Statistics
from charlm.counts.settings import CountSettings, choose

__all__ = ["CountSettings", "Counted", "Counts", "Figures", "Statistics", "choose", "count"]
