"""The network that a run keeps, which is the best so far, and its form in the training state."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from charlm.nn.network import check_tensors
from charlm.scoring.evaluation import Evaluation
from charlm.settings import from_mapping

_PREFIX = "best."  # of the names of its tensors in the training state


class Best(NamedTuple):
    """The network that a run keeps, with its step, its evaluation and its samples.

    A run that is stopped before its first validation keeps a network without an evaluation.
    """

    step: int
    evaluation: Evaluation | None
    samples: tuple[str, ...]
    weights: Mapping[str, Tensor]

    @property
    def loss(self) -> float:
        """Nats of the known tokens that are held out; infinite without an evaluation."""
        return self.evaluation.known_nats if self.evaluation else math.inf

    def summary(self) -> dict[str, float | None] | None:
        """Return the figures of the evaluation, as they are stored."""
        return self.evaluation.summary() if self.evaluation else None

    def nbytes(self) -> int:
        """Return the bytes of the weights."""
        return sum(tensor.nbytes for tensor in self.weights.values())


def values_of(best: Best | None) -> dict[str, Any]:
    """Return everything but the weights, as values for JSON."""
    if best is None or best.evaluation is None:
        return {"best": None, "best_step": 0, "best_samples": ()}
    return {"best": vars(best.evaluation), "best_step": best.step, "best_samples": best.samples}


def tensors_of(best: Best | None) -> dict[str, Tensor]:
    """Return the weights, with the prefix "best."."""
    return {f"{_PREFIX}{name}": tensor for name, tensor in best.weights.items()} if best else {}


def without_best(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a training state without the best weights."""
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(_PREFIX)}


def best_from(
    values: Mapping[str, Any], tensors: Mapping[str, Tensor], shapes: Mapping[str, Tensor], device: torch.device
) -> Best | None:
    """Rebuild the best network from a training state; its weights must have the `shapes` of the run's network.

    Raises ConfigError, KeyError, TypeError, ValueError or OverflowError for a state that is not of this run.
    """
    step, samples = int(values["best_step"]), tuple(str(text) for text in values["best_samples"])
    weights = {name[len(_PREFIX) :]: tensor for name, tensor in tensors.items() if name.startswith(_PREFIX)}
    check_tensors(weights, shapes if values["best"] else {})
    if not values["best"]:
        return None
    evaluation = from_mapping(Evaluation, values["best"], "best")
    return Best(step, evaluation, samples, {name: tensor.to(device) for name, tensor in weights.items()})
