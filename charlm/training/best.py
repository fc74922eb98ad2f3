"""The network that a run keeps, which is the best so far, and its form in the training state."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from charlm.nn.network import check_tensors
from charlm.tasks import Metrics

_PREFIX = "best."  # of the names of its tensors in the training state
_INFINITE = "inf"  # a number in the values of a training state


class Best(NamedTuple):
    """The network that a run keeps, with its step, its metrics and its previews.

    A run that is stopped before its first validation keeps a network without metrics.
    """

    step: int
    metrics: Metrics | None
    previews: tuple[str, ...]
    weights: Mapping[str, Tensor]

    @property
    def objective(self) -> tuple[float, ...]:
        """What the run minimizes; infinite without metrics."""
        return self.metrics.objective if self.metrics else (math.inf,)

    def summary(self) -> dict[str, float | None] | None:
        """Return the figures of the metrics, as they are stored."""
        return self.metrics.summary() if self.metrics else None

    def nbytes(self) -> int:
        """Return the bytes of the weights."""
        return sum(tensor.nbytes for tensor in self.weights.values())


def values_of(best: Best | None) -> dict[str, Any]:
    """Return everything but the weights, as values for JSON."""
    if best is None or best.metrics is None:
        return {"best": None, "best_step": 0, "best_samples": ()}
    # The sum over all tokens is infinite if one of them is unknown, and JSON has no infinite numbers.
    metrics = {name: _INFINITE if value == math.inf else value for name, value in vars(best.metrics).items()}
    return {"best": metrics, "best_step": best.step, "best_samples": best.previews}


def tensors_of(best: Best | None) -> dict[str, Tensor]:
    """Return the weights, with the prefix "best."."""
    return {f"{_PREFIX}{name}": tensor for name, tensor in best.weights.items()} if best else {}


def without_best(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a training state without the best weights."""
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(_PREFIX)}


def best_from(
    values: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    shapes: Mapping[str, Tensor],
    device: torch.device,
    metrics_from: Callable[[object], Metrics],
) -> Best | None:
    """Rebuild the best network from a training state; its weights must have the `shapes` of the run's network.

    metrics_from: rebuilds the metrics from their fields.

    Raises ConfigError, KeyError, TypeError, ValueError or OverflowError for a state that is not of this run.
    """
    step, previews = int(values["best_step"]), tuple(str(text) for text in values["best_samples"])
    weights = {name[len(_PREFIX) :]: tensor for name, tensor in tensors.items() if name.startswith(_PREFIX)}
    check_tensors(weights, shapes if values["best"] else {})
    if not values["best"]:
        return None
    metrics = {name: math.inf if value == _INFINITE else value for name, value in dict(values["best"]).items()}
    return Best(step, metrics_from(metrics), previews, {name: tensor.to(device) for name, tensor in weights.items()})
