"""How an encoder reads on a GPU: by CUDA graphs, in which the layers run side by side."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from charlm.nn import graphs

NetworkState = tuple[tuple[Tensor, ...], ...]
# Token ids (T, B), the state and the resets (T, B) or None → outputs (T, B, H) and the next state.
Reader = Callable[[Tensor, NetworkState, Tensor | None], tuple[Tensor, NetworkState]]

# A long text is read in pieces of this length, so that one graph reads texts of any length. With gradients the whole
# window is read at once: training windows have the same length.
_STEPS = 32


def read(
    module: nn.Module,
    by_layer: Reader,
    at_once: Reader,
    ids: Tensor,
    state: NetworkState,
    resets: Tensor | None,
    generator: torch.Generator | None,
) -> tuple[Tensor, NetworkState]:
    """Return the outputs of an encoder and its next state.

    `by_layer` and `at_once` compute both, and depend on nothing else but the weights of `module`: the first for a
    window in training of a form that is new, the second for graphs. generator: draws the dropout of the graph.
    """
    sizes = [len(layer) for layer in state]

    def flat(ids: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        parts = rest[: sum(sizes)]
        # Without gradients there is one way only, so that the same question has the same answer.
        reader = by_layer if torch.is_grad_enabled() and not graphs.recording() else at_once
        outputs, after = reader(ids, grouped(parts, sizes), *(rest[len(parts) :] or [None]))
        return (outputs, *parts_of(after))

    pieces = []
    for first, last in [(0, len(ids))] if torch.is_grad_enabled() else _bounds(len(ids)):
        cut = [] if resets is None else [resets[first:last]]
        outputs, *after = graphs.run(module, flat, [ids[first:last], *parts_of(state), *cut], generator)
        state = grouped(after, sizes)
        pieces.append(outputs)
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces), state


def _bounds(steps: int) -> list[tuple[int, int]]:
    return list(pairwise([*range(0, steps, _STEPS), steps])) or [(0, 0)]


def parts_of(state: NetworkState) -> list[Tensor]:
    """Return the tensors of a state, one after the other."""
    return [part for layer in state for part in layer]


def grouped(parts: Sequence[Tensor], sizes: Sequence[int]) -> NetworkState:
    """Return the state that has these tensors, from the number of tensors in each layer."""
    each = iter(parts)
    return tuple(tuple(next(each) for _ in range(size)) for size in sizes)
