"""Compute every probability that charlm reports.

Letters: T time, B batch, V vocabulary, H hidden, N = T · B. Probabilities are natural logarithms (nats).
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charlm.nn.network import Network, select
from charlm.progress import ignore
from charlm.tokenizers import Ids

# (log P of every token (T, B, V), targets (T, B)) → a quantity of each target, (T, B) or (T, B, n).
Quantity = Callable[[Tensor, Tensor], Tensor]
Values = dict[str, NDArray[Any]]  # quantities of one row by name: (n - 1,) or (n - 1, count)
TokenProgress = Callable[[int], None]  # receives the number of tokens read since the last call

LOGPROB = "logprob"  # the name in `Values` of log P of the targets
_MAX_NATS_PER_TOKEN = 700  # exp(710) exceeds the largest float64
_MAX_TEMPERATURE = 100.0  # that is fitted; the lowest is its inverse
_HALVINGS = 50


class _Limits(NamedTuple):
    """What is read at a time. The second and the third bound the memory for rows and vocabularies of any size."""

    rows_per_batch: int
    tokens_per_block: int
    logits_per_chunk: int


# On a CPU, a chunk of logits nearly fits the processor's caches. A GPU is idle with so few rows.
_ON_CPU, _ON_GPU = _Limits(64, 16_384, 4_000_000), _Limits(1_024, 262_144, 64_000_000)


def perplexity(nats: float, tokens: int) -> float | None:
    """Return exp(nats / tokens): None for no tokens, infinity where the result exceeds a float."""
    if not tokens:
        return None
    return math.exp(nats / tokens) if nats / tokens < _MAX_NATS_PER_TOKEN else math.inf


def log_softmax(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return log P of every token or label: (..., V) → (..., V). A temperature above 1 makes P flatter."""
    return torch.log_softmax(logits if temperature == 1.0 else logits / temperature, dim=-1)


