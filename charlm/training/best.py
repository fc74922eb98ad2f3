"""The network of a run that predicted the held-out part best so far, and how it goes into the state of the run."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from charlm.config import from_mapping
from charlm.nn.network import check_tensors
from charlm.scoring.evaluation import Evaluation

_PREFIX = "best."  # of its tensors, among those of the state


class Best(NamedTuple):
    """What a validation has found, and drawn."""

    step: int
    evaluation: Evaluation
    samples: tuple[str, ...]
    weights: Mapping[str, Tensor]

    def nbytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.weights.values())


def values_of(best: Best | None) -> dict[str, Any]:
    """What of it JSON can hold."""
    if best is None:
        return {"best": None, "best_step": 0, "best_samples": ()}
    return {"best": vars(best.evaluation), "best_step": best.step, "best_samples": best.samples}


def tensors_of(best: Best | None) -> dict[str, Tensor]:
    """The rest."""
    return {f"{_PREFIX}{name}": tensor for name, tensor in best.weights.items()} if best else {}


def without(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Of the tensors of a state those of the run itself."""
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(_PREFIX)}


def best_from(
    values: Mapping[str, Any], tensors: Mapping[str, Tensor], shapes: Mapping[str, Tensor], device: torch.device
) -> Best | None:
    """The other way, into a network of these shapes.

    Raises ConfigError, KeyError, TypeError, ValueError or OverflowError for what is not of it.
    """
    step, samples = int(values["best_step"]), tuple(str(text) for text in values["best_samples"])
    found = {name[len(_PREFIX) :]: tensor for name, tensor in tensors.items() if name.startswith(_PREFIX)}
    check_tensors(found, shapes if values["best"] else {})
    if not values["best"]:
        return None
    evaluation = from_mapping(Evaluation, values["best"], "best")
    return Best(step, evaluation, samples, {name: tensor.to(device) for name, tensor in found.items()})
