"""The choice of a readout that the user leaves open, by how often tokens occur.

The cost of a target is its multiply-adds over H, so a logit of the dense readout costs 1. The head of an adaptive
readout has a logit for each of s tokens and each of the groups; group k has a share p_k of the targets, n_k tokens, and
a tail of width w_k. The expected costs are

    dense       V
    adaptive    s + groups + sum over k of p_k w_k (1 + n_k / H)

There are three candidates. The dense readout is the most exact. An adaptive one with a wide shortlist, of the tokens
that make up 99.9 % of the targets, treats these as the dense one does. An adaptive one with its usual shortlist gives a
narrow tail even to common tokens. A margin is added to the costs of the two adaptive readouts, and the cheapest
candidate is chosen. So a text with few rare tokens keeps the dense readout. A text with many rare tokens gets a wide
shortlist, if that is short enough.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from charlm.config import ModelConfig
from charlm.nn.readouts._groups import group_bounds, group_width

_COMMON = 0.999  # share of the targets that are in a wide shortlist
_WIDE_MARGIN = 400  # groups take operations of their own, and drawing normalizes them
_USUAL_MARGIN = 1_700  # about what a layer of 256 units costs: narrow tails also cost likelihood
_WIDTH = 256  # for a network whose width is still open


def choose(config: ModelConfig, counts: NDArray[np.int64]) -> ModelConfig:
    """Return the configuration with a readout, chosen if it is open.

    counts: how often each token is a target (V,). If that is not known, ones will do. They do not matter for a given
    readout, or for tied weights, which need the dense one.
    """
    if config.readout != "auto":
        return config
    if config.tie_weights:
        return replace(config, readout="dense")
    if config.shortlist is not None:
        return replace(config, readout="adaptive")
    width, V = config.hidden_size or _WIDTH, len(counts)
    wide = wide_shortlist(counts)
    costs = {
        ("dense", None): float(V),
        ("adaptive", wide): _WIDE_MARGIN + expected_cost(counts, width, group_bounds(V, wide)),
        ("adaptive", None): _USUAL_MARGIN + expected_cost(counts, width, group_bounds(V)),
    }
    readout, shortlist = min(costs, key=costs.__getitem__)
    return replace(config, readout=readout, shortlist=shortlist)


def wide_shortlist(counts: NDArray[np.int64]) -> int:
    """Return the least number of tokens that make up 99.9 % of the targets."""
    covered = np.cumsum(np.sort(counts)[::-1])
    return int(np.searchsorted(covered, _COMMON * covered[-1])) + 1


def expected_cost(counts: NDArray[np.int64], width: int, groups: Sequence[tuple[int, int]]) -> float:
    """Return the cost of a target with an adaptive readout of these groups, in dense logits of H = `width`."""
    shares = np.sort(counts)[::-1] / counts.sum()
    tails = (
        shares[first:end].sum() * group_width(width, number) * (1 + (end - first) / width)
        for number, (first, end) in enumerate(groups, 1)
    )
    return float(groups[0][0] + len(groups) + sum(tails))
