"""The compiled time loops, by ctypes: found, chosen for this processor, and run on torch's own threads."""

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

BLOCK = 16  # units; the loops take multiples of it
_LOOPS = {
    "gru_forward": 0,
    "gru_backward": 1,
    "lstm_forward": 2,
    "lstm_backward": 3,
    "rnn_forward": 4,
    "rnn_backward": 5,
    "stack_step": 6,
}
_POINTERS = (
    "projected",
    "weight",
    "bias",
    "keep",
    "output",
    "memory",
    "saved",
    "scratch",
    "grad_output",
    "carry",
    "carry_memory",
    "grad_projected",
    "grad_recurrent",
)


class _Recurrence(ctypes.Structure):
    """`struct recurrence` of recurrence.h."""

    _fields_ = [(name, ctypes.c_long) for name in ("T", "B", "H", "activation")] + [
        (name, ctypes.c_void_p) for name in _POINTERS
    ]


class Layer(ctypes.Structure):
    """`struct layer` of recurrence.h."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("packed_ih", "bias_ih", "packed_hh", "bias_hh", "state", "memory")]


class Stack(ctypes.Structure):
    """`struct stack` of recurrence.h."""

    _fields_ = [(name, ctypes.c_long) for name in ("B", "H", "V", "layers", "gates", "activation")] + [
        (name, ctypes.c_void_p)
        for name in ("ids", "table", "packed_readout", "bias_readout", "projected", "logits", "layer")
    ]


@cache
def library() -> ctypes.CDLL | None:
    """The shared library, or None where it was not built or does not load."""
    for path in sorted(Path(__file__).parent.glob("_recurrence*")):
        try:
            found = ctypes.CDLL(str(path))
            found.name_of.restype = ctypes.c_char_p
            found.choose(-1)
        except (OSError, AttributeError):  # for another machine, or built from other sources
            continue
        return found
    return None


def path_in_use() -> str:
    """What runs the recurrences on a CPU: the instruction set of the compiled loops, or `torch`."""
    found = library()
    return "torch" if found is None else found.name_of(found.choose(-1)).decode()


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
    """Run one time loop on contiguous float32 tensors, named as in recurrence.h; those left out are null."""
    found = library()
    assert found is not None
    pointers = {name: tensor.data_ptr() for name, tensor in tensors.items() if tensor is not None}
    what = _Recurrence(T=T, B=B, H=H, activation=activation, **pointers)
    found.run(_LOOPS[loop], ctypes.byref(what), torch.get_num_threads(), *_team())


def run_stack(stack: Stack) -> None:
    """One step of a whole network."""
    found = library()
    assert found is not None
    found.run(_LOOPS["stack_step"], ctypes.byref(stack), torch.get_num_threads(), *_team())


def pack(weight: Tensor, gates: int) -> Tensor:
    """Weights (gates · units, inner), units a multiple of 16, laid out for `stack_step` on this processor."""
    found = library()
    assert found is not None
    weight = weight.detach().contiguous()
    packed = torch.empty(weight.numel())
    units, inner = weight.shape[0] // gates, weight.shape[1]
    found.pack_weights(
        ctypes.c_void_p(weight.data_ptr()),
        ctypes.c_void_p(packed.data_ptr()),
        ctypes.c_long(gates),
        ctypes.c_long(units),
        ctypes.c_long(inner),
    )
    return packed
