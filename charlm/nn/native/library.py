"""Load the compiled time loops with ctypes, choose the variant for this processor, and run them on torch's threads."""

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from charlm.compiled import NONE, VARIABLE, forced, load
from charlm.errors import ConfigError
from charlm.nn.native.threads import openmp

# Numbers in dispatch.c; none: plain torch. If no variant is forced, the best one that the processor has is used.
VARIANTS = {"bf16": 2, "avx512": 2, "avx2": 1, "baseline": 0, NONE: -1}
_REVISION = 7  # of the interface of dispatch.c
BLOCK = 16  # packed weights have room for a multiple of this number of units
_FILTERS = ("without", "temperature", "top_k", "top_p")  # in the order of their numbers in stack.c
_POINTERS = (  # in the order of `struct recurrence`, where each is explained
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
    "gated",
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


class Guide(ctypes.Structure):
    """`struct guide` of recurrence.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("N", "H", "stride")),
        *((name, ctypes.c_void_p) for name in ("outputs", "tokens", "chances", "table", "guided")),
        *((name, ctypes.c_void_p) for name in ("grad_guided", "grad_outputs", "grad_table")),
    ]


class Mixture(ctypes.Structure):
    """`struct mixture` of recurrence.h."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("distributions", "tree")),
        ("size", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("contexts", "cell_parts", "gate_table", "gate_vector", "counted")),
        *((name, ctypes.c_void_p) for name in ("statistics", "guide")),
    ]


class Stack(ctypes.Structure):
    """`struct stack` of recurrence.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("B", "H", "V", "layers", "cell", "gates", "activation")),
        *((name, ctypes.c_void_p) for name in ("table", "packed_readout", "bias_readout", "layer")),
        *((name, ctypes.c_void_p) for name in ("projected", "gated", "ids", "logits")),
        *((name, ctypes.c_int64) for name in ("symbols", "groups")),
        *((name, ctypes.c_void_p) for name in ("ends", "members")),
        *((name, ctypes.c_int64) for name in ("steps", "enough")),
        ("end", ctypes.c_int64),
        *(
            (name, ctypes.c_void_p)
            for name in ("filter_ends", "filter", "chance", "work", "order", "drawn", "done", "mixture")
        ),
    ]


@cache
def library() -> ctypes.CDLL | None:
    """Return the shared library with its variant chosen, or None if plain torch runs instead.

    Raises ConfigError if CHARLM_NATIVE names a variant that this processor or this installation lacks.
    """
    wanted = forced()
    if wanted and wanted not in VARIANTS:
        raise ConfigError(f"{VARIABLE} is {wanted[:40]!r}; it must be {', '.join(VARIANTS)}, or unset")
    if wanted == NONE:
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
    loaded = load(Path(__file__).parent, "_recurrence", _REVISION)
    if loaded is not None:
        loaded.name_of.restype = ctypes.c_char_p
        loaded.choose(-1)
    return loaded


def multiplies_bfloat16() -> bool:
    """Return whether the loops can multiply bfloat16, which is twice as fast as float32."""
    loaded = library()
    return loaded is not None and bool(loaded.has_half()) and forced() in ("", "bf16")


def path_in_use() -> str:
    """Return what runs the recurrences on a CPU: the instruction set of the compiled loops, or `torch`."""
    loaded = library()
    if loaded is None:
        return "torch"
    return forced() or str(loaded.name_of(loaded.choose(-1)).decode())


def _team() -> tuple[ctypes.c_void_p | None, ...]:
    """Return GOMP_parallel, omp_get_thread_num and omp_get_num_threads of torch's OpenMP, or nulls for one thread."""
    return openmp("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads") or (None, None, None)


def run(loop: str, T: int, B: int, H: int, factors: torch.dtype, activation: int = 0, **tensors: Tensor | None) -> None:
    """Run a time loop on contiguous tensors, named as in recurrence.h; a tensor that is not given is null.

    factors: the type of the factors of the products, float32, or bfloat16 if `multiplies_bfloat16`.
    """
    pointers = {name: tensor.data_ptr() for name, tensor in tensors.items() if tensor is not None}
    arguments = _Recurrence(T=T, B=B, H=H, activation=activation, **pointers)
    _run(loop, arguments, bfloat16=factors == torch.bfloat16)


def draw(stack: Stack) -> None:
    """Run `stack_draw`, which draws tokens from a whole network."""
    _run("stack_draw", stack, bfloat16=False)


def guide(loop: str, arguments: Guide) -> None:
    """Run `guide_forward` or `guide_backward`."""
    _run(loop, arguments, bfloat16=False)


def _run(loop: str, arguments: ctypes.Structure, *, bfloat16: bool) -> None:
    loaded = library()
    assert loaded is not None
    loaded.run(_number(loop), int(bfloat16), ctypes.byref(arguments), torch.get_num_threads(), *_team())


@cache
def _number(loop: str) -> int:
    loaded = library()
    assert loaded is not None
    number = int(loaded.number_of(loop.encode()))
    assert number >= 0, loop
    return number


def cell_number(name: str) -> int:
    """Return the number of the cell with these loops in recurrence.h."""
    return _number(f"{name}_forward") // 2  # each cell has two loops


def packing(weight: Tensor, gates: int, dtype: torch.dtype) -> Tensor:
    """Return room for weights (gates · units, inner) when packed: whole blocks of units, and an even inner width."""
    units, inner = len(weight) // gates, weight.shape[1]
    return torch.empty(gates * (units + -units % BLOCK) * (inner + inner % 2), dtype=dtype)


def pack(weight: Tensor, gates: int) -> Tensor:
    """Return weights (gates · units, inner) in the layout that `draw` reads on this processor."""
    loaded = library()
    assert loaded is not None
    weight = weight.detach().contiguous()
    packed = packing(weight, gates, weight.dtype)
    units, inner = weight.shape[0] // gates, weight.shape[1]
    loaded.pack_weights(
        ctypes.c_void_p(weight.data_ptr()),
        ctypes.c_void_p(packed.data_ptr()),
        ctypes.c_int64(gates),
        ctypes.c_int64(units),
        ctypes.c_int64(inner),
    )
    return packed


def filters(settings: Sequence[tuple[str, float]]) -> ctypes.Array[Filter]:
    """Return samplers, each by name and setting, as the array that `draw` applies in order."""
    return (Filter * len(settings))(*(Filter(_FILTERS.index(name), setting) for name, setting in settings))


def resolve_precision(precision: str, device: torch.device) -> str:
    """Return `float32` or `bfloat16`: the precision asked for if this processor has it; `auto` means the faster one."""
    return "bfloat16" if precision != "float32" and device.type == "cpu" and multiplies_bfloat16() else "float32"
