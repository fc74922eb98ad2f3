"""The compiled time loops, by ctypes: found, chosen for this processor, and run on torch's own threads."""

import ctypes
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from charlm.errors import ConfigError

VARIABLE = "CHARLM_NATIVE"  # forces one of these; where it is unset or empty, the best one of this processor runs
VARIANTS = {"bf16": 2, "avx512": 2, "avx2": 1, "baseline": 0, "none": -1}  # by their number in dispatch.c; none: torch
BLOCK = 16  # units; the loops take multiples of it
_LOOPS = {
    "gru_forward": 0,
    "gru_backward": 1,
    "lstm_forward": 2,
    "lstm_backward": 3,
    "rnn_forward": 4,
    "rnn_backward": 5,
    "stack_draw": 6,
}
_FILTERS = ("temperature", "top_k", "top_p")  # in the order of stack.c
_POINTERS = (
    "projected",
    "ids",
    "table",
    "weight",
    "bias",
    "keep",
    "output",
    "operands",
    "memory",
    "saved",
    "packed",
    "scratch",
    "grad_output",
    "carry",
    "carry_memory",
    "grad_projected",
    "grad_table",
    "grad_recurrent",
    "grad_bias",
)


class _Recurrence(ctypes.Structure):
    """`struct recurrence` of recurrence.h."""

    _fields_ = [(name, ctypes.c_int64) for name in ("T", "B", "H", "activation")] + [
        (name, ctypes.c_void_p) for name in _POINTERS
    ]


class Layer(ctypes.Structure):
    """`struct layer` of recurrence.h."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("packed_ih", "bias_ih", "packed_hh", "bias_hh", "state", "memory")]


class Filter(ctypes.Structure):
    """`struct filter` of recurrence.h."""

    _fields_ = [("kind", ctypes.c_int64), ("setting", ctypes.c_double)]


class Stack(ctypes.Structure):
    """`struct stack` of recurrence.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("B", "H", "V", "layers", "gates", "activation")),
        *((name, ctypes.c_void_p) for name in ("table", "packed_readout", "bias_readout", "layer")),
        *((name, ctypes.c_void_p) for name in ("projected", "ids", "logits")),
        *((name, ctypes.c_int64) for name in ("symbols", "steps", "enough")),
        ("end", ctypes.c_int64),
        ("filters", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("filter", "chance", "work", "order", "drawn", "done")),
    ]


@cache
def library() -> ctypes.CDLL | None:
    """The shared library, with its variant chosen, or None if plain torch runs instead.

    Raises ConfigError if CHARLM_NATIVE names a variant that this processor or this installation lacks.
    """
    wanted = forced()
    if wanted and wanted not in VARIANTS:
        raise ConfigError(f"{VARIABLE} is {wanted[:40]!r}; it must be {', '.join(VARIANTS)}, or unset")
    if wanted == "none":
        return None
    loaded = _load()
    if not wanted:
        return loaded
    if loaded is None:
        raise ConfigError(f"{VARIABLE} is {wanted!r}, but the compiled loops are not installed; unset it")
    name = loaded.name_of(loaded.choose(VARIANTS[wanted])).decode()
    if name != wanted.replace("bf16", "avx512") or (wanted == "bf16" and not loaded.has_half()):
        raise ConfigError(f"{VARIABLE} is {wanted!r}, which this processor lacks; unset it, or try {name}")
    return loaded


def _load() -> ctypes.CDLL | None:
    for path in sorted(Path(__file__).parent.glob("_recurrence*")):
        try:
            found = ctypes.CDLL(str(path))
            found.name_of.restype = ctypes.c_char_p
            found.choose(-1)
        except (OSError, AttributeError):  # for another machine, or built from other sources
            continue
        return found
    return None


def multiplies_bfloat16() -> bool:
    """Whether the loops can take the operands of their products as bfloat16, at twice the rate."""
    found = library()
    return found is not None and bool(found.has_half()) and forced() in ("", "bf16")


def forced() -> str:
    """Name of the variant that CHARLM_NATIVE forces, or an empty string."""
    return os.environ.get(VARIABLE, "")


def path_in_use() -> str:
    """What runs the recurrences on a CPU: the instruction set of the compiled loops, or `torch`."""
    found = library()
    if found is None:
        return "torch"
    return forced() or str(found.name_of(found.choose(-1)).decode())


@cache
def _team() -> tuple[Any, Any, Any]:
    """GOMP_parallel, omp_get_thread_num, omp_get_num_threads of the OpenMP that torch has loaded, or nulls."""
    for path in sorted((Path(torch.__file__).parent / "lib").glob("lib*omp*")):
        try:
            openmp = ctypes.CDLL(str(path))
            names = ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")
            start, number, size = (ctypes.cast(getattr(openmp, name), ctypes.c_void_p) for name in names)
            return start, number, size
        except (OSError, AttributeError):
            continue
    return None, None, None


def run(loop: str, T: int, B: int, H: int, activation: int = 0, **tensors: Tensor | None) -> None:
    """Run one time loop on contiguous tensors named as in recurrence.h; those left out are null.

    The type of `packed` is that of the operands: float32, or bfloat16 where `multiplies_bfloat16`.
    """
    pointers = {name: tensor.data_ptr() for name, tensor in tensors.items() if tensor is not None}
    packed = tensors["packed"]
    assert packed is not None
    what = _Recurrence(T=T, B=B, H=H, activation=activation, **pointers)
    _run(loop, what, bfloat16=packed.dtype == torch.bfloat16)


def draw(stack: Stack) -> None:
    """`stack_draw`: symbols from a whole network."""
    _run("stack_draw", stack, bfloat16=False)


def _run(loop: str, what: ctypes.Structure, *, bfloat16: bool) -> None:
    found = library()
    assert found is not None
    found.run(_LOOPS[loop], int(bfloat16), ctypes.byref(what), torch.get_num_threads(), *_team())


def pack(weight: Tensor, gates: int) -> Tensor:
    """Weights (gates · units, inner), units a multiple of 16, laid out for `draw` on this processor."""
    found = library()
    assert found is not None
    weight = weight.detach().contiguous()
    packed = torch.empty(weight.numel())
    units, inner = weight.shape[0] // gates, weight.shape[1]
    found.pack_weights(
        ctypes.c_void_p(weight.data_ptr()),
        ctypes.c_void_p(packed.data_ptr()),
        ctypes.c_int64(gates),
        ctypes.c_int64(units),
        ctypes.c_int64(inner),
    )
    return packed


def filters(settings: Sequence[tuple[str, float]]) -> ctypes.Array[Filter]:
    """Samplers by name and setting, as a draw applies them one after the other."""
    return (Filter * len(settings))(*(Filter(_FILTERS.index(name), setting) for name, setting in settings))


def resolve_precision(asked: str, device: torch.device) -> str:
    """`float32` or `bfloat16`: what is asked for, as far as this processor has it. `auto` is the faster."""
    return "bfloat16" if asked != "float32" and device.type == "cpu" and multiplies_bfloat16() else "float32"
