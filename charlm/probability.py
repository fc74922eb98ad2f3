"""The one place where probabilities are computed; everything that reports one comes here."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charlm.network import Network
from charlm.tokenizers import Ids

_ROWS = 64  # sequences read side by side
# What is read at once is bounded, whatever the vocabulary and the length: it fits the memory, and nearly the caches.
_TOKENS = 16_384
_LOGITS = 4_000_000


def log_softmax(logits: Tensor) -> Tensor:
    """log P (nats) of every symbol: (..., V) → (..., V)."""
    return torch.log_softmax(logits, dim=-1)


@torch.inference_mode()
def log_probabilities(network: Network, rows: Sequence[Ids]) -> list[NDArray[np.float64]]:
    """log P(row[t] | row[0], ..., row[t-1]) in nats for t ≥ 1, each row from a zero state: (n,) → (n - 1,).

    Rows of like length are read together, long ones block by block with the state carried, so neither the batch
    nor the block changes the result but for rounding.
    """
    results: list[NDArray[np.float64]] = [np.empty(0)] * len(rows)
    by_length = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    for first in range(0, len(rows), _ROWS):
        chosen = by_length[first : first + _ROWS]
        for index, values in zip(chosen, _read(network, [rows[index] for index in chosen]), strict=True):
            results[index] = values
    return results


def _read(network: Network, rows: Sequence[Ids]) -> list[NDArray[np.float64]]:
    device = network.readout.weight.device
    longest = max(len(row) for row in rows)
    padded = np.zeros((longest, len(rows)), dtype=np.int64)  # (T, B), padded at the end
    for column, row in enumerate(rows):
        padded[: len(row), column] = row
    ids = torch.from_numpy(padded).to(device)
    block = max(1, min(_TOKENS, _LOGITS // network.predictable.numel()) // len(rows))  # steps
    values = np.empty((max(0, longest - 1), len(rows)))
    state = None
    for first in range(0, longest - 1, block):
        last = min(first + block, longest - 1)
        logits, state = network(ids[first:last], state)
        chosen = log_softmax(logits).gather(2, ids[first + 1 : last + 1].unsqueeze(2)).squeeze(2)
        values[first:last] = chosen.cpu().numpy()
    return [values[: len(row) - 1, column] for column, row in enumerate(rows)]
