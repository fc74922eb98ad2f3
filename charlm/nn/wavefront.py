"""Layers that run at the same time: while one reads a stretch of a window, the layer above reads the stretch before.

The steps of one layer wait for each other and keep only a small part of a GPU busy. Each layer has a stream of its own;
autograd runs the way back on the same streams.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from charlm.nn import graphs

State = tuple[Tensor, ...]
# A layer: its input (T, B, ·), its state, and the carry mask (T, B, 1) or None → its outputs and its next state.
Layer = Callable[[Tensor, State, Tensor | None], tuple[Tensor, State]]

_STRETCH = 16  # steps


def wavefront(
    layers: Sequence[Layer], x: Tensor, states: Sequence[State], carry_mask: Tensor | None
) -> tuple[Tensor, tuple[State, ...]]:
    """Run layers one above the other: (T, B, ·) and the state of each → outputs (T, B, H) and the last states."""
    after = list(states)
    stretches = torch.split(x, _STRETCH)
    masks = [None] * len(stretches) if carry_mask is None else torch.split(carry_mask, _STRETCH)
    here = torch.cuda.current_stream()
    one = len(stretches) == 1 or not graphs.recording()  # Python would be slower than the GPU
    others = [here if one else torch.cuda.Stream() for _ in layers[1:]]  # type: ignore[no-untyped-call]
    streams = [here, *others]
    for stream in streams[1:]:
        stream.wait_stream(here)
    kept = []  # what one stream writes and another reads must not be freed meanwhile
    for stretch, mask in zip(stretches, masks, strict=True):
        for number, layer in enumerate(layers):
            if number:
                streams[number].wait_stream(streams[number - 1])
            with torch.cuda.stream(streams[number]):
                stretch, after[number] = layer(stretch, after[number], mask)
            kept.append((stretch, after[number]))
    for stream in streams[1:]:
        here.wait_stream(stream)
    tops = [outputs for outputs, _ in kept[len(layers) - 1 :: len(layers)]]
    return torch.cat(tops), tuple(after)
