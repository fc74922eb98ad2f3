"""Read texts in order with a model that adapts to them; the methods are in `scoring.adaptation`."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from charlm.arguments import check_text
from charlm.errors import ConfigError
from charlm.nn import probability
from charlm.nn.native.threads import computing
from charlm.nn.network import Network, detach
from charlm.nn.probability import LOGPROB, Quantity, TokenProgress, Values
from charlm.progress import ignore
from charlm.registry import find, names
from charlm.scoring.adaptation import Adaptation
from charlm.tokenizers import Ids


class AdaptiveReader:
    """A copy of a network, with what the adaptation methods have learned from everything read so far.

    on_progress: called after each segment with its number of tokens.

    Raises ConfigError if no method is given, UnknownNameError for one that does not exist.
    """

    def __init__(self, network: Network, methods: Sequence[str], on_progress: TokenProgress = ignore) -> None:
        for method in methods:
            check_text("the name of a method must be", method)
        if not methods:
            raise ConfigError(f"name a method by which the model adapts: {' or '.join(names('scoring.adaptation'))}")
        self.methods = tuple(methods)
        self._on_progress = on_progress
        self._network = copy.deepcopy(network)
        self._adaptations = [find(Adaptation, method)(self._network) for method in methods]

    @property
    def by_gradient(self) -> bool:
        """Whether a method learns by gradient descent."""
        return any(each.by_gradient for each in self._adaptations)

    def quantities(self, rows: Sequence[Ids], others: Mapping[str, Quantity]) -> list[Values]:
        """Return what `probability.quantities` returns, reading row after row and learning from each."""
        with torch.set_grad_enabled(self.by_gradient):
            return [self._read(row, others) for row in rows]

    def log_probabilities(self, rows: Sequence[Ids]) -> list[NDArray[np.float64]]:
        """Return what `probability.log_probabilities` returns, in the same way."""
        return [values[LOGPROB] for values in self.quantities(rows, {})]

    def _read(self, row: Ids, others: Mapping[str, Quantity]) -> Values:
        quantities: dict[str, Quantity] = {LOGPROB: probability.target_log_probability, **others}
        ids = self._network.column(row)  # (T + 1, 1)
        values: dict[str, list[NDArray[Any]]] = {name: [] for name in quantities}
        # A method must learn after at most `segment` tokens, so the shortest segment is right for all of them.
        length = min(each.segment for each in self._adaptations)
        state = None
        for first in range(0, len(row) - 1, length):
            segment = ids[first : first + length + 1]
            with computing():
                outputs, state = self._network.outputs(segment[:-1], state)
                logprobs, targets = probability.log_softmax(self._network.logits(outputs)), segment[1:]
                adapted, vectors = logprobs.detach(), outputs.detach()[..., : self._network.hidden_size]
                for each in self._adaptations:
                    adapted = each.predict(adapted, vectors, targets)
                for name, quantity in quantities.items():
                    values[name].append(quantity(adapted, targets)[:, 0].cpu().numpy())
                for each in self._adaptations:
                    each.learn(logprobs, vectors, targets)
                state = detach(state)
            self._on_progress(len(targets))
        return {name: probability.joined(parts) for name, parts in values.items()}


def in_words(methods: Sequence[str]) -> str:
    """Describe in a phrase how a model adapts."""
    described = " and ".join(find(Adaptation, method).words for method in methods)
    return f"adapting to the text read so far, in order, by {described}"