def log_yes_no(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return log P that each of several labels applies, and that it does not: (..., K) → (..., K, 2)."""
    return log_softmax(torch.stack((logits, torch.zeros_like(logits)), dim=-1), temperature)


def fit_temperature(logits: Tensor, targets: Tensor) -> float:
    """Return the temperature that gives held-out answers the highest probability (Guo et al. 2017): (N, K) and (N,).

    A share of 1 / (N + 2) of each answer is spread over all labels, as in Laplace's rule of succession, so that a few
    right answers do not make a model certain. The slope of the mean log P falls steadily with the inverse of the
    temperature, so halving an interval finds its zero.
    """
    logits = logits.double()
    spread = 1 / (len(logits) + 2)
    chosen = (1 - spread) * logits.gather(1, targets[:, None])[:, 0] + spread * logits.mean(1)
    low, high = 1 / _MAX_TEMPERATURE, _MAX_TEMPERATURE  # of the inverse
    for _ in range(_HALVINGS):
        inverse = math.sqrt(low * high)
        expected = (torch.softmax(logits * inverse, dim=1) * logits).sum(1)
        if expected.mean() <= chosen.mean():  # equal where every P is 1 to rounding
            low = inverse
        else:
            high = inverse
    return 1 / math.sqrt(low * high)


def mixture(logprobs: Tensor, others: Tensor, share: Tensor) -> Tensor:
    """Return log((1 - share) · P + share · P') from log P and P', not log P': (..., V); `share` is (..., 1)."""
    return torch.log((1 - share) * logprobs.exp() + share * others)


def target_log_probability(logprobs: Tensor, targets: Tensor) -> Tensor:
    """Return log P of each target: (T, B, V) and (T, B) → (T, B)."""
    return logprobs.gather(2, targets.unsqueeze(2)).squeeze(2)


def entropy(logprobs: Tensor, targets: Tensor) -> Tensor:
    """Return the entropy -Σ P log P of each distribution: (T, B)."""
    probabilities: Tensor = logprobs.exp()
    return -torch.xlogy(probabilities, probabilities).sum(2)


def rank(logprobs: Tensor, targets: Tensor) -> Tensor:
    """Return the rank of each target, 1 for the likeliest token: (T, B). Equally likely tokens share the best rank."""
    return (logprobs > target_log_probability(logprobs, targets).unsqueeze(2)).sum(2) + 1


def likeliest(count: int) -> Quantity:
    """Return the quantity that lists the ids of the `count` likeliest tokens, best first: (T, B, count)."""
    return lambda logprobs, targets: logprobs.topk(min(count, logprobs.shape[2]), 2).indices


def highest(count: int) -> Quantity:
    """Return the quantity that lists log P of the `count` likeliest tokens, best first: (T, B, count)."""
    return lambda logprobs, targets: logprobs.topk(min(count, logprobs.shape[2]), 2).values


def log_mass(members: NDArray[np.bool_]) -> Quantity:
    """Return the quantity log P(the next token is one of `members`), a mask (V,): (T, B)."""
    others = torch.from_numpy(~members)
    return lambda logprobs, targets: logprobs.masked_fill(others.to(logprobs.device), -torch.inf).logsumexp(2)


def masses(groups: NDArray[np.bool_]) -> Quantity:
    """Return the quantity P(the next token is in group n) for each column n of `groups` (V, n): (T, B, n)."""
    members = torch.from_numpy(groups).float()
    return lambda logprobs, targets: logprobs.exp() @ members.to(logprobs.device)


def log_probabilities(
    network: Network, rows: Sequence[Ids], on_progress: TokenProgress = ignore
) -> list[NDArray[np.float64]]:
    """Return log P(row[t] | row[0], ..., row[t-1]) for t ≥ 1, each row read from a zero state: (n,) → (n - 1,)."""
    return [values[LOGPROB] for values in quantities(network, rows, {}, on_progress, parts=())]


def part_log_probabilities(
    network: Network, rows: Sequence[Ids], on_progress: TokenProgress = ignore
) -> list[NDArray[np.float64]]:
    """Return `log_probabilities` by the network, and after it by each part of a mixture: (n,) → (n - 1, 1 + parts)."""
    return columns(network, rows, (LOGPROB, *network.scored_parts), on_progress)


def columns(
    network: Network, rows: Sequence[Ids], names: Sequence[str], on_progress: TokenProgress = ignore
) -> list[NDArray[np.float64]]:
    """Return a column for `LOGPROB` or each part of a mixture in `names`: (n,) → (n - 1, names)."""
    read = quantities(network, rows, {}, on_progress, parts=[name for name in names if name != LOGPROB])
    return [np.stack([values.pop(name) for name in names], axis=1) for values in read]  # pop, to save memory


@torch.inference_mode()
def quantities(
    network: Network,
    rows: Sequence[Ids],
    others: Mapping[str, Quantity],
    on_progress: TokenProgress = ignore,
    *,
    parts: Sequence[str] | None = None,
) -> list[Values]:
    """Return log P of each row's tokens, as `LOGPROB`, and other quantities by name, for t ≥ 1.

    A mixture adds what `target_parts` returns of these `parts`; None stands for the `part_names` of the network.

    Each row is read from a zero state. Rows of similar length are read together, and long rows block by block with
    the state carried, so batches and blocks change a result by rounding only. Without `others`, a readout may skip the
    full distribution. `on_progress` is called after each block.
    """
    parts = network.part_names if parts is None else parts
    results: list[Values] = [{}] * len(rows)
    by_length = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    count = _limits(network.device).rows_per_batch
    for first in reversed(range(0, len(rows), count)):  # the longest first: what comes later fits into its memory
        batch = by_length[first : first + count]
        read = _read_batch(network, [rows[index] for index in batch], others, parts, on_progress)
        for index, values in zip(batch, read, strict=True):
            results[index] = values
    return results


def _read_batch(
    network: Network,
    rows: Sequence[Ids],
    others: Mapping[str, Quantity],
    parts: Sequence[str],
    on_progress: TokenProgress,
) -> list[Values]:
    """Read rows sorted from short to long.

    A row that has ended leaves the batch, so that a long row does not make the short ones be padded to its length.
    """
    device = network.device
    steps = [max(0, len(row) - 1) for row in rows]
    # The results are allocated at the first block: small arrays allocated one by one between large temporary ones would
    # fragment the memory of the temporary ones and keep it from being reused.
    names = (LOGPROB, *others, *parts)
    results: list[Values] = [{} if steps[-1] else dict.fromkeys(names, np.empty(0)) for _ in rows]
    state, first, ended = None, 0, 0
    while first < steps[-1]:
        ended_before, ended = ended, bisect_right(steps, first)
        if state is not None and ended > ended_before:
            state = select(state, torch.arange(ended - ended_before, len(rows) - ended_before, device=device))
        block = min(max(1, _limits(device).tokens_per_block // (len(rows) - ended)), steps[-1] - first)
        padded = np.zeros((block + 1, len(rows) - ended), dtype=np.int64)  # (T + 1, B), padded at the end
        for column, row in enumerate(rows[ended:]):
            part = row[first : first + block + 1]
            padded[: len(part), column] = part
        ids = torch.from_numpy(padded).to(device)
        outputs, state = network.outputs(ids[:-1], state)
        for name, values in _read_out(network, outputs, ids[1:], others, parts):
            if first == 0:
                for row_number, count in enumerate(steps):
                    results[row_number][name] = np.empty((count, *values.shape[2:]), _sum_dtype(values))
            for row_number in range(ended, len(rows)):
                part = values[: steps[row_number] - first, row_number - ended]
                results[row_number][name][first : first + len(part)] = part
        on_progress(sum(min(block, count - first) for count in steps[ended:]))
        first += block
    return results


def _limits(device: torch.device) -> _Limits:
    return _ON_GPU if device.type == "cuda" else _ON_CPU


def _read_out(
    network: Network, outputs: Tensor, targets: Tensor, others: Mapping[str, Quantity], parts: Sequence[str]
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield each quantity of a block, (T, B) or (T, B, n), computed from its outputs (T, B, H) chunk by chunk."""
    chunk = max(1, _limits(network.device).logits_per_chunk // network.allowed_tokens.numel())
    chunks = zip(torch.split(outputs.flatten(0, 1), chunk), torch.split(targets.flatten(), chunk), strict=True)
    read = [_read_out_chunk(network, some, ids, others, parts) for some, ids in chunks]
    for name in (LOGPROB, *others, *parts):
        values = torch.cat([each[name] for each in read]).cpu().numpy()
        yield name, values.reshape(*targets.shape, *values.shape[1:])


def _read_out_chunk(
    network: Network, outputs: Tensor, targets: Tensor, others: Mapping[str, Quantity], parts: Sequence[str]
) -> dict[str, Tensor]:
    """Return each quantity from outputs (N, H) and targets (N,)."""
    if not others:  # a readout may know log P of the targets without the full distribution
        whole, mixed = network.target_parts(outputs, targets, parts)
        return {LOGPROB: whole, **mixed}
    mixed = network.target_parts(outputs, targets, parts)[1] if parts else {}
    logprobs = log_softmax(network.logits(outputs))[None]
    asked: dict[str, Quantity] = {LOGPROB: target_log_probability, **others}
    return {name: quantity(logprobs, targets[None])[0] for name, quantity in asked.items()} | mixed


def joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Concatenate the parts of a quantity. Floating-point numbers become float64, so that sums are exact enough."""
    whole = np.concatenate(parts) if parts else np.empty(0)
    return whole.astype(_sum_dtype(whole))


def _sum_dtype(values: NDArray[Any]) -> np.dtype[Any]:
    """Return float64 for floating-point numbers, and the dtype unchanged for integers."""
    return np.dtype(np.float64) if values.dtype.kind == "f" else values.dtype
