"""Windows cut at their resets into independent sequences, as torch's own layers need them.

Those layers cannot zero the state of single rows in the middle of a window. But what follows a reset depends on nothing
before it, so that it can be a sequence of its own in a packed batch: many short sequences then run side by side.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

State = tuple[Tensor, ...]


class Segments(NamedTuple):
    """The segments of a window (T, B), sorted from long to short. S is their number, N = T · B.

    order: (N,), the positions of the flat window in the order of a packed batch. back: (N,), the reverse.
    sizes: for each step of the packed batch, how many segments have it; on the CPU. rows: (S,), the row of each
    segment. carried: (S, 1), 1 where a segment goes on from the row's state, 0 where it starts a sequence.
    last: (B,), the last segment of each row.
    """

    order: Tensor
    back: Tensor
    sizes: Tensor
    rows: Tensor
    carried: Tensor
    last: Tensor

    def pack(self, x: Tensor) -> Tensor:
        """Return the vectors of a window in the order of a packed batch: (T, B, E) → (N, E)."""
        return x.flatten(0, 1).index_select(0, self.order)

    def unpack(self, packed: Tensor, like: Tensor) -> Tensor:
        """Return the reverse of `pack` for a window of the shape of `like`: (N, H) → (T, B, H)."""
        return packed.index_select(0, self.back).view(*like.shape[:2], -1)

    def before(self, state: State) -> State:
        """Return the state before each segment from that of each row: (B, H) → (S, H)."""
        return tuple(part.index_select(0, self.rows) * self.carried for part in state)

    def after(self, state: State) -> State:
        """Return the state after each row from that of each segment: (S, H) → (B, H)."""
        return tuple(part.index_select(0, self.last) for part in state)


def segments(resets: Tensor) -> Segments:
    """Cut a window at `resets` (T, B), which is True where a sequence starts."""
    T, B = resets.shape
    starts = resets.cpu().numpy().copy()
    carried = ~starts[0]
    starts[0] = True
    row, first = np.nonzero(starts.T)  # row by row, each from left to right
    opens = np.append(row[1:] != row[:-1], True)  # whether the next segment is of another row
    length = np.where(opens, T, np.append(first[1:], T)) - first
    by_length = np.argsort(-length, kind="stable")
    new = np.empty_like(by_length)
    new[by_length] = np.arange(len(by_length))
    row, first, length = row[by_length], first[by_length], length[by_length]
    steps = np.arange(length[0])[:, None]
    order = ((first + steps) * B + row)[steps < length]
    back = np.empty_like(order)
    back[order] = np.arange(len(order))

    def on_device(array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(resets.device)

    goes_on = (first == 0) & carried[row]
    return Segments(
        on_device(order),
        on_device(back),
        torch.from_numpy((steps < length).sum(axis=1)),
        on_device(row),
        on_device(goes_on.astype(np.float32)[:, None]),
        on_device(new[opens]),
    )
