"""Weights rounded to fewer bits in a file; a reader gets them back as float32.

bfloat16: each number of a matrix has 8 bits of precision instead of 24. int8: each row of a matrix has a scale, its
largest magnitude / 127, and each number is the nearest multiple of it. Vectors are few numbers, and stay as they are.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from charlm.errors import ConfigError
from charlm.files.tensor_header import ROUNDINGS, SCALES

_LARGEST = 127
_NARROWEST = 8  # columns of a matrix whose scales are worth their place


def check_rounding(name: str) -> None:
    """Raise ConfigError unless weights can be stored in this way."""
    if name not in ROUNDINGS:
        raise ConfigError(f"weights is {name!r}, but it must be one of {', '.join(ROUNDINGS)}", setting="weights")


def rounded(tensors: Mapping[str, Tensor], rounding: str) -> dict[str, Tensor]:
    """Return the tensors of a file whose weights are rounded. Raises ConfigError for an unknown rounding."""
    check_rounding(rounding)
    stored = dict[str, Tensor]()
    for name, tensor in tensors.items():
        if rounding == "float32" or tensor.dim() != 2 or tensor.dtype != torch.float32:
            stored[name] = tensor
        elif rounding == "bfloat16":
            stored[name] = tensor.bfloat16()
        elif tensor.shape[1] < _NARROWEST:
            stored[name] = tensor
        else:
            scales = (tensor.detach().abs().amax(dim=1) / _LARGEST).clamp(min=torch.finfo(torch.float32).tiny)
            stored[name] = (tensor.detach() / scales[:, None]).round().to(torch.int8)
            stored[name + SCALES] = scales
    return stored


def restored(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a file as float32. Raises ValueError for scales that do not fit."""
    tensors = dict(stored)
    for name, tensor in stored.items():
        if tensor.dtype == torch.bfloat16:
            tensors[name] = tensor.float()
        elif tensor.dtype == torch.int8:
            scales = tensors.pop(name + SCALES, None)
            if scales is None or scales.dtype != torch.float32 or scales.shape != tensor.shape[:1]:
                raise ValueError(f"{name} has no scales, or not one for each row")
            tensors[name] = tensor.float() * scales[:, None]
    return tensors
