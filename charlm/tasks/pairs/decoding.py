"""The likeliest targets of a source by beam search, and targets drawn at random."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from charlm.nn.encoder import NetworkState
from charlm.tasks.pairs.network import PairNetwork, Source
from charlm.tokenizers import Ids, Tokenizer

_SOURCES_AT_ONCE = 64


class Target(NamedTuple):
    """A target: its tokens without EOS, log P with EOS, and whether it was cut at the limit, where EOS is unlikely."""

    ids: list[int]
    logprob: float
    cut: bool


@torch.inference_mode()
def likeliest(
    network: PairNetwork,
    sources: Sequence[Ids],
    limit: Callable[[int], int],
    *,
    beam: int,
    may_be_empty: bool,
    length_penalty: float = 0.0,
) -> list[list[Target]]:
    """Return up to `beam` targets of each source, the best first; a beam of 1 takes the likeliest token at each step.

    limit: the number of tokens of a target at most, from the number of tokens of its source. length_penalty: targets
    are compared by log P divided by their length with EOS to this power.
    """
    results: list[list[Target]] = [[] for _ in sources]
    by_length = sorted(range(len(sources)), key=lambda index: len(sources[index]))
    for first in range(0, len(sources), _SOURCES_AT_ONCE):
        chosen = by_length[first : first + _SOURCES_AT_ONCE]
        some = [sources[index] for index in chosen]
        limits = [limit(len(each)) for each in some]
        for index, targets in zip(
            chosen, _search(network, some, limits, beam, may_be_empty, patient=bool(length_penalty)), strict=True
        ):
            targets.sort(key=lambda each: each.logprob / (len(each.ids) + 1) ** length_penalty, reverse=True)
            results[index] = targets[:beam]
    return results


def _search(
    network: PairNetwork,
    sources: Sequence[Ids],
    limits: Sequence[int],
    beam: int,
    may_be_empty: bool,
    *,
    patient: bool,
) -> list[list[Target]]:
    """Return the targets of each source that have ended.

    patient: whether a target may win that is less likely than others, so that no search ends early.
    """
    source, count = network.read_sources(sources), len(sources)
    state = _repeated(source.state, beam)  # row k · B + b has hypothesis k of source b
    scores = torch.full((beam, count), -torch.inf, dtype=torch.float64, device=network.device)
    scores[0] = 0.0
    ids: list[list[list[int]]] = [[[] for _ in range(beam)] for _ in sources]
    ended: list[list[Target]] = [[] for _ in sources]
    tokens = torch.full((1, beam * count), Tokenizer.START, device=network.device)
    for step in range(max(limits) + 1):
        logprobs, state = _next(network, source, tokens, state, beam, step)
        if step == 0 and not may_be_empty:
            logprobs[..., Tokenizer.EOS] = -torch.inf
        width = logprobs.shape[2]
        totals = (scores[..., None] + logprobs).transpose(0, 1).reshape(count, -1)  # (B, K · V)
        best, where = totals.topk(min(2 * beam, totals.shape[1]), dim=1)
        parents = torch.zeros((beam, count), dtype=torch.long)
        following = torch.zeros((beam, count), dtype=torch.long)
        scores = torch.full_like(scores, -torch.inf)
        for row, (values, choices) in enumerate(zip(best.tolist(), where.tolist(), strict=True)):
            if _is_done(ended[row], ids[row], beam):
                continue
            alive: list[list[int]] = []
            for rank, (value, choice) in enumerate(zip(values, choices, strict=True)):
                parent, token = divmod(choice, width)
                if value == -torch.inf or len(alive) == beam:
                    break
                so_far = ids[row][parent]
                if token == Tokenizer.EOS:
                    if rank < beam:
                        ended[row].append(Target(so_far, value, cut=False))
                elif step == limits[row]:
                    if not ended[row]:  # it ends here, though another token is likelier
                        so_far_logprob = value - float(logprobs[parent, row, token])
                        end = float(logprobs[parent, row, Tokenizer.EOS])
                        ended[row].append(Target(so_far, so_far_logprob + end, cut=True))
                    break
                else:
                    parents[len(alive), row], following[len(alive), row] = parent, token
                    scores[len(alive), row] = value
                    alive.append([*so_far, token])
            ids[row] = alive
            if len(ended[row]) >= beam and alive and not patient:
                least = sorted((each.logprob for each in ended[row]), reverse=True)[beam - 1]
                if float(scores[0, row]) <= least:
                    ids[row] = []
        if not any(ids):
            break
        rows = (parents * count + torch.arange(count)).reshape(-1).to(network.device)
        state = tuple(tuple(each.index_select(0, rows) for each in layer) for layer in state)
        tokens = following.reshape(1, -1).to(network.device)
    return ended


def _is_done(ended: Sequence[Target], alive: Sequence[list[int]], beam: int) -> bool:
    return not alive or (beam == 1 and bool(ended))


def _next(
    network: PairNetwork, source: Source, tokens: Tensor, state: NetworkState, beam: int, step: int
) -> tuple[Tensor, NetworkState]:
    """Return log P of every next token (K, B, V), and the state after the tokens (1, K · B)."""
    outputs, state = network.outputs(tokens, state)
    queries = outputs.reshape(beam, -1, network.hidden_size)
    at = torch.full((beam, 1), step, device=queries.device)
    return network.log_probabilities(network.answers(queries, source.memory, source.mask, at)).double(), state


@torch.inference_mode()
def drawn(
    network: PairNetwork,
    source: Ids,
    limit: int,
    *,
    count: int,
    temperature: float,
    seed: int,
    may_be_empty: bool,
) -> list[Target]:
    """Draw targets of a source, token by token; log P is that of the model, at temperature 1."""
    read = network.read_sources([source])
    state = _repeated(read.state, count)
    generator = torch.Generator().manual_seed(seed)
    ids: list[list[int]] = [[] for _ in range(count)]
    logprob, open_rows = [0.0] * count, set(range(count))
    tokens = torch.full((1, count), Tokenizer.START, device=network.device)
    for step in range(limit + 1):
        logprobs, state = _next(network, read, tokens, state, count, step)
        logprobs = logprobs[:, 0].cpu()
        if step == 0 and not may_be_empty:
            logprobs[:, Tokenizer.EOS] = -torch.inf
        if temperature:
            choice = torch.multinomial(torch.softmax(logprobs / temperature, 1), 1, generator=generator)[:, 0]
        else:
            choice = logprobs.argmax(1)
        for row in sorted(open_rows):
            token = int(choice[row])
            if token != Tokenizer.EOS and step == limit:
                continue
            logprob[row] += float(logprobs[row, token])
            if token == Tokenizer.EOS:
                open_rows.discard(row)
            else:
                ids[row].append(token)
        if not open_rows:
            break
        tokens = choice[None].to(network.device)
    return [Target(each, logprob[row], cut=row in open_rows) for row, each in enumerate(ids)]


def _repeated(state: NetworkState, count: int) -> NetworkState:
    return tuple(tuple(each.repeat(count, *([1] * (each.dim() - 1))) for each in layer) for layer in state)
