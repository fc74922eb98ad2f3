"""torch's own recurrent layers. On a GPU they run on cuDNN, which is faster than any loop over the steps."""

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from charlm.nn.cells import RecurrentCell, State
from charlm.nn.segments import Segments

_MODES: dict[Any, int] = {torch.rnn_relu: 0, torch.rnn_tanh: 1, torch.lstm: 2, torch.gru: 3}  # cuDNN's numbers


def torch_layer(cell: RecurrentCell, x: Tensor, state: State, cut: Segments | None = None) -> tuple[Tensor, State]:
    """Compute `project` and `recur` of a cell: (T, B, E) and the state → outputs (T, B, H) and last state.

    cut: the segments of the window; None if no sequence starts in it.
    """
    assert cell.torch_function
    _join(cell)
    before = tuple(part[None] for part in (cut.before(state) if cut else state))
    hidden = before if cell.state_tensors > 1 else before[0]
    arguments = hidden, cell.torch_weights(), True, 1, 0.0, torch.is_grad_enabled(), False
    with _precision():
        if cut is None:
            outputs, *after = cell.torch_function(x, *arguments, False)
            return outputs, tuple(part[0] for part in after)
        packed, *after = cell.torch_function(cut.pack(x), cut.sizes, *arguments)
        return cut.unpack(packed, x), cut.after(tuple(part[0] for part in after))


def _join(cell: RecurrentCell) -> None:
    """Move the weights of a cell on a GPU into one block of memory, so that cuDNN does not copy them each time."""
    weights = cell.torch_weights()
    if not weights[0].is_cuda or len({each.untyped_storage().data_ptr() for each in weights}) == 1:
        return
    width, mode = cell.weight_ih.shape[1], _MODES[cell.torch_function]
    with torch.no_grad():
        torch._cudnn_rnn_flatten_weight(weights, len(weights), width, mode, cell.hidden_size, 0, 1, False, False)


def _precision() -> AbstractContextManager[None]:
    """Let cuDNN round the factors of products exactly where torch's own products may, as in training on a GPU."""
    rounds = torch.get_float32_matmul_precision() != "highest"
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=rounds)
