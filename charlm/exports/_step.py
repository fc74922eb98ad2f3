"""One step of a network in time, from one token and a state to the logits of the next token and the next state."""

from collections.abc import Callable, Iterator
from typing import cast

import torch
from torch import Tensor

from charlm.nn.cells import Cell
from charlm.nn.network import Network

Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def state_width(network: Network) -> int:
    """Return S, the width of all tensors of the state next to each other."""
    return sum(part.shape[1] for layer in network.zero_state(1) for part in layer)


def step_of(network: Network) -> Step:
    """Return the function from ids (B,) and state (B, S) to logits (B, V) and the next state."""
    widths = [[part.shape[1] for part in layer] for layer in network.zero_state(1)]
    cells = cast("list[Cell]", list(network.cells))

    def step(ids: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        parts: Iterator[Tensor] = iter(torch.split(state, [width for layer in widths for width in layer], dim=1))
        after: list[Tensor] = []
        outputs = ids
        for number, (cell, layer) in enumerate(zip(cells, widths, strict=True)):
            before = tuple(next(parts) for _ in layer)
            projected = cell.project(outputs) if number else cell.dense(network.embedding.project(ids, cell))
            cell_outputs, last = cell.step(projected, before)
            outputs = outputs + cell_outputs if network.residual and number else cell_outputs
            after += last
        return network.logits(outputs), torch.cat(after, dim=1)

    return step
