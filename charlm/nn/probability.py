"""The one place where probabilities are computed; everything that reports one comes here."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charlm.nn.network import Network, select
from charlm.tokenizers import Ids

# log P (nats) of every symbol (T, B, V) and the symbols that came (T, B) → what is asked of them, (T, B) or (T, B, n).
Quantity = Callable[[Tensor, Tensor], Tensor]
Told = Callable[[int], None]  # how many tokens more have been read

_OVERFLOW = 700  # nats per token; exp(710) is beyond a float
_ROWS = 64  # sequences read side by side
# What is read at once is bounded, whatever the length, and what of it goes through the readout at once, whatever the
# vocabulary: it fits the memory, and nearly the caches.
_TOKENS = 16_384
_LOGITS = 4_000_000


def perplexity(nats: float, tokens: int) -> float | None:
    """Return exp(nats / tokens): None for no tokens, infinity where the result exceeds a float."""
    if not tokens:
        return None
    return math.exp(nats / tokens) if nats / tokens < _OVERFLOW else math.inf


def log_softmax(logits: Tensor) -> Tensor:
    """log P (nats) of every symbol: (..., V) → (..., V)."""
    return torch.log_softmax(logits, dim=-1)


def mixture(logprobs: Tensor, others: Tensor, share: Tensor) -> Tensor:
    """log((1 - share) · P + share · P'), of log P and of P', which is no logarithm: (..., V); share: (..., 1)."""
    return torch.log((1 - share) * logprobs.exp() + share * others)


def log_probability(logprobs: Tensor, came: Tensor) -> Tensor:
    """log P of the symbol that came, in nats: (T, B)."""
    return logprobs.gather(2, came.unsqueeze(2)).squeeze(2)


def entropy(logprobs: Tensor, came: Tensor) -> Tensor:
    """-Σ P log P over all symbols before one came, in nats: (T, B)."""
    probabilities: Tensor = logprobs.exp()
    return -torch.xlogy(probabilities, probabilities).sum(2)


def rank(logprobs: Tensor, came: Tensor) -> Tensor:
    """1 for the likeliest symbol, 2 for the next; symbols equally likely share the better place: (T, B)."""
    return (logprobs > log_probability(logprobs, came).unsqueeze(2)).sum(2) + 1


def likeliest(count: int) -> Quantity:
    """The numbers of the likeliest symbols, the likeliest first: (T, B, count)."""
    return lambda logprobs, came: logprobs.topk(min(count, logprobs.shape[2]), 2).indices


def highest(count: int) -> Quantity:
    """log P of those symbols: (T, B, count)."""
    return lambda logprobs, came: logprobs.topk(min(count, logprobs.shape[2]), 2).values


def log_mass(symbols: NDArray[np.bool_]) -> Quantity:
    """log P that one of these symbols (V,) comes, in nats: (T, B)."""
    others = torch.from_numpy(~symbols)
    return lambda logprobs, came: logprobs.masked_fill(others.to(logprobs.device), -torch.inf).logsumexp(2)


def masses(groups: NDArray[np.bool_]) -> Quantity:
    """P that a symbol of each group comes, where `groups` (V, n) says what is in which: (T, B, n)."""
    members = torch.from_numpy(groups).float()
    return lambda logprobs, came: logprobs.exp() @ members.to(logprobs.device)


def log_probabilities(
    network: Network, rows: Sequence[Ids], told: Told = lambda count: None
) -> list[NDArray[np.float64]]:
    """log P(row[t] | row[0], ..., row[t-1]) in nats for t ≥ 1, each row from a zero state: (n,) → (n - 1,)."""
    return [found for (found,) in quantities(network, rows, [log_probability], told)]


@torch.inference_mode()
def quantities(
    network: Network, rows: Sequence[Ids], asked: Sequence[Quantity], told: Told = lambda count: None
) -> list[list[NDArray[Any]]]:
    """For each row from a zero state, each quantity asked, at t ≥ 1: (n,) → (n - 1,) or (n - 1, count).

    Rows of like length are read together, long ones block by block with the state carried, so neither the batch
    nor the block changes the result but for rounding. `told` hears after each block how many tokens have come.
    """
    results: list[list[NDArray[Any]]] = [[]] * len(rows)
    by_length = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    for first in range(0, len(rows), _ROWS):
        chosen = by_length[first : first + _ROWS]
        for index, found in zip(chosen, _read(network, [rows[index] for index in chosen], asked, told), strict=True):
            results[index] = found
    return results


def _read(network: Network, rows: Sequence[Ids], asked: Sequence[Quantity], told: Told) -> list[list[NDArray[Any]]]:
    """Rows from short to long: one that has ended leaves the batch, so that a long one is not padded for the others."""
    device = network.device
    steps = [max(0, len(row) - 1) for row in rows]
    # Of each row and quantity. They are made before the first block: small arrays that stay, made one by one between
    # large ones that go, would keep the memory of these from being used again.
    found: list[list[NDArray[Any]]] = [[] if steps[-1] else [np.empty(0) for _ in asked] for _ in rows]
    state, first, ended = None, 0, 0
    while first < steps[-1]:
        before, ended = ended, bisect_right(steps, first)
        if state is not None and ended > before:
            state = select(state, torch.arange(ended - before, len(rows) - before, device=device))
        block = min(max(1, _TOKENS // (len(rows) - ended)), steps[-1] - first)
        padded = np.zeros((block + 1, len(rows) - ended), dtype=np.int64)  # (T + 1, B), padded at the end
        for column, row in enumerate(rows[ended:]):
            part = row[first : first + block + 1]
            padded[: len(part), column] = part
        ids = torch.from_numpy(padded).to(device)
        outputs, state = network.outputs(ids[:-1], state)
        for place, values in enumerate(_readout(network, outputs, ids[1:], asked)):
            if first == 0:
                for row_number, count in enumerate(steps):
                    found[row_number].append(np.empty((count, *values.shape[2:]), _for_sums(values)))
            for row_number in range(ended, len(rows)):
                part = values[: steps[row_number] - first, row_number - ended]
                found[row_number][place][first : first + len(part)] = part
        told(sum(min(block, count - first) for count in steps[ended:]))
        first += block
    return found


def _readout(network: Network, outputs: Tensor, came: Tensor, asked: Sequence[Quantity]) -> Iterator[NDArray[Any]]:
    """Each quantity asked of a block (T, B), some of its outputs (T, B, H) at a time."""
    at_once = max(1, _LOGITS // network.predictable.numel())
    parts = zip(torch.split(outputs.flatten(0, 1), at_once), torch.split(came.flatten(), at_once), strict=True)
    found = [_of_part(network, some, symbols, asked) for some, symbols in parts]
    for values in (torch.cat(each).cpu().numpy() for each in zip(*found, strict=True)):
        yield values.reshape(*came.shape, *values.shape[1:])


def _of_part(network: Network, outputs: Tensor, came: Tensor, asked: Sequence[Quantity]) -> list[Tensor]:
    """Each quantity of outputs (N, H), before the symbols (N,) came."""
    if list(asked) == [log_probability]:  # for which a readout need not know all the others
        return [network.log_probability(outputs, came)]
    logprobs = log_softmax(network.logits(outputs))[None]
    return [quantity(logprobs, came[None])[0] for quantity in asked]


def joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Of floating-point numbers float64, for sums."""
    whole = np.concatenate(parts) if parts else np.empty(0)
    return whole.astype(_for_sums(whole))


def _for_sums(values: NDArray[Any]) -> np.dtype[Any]:
    """Floating-point numbers become float64."""
    return np.dtype(np.float64) if values.dtype.kind == "f" else values.dtype
