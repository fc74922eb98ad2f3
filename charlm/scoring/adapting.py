"""Texts read one after the other by a model that adapts to them; `adaptation` has the ways."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from charlm.errors import ConfigError
from charlm.nn import probability
from charlm.nn.network import Network, detach
from charlm.nn.probability import LOGPROB, Quantity, TokenProgress, Values
from charlm.registry import find, names
from charlm.scoring.adaptation import Adaptation
from charlm.tokenizers import Ids


class Adapting:
    """A copy of a network, and what some ways to adapt have learned from all that was read so far.

    told: hears after each segment how many tokens that had.

    Raises ConfigError for no way, UnknownNameError.
    """

    def __init__(self, network: Network, ways: Sequence[str], told: TokenProgress = lambda count: None) -> None:
        if not ways:
            raise ConfigError(f"say how the model is to adapt: {' or '.join(names('scoring.adaptation'))}")
        self.ways = tuple(ways)
        self._told = told
        self._network = copy.deepcopy(network)
        self._adaptations = [find(Adaptation, way)(self._network) for way in ways]

    def quantities(self, rows: Sequence[Ids], others: Mapping[str, Quantity]) -> list[Values]:
        """Return what `probability.quantities` returns, reading row after row and learning from each."""
        with torch.set_grad_enabled(any(each.by_gradient for each in self._adaptations)):
            return [self._read(row, others) for row in rows]

    def log_probabilities(self, rows: Sequence[Ids]) -> list[NDArray[np.float64]]:
        """`probability.log_probabilities`, in the same way."""
        return [values[LOGPROB] for values in self.quantities(rows, {})]

    def _read(self, row: Ids, others: Mapping[str, Quantity]) -> Values:
        asked: dict[str, Quantity] = {LOGPROB: probability.target_log_probability, **others}
        ids = self._network.column(row)  # (T + 1, 1)
        found: dict[str, list[NDArray[Any]]] = {name: [] for name in asked}
        length = min(each.segment for each in self._adaptations)
        state = None
        for first in range(0, len(row) - 1, length):
            segment = ids[first : first + length + 1]
            outputs, state = self._network.outputs(segment[:-1], state)
            logprobs, came = probability.log_softmax(self._network.logits(outputs)), segment[1:]
            adapted = logprobs.detach()
            for each in self._adaptations:
                adapted = each.predict(adapted, outputs.detach(), came)
            for name, quantity in asked.items():
                found[name].append(quantity(adapted, came)[:, 0].cpu().numpy())
            for each in self._adaptations:
                each.learn(logprobs, outputs.detach(), came)
            state = detach(state)
            self._told(len(came))
        return {name: probability.joined(parts) for name, parts in found.items()}


def in_words(ways: Sequence[str]) -> str:
    """How a model adapts, for people."""
    told = " and ".join(find(Adaptation, way).words for way in ways)
    return f"adapting to what came before, in this order, by {told}"
