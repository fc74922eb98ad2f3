"""Adaptive softmax (Grave et al. 2017): P(token) = P(group) · P(token | group), for a large vocabulary.

Tokens are ordered by how often they are targets. The first ones are the shortlist, and the *head* gives each of them a
logit. The others are in groups. Each group has one logit in the head and a matrix of its own, the *tail*, which is
narrower for rarer tokens. Training computes a tail only for the targets in its group, and so saves most of the work.

Weights have the names and shapes of torch.nn.AdaptiveLogSoftmaxWithLoss. That class is not used because it does not
know tokens of probability 0, and computes no gradient for a group without targets.
"""

import math
from typing import Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from charlm.errors import ConfigError
from charlm.nn.readouts import GroupedLinear, Readout, Table
from charlm.nn.readouts._groups import group_bounds, group_width
from charlm.nn.rows import Rows


class Adaptive(Readout):
    places: Tensor  # (V,): the position of each token in the order of frequency; a name in model.safetensors

    def __init__(
        self, hidden_size: int, vocabulary_size: int, shared: Table | None = None, shortlist: int | None = None
    ) -> None:
        super().__init__(hidden_size, vocabulary_size, shared, shortlist)
        if shared is not None:
            raise ConfigError("an adaptive readout has no matrix to tie to the embedding", remedy="tie_dense_readout")
        self.groups = group_bounds(vocabulary_size, shortlist)
        self.shortlist = self.groups[0][0]
        self.head = nn.Linear(hidden_size, self.shortlist + len(self.groups))
        self.tail = nn.ModuleList()
        for number, (first, end) in enumerate(self.groups, 1):
            width = group_width(hidden_size, number)
            narrow, wide = nn.Linear(hidden_size, width, bias=False), nn.Linear(width, end - first, bias=False)
            self.tail.append(nn.Sequential(narrow, wide))
        self.register_buffer("places", torch.arange(vocabulary_size))

    def set_frequencies(self, counts: Tensor) -> None:
        # The first argsort lists the tokens by frequency; the second inverts that list.
        self.places.copy_(counts.argsort(descending=True, stable=True).argsort())

    def start_from(self, source: Self, rows: Rows) -> None:
        """Take the direction of each token, also where it moves to another group.

        A row of the head is a token's direction, and the bias that it has there or that of its group. A row of a tail
        is what the narrow matrix makes nearest to the difference from the direction of the group.
        """
        order = self.places.argsort()
        vectors, biases = rows.of(source.output_vectors().detach())[order], rows.of(source._biases())[order]
        self.head.weight.data[: self.shortlist] = vectors[: self.shortlist]
        self.head.bias.data[: self.shortlist] = biases[: self.shortlist]
        for number, (first, end) in enumerate(self.groups[: len(source.groups)]):
            group, old = self.shortlist + number, source.shortlist + number
            self.head.weight.data[group] = source.head.weight.data[old]
            self.head.bias.data[group] = source.head.bias.data[old]
            (narrow, wide), (given, _) = (_matrices(each.tail[number]) for each in (self, source))
            narrow.copy_(given)
            wide.copy_((vectors[first:end] - source.head.weight.data[old]) @ torch.linalg.pinv(given))

    def _biases(self) -> Tensor:
        """Return the logit of each token (V,) for an output of zeros, but for the head's normalization."""
        shortlist, groups = self.head.bias.data[: self.shortlist], self.head.bias.data[self.shortlist :]
        sizes = [end - first for first, end in self.groups]
        parts = [(bias - math.log(size)).expand(size) for bias, size in zip(groups, sizes, strict=True)]
        return torch.cat([shortlist, *parts])[self.places]

    def logits(self, outputs: Tensor, allowed_tokens: Tensor) -> Tensor:
        """Return log P of each token, which is its own log-softmax: (..., H) → (..., V)."""
        head_mask, *group_masks = self._masks(allowed_tokens)
        head = torch.log_softmax(self._head(outputs, head_mask), dim=-1)
        parts = [head[..., : self.shortlist]]
        for number, mask in enumerate(group_masks):
            within = torch.log_softmax(self._group(number, outputs, mask), dim=-1)
            parts.append(head[..., self.shortlist + number, None] + within)
        return torch.cat(parts, dim=-1).index_select(-1, self.places)

    def target_log_probability(self, outputs: Tensor, targets: Tensor, allowed_tokens: Tensor) -> Tensor:
        head_mask, *group_masks = self._masks(allowed_tokens)
        positions = self.places[targets]
        head_targets = positions.clone()  # of a token in a group: the group's logit
        groups = []
        for number, (first, end) in enumerate(self.groups):
            rows = ((positions >= first) & (positions < end)).nonzero()[:, 0]
            head_targets[rows] = self.shortlist + number
            # An empty group is computed too, so that its weights have a gradient: zero.
            within = self._group(number, outputs[rows], group_masks[number])
            groups.append((rows, -functional.cross_entropy(within, positions[rows] - first, reduction="none")))
        logprobs = -functional.cross_entropy(self._head(outputs, head_mask), head_targets, reduction="none")
        for rows, within in groups:
            logprobs = logprobs.index_add(0, rows, within)
        return logprobs

    def output_vectors(self) -> Tensor:
        """Return a vector for each token (V, H): its row of the head, or the sum of its group's row and its own."""
        shortlist, *groups = self.head.weight.tensor_split([self.shortlist + n for n in range(len(self.groups))])
        parts = [shortlist]
        for group, tail in zip(groups, self.tail, strict=True):
            narrow, wide = (cast(nn.Linear, part).weight for part in cast(nn.Sequential, tail))
            parts.append(group + wide @ narrow)
        return torch.cat(parts)[self.places]

    def as_linear(self, allowed_tokens: Tensor) -> GroupedLinear:
        groups, sizes = self.head.bias[self.shortlist :], [end - first for first, end in self.groups]
        of_tokens = [bias.expand(size) for bias, size in zip(groups, sizes, strict=True)]
        ordered = torch.cat([self.head.bias[: self.shortlist], *of_tokens])
        bias = torch.where(allowed_tokens, ordered[self.places], -torch.inf)
        members = self.places.argsort().tensor_split([first for first, _ in self.groups])[1:]
        weight = torch.cat([self.output_vectors(), self.head.weight[self.shortlist :]])
        return GroupedLinear(weight, torch.cat([bias, groups]), members)

    def _head(self, outputs: Tensor, mask: Tensor) -> Tensor:
        """Return the logits of the shortlist and of the groups."""
        return functional.linear(outputs, self.head.weight, self.head.bias + mask)

    def _group(self, number: int, outputs: Tensor, mask: Tensor) -> Tensor:
        """Return the logits of a group's tokens within the group."""
        narrow, wide = cast(nn.Sequential, self.tail[number])
        return functional.linear(narrow(outputs), cast(nn.Linear, wide).weight, mask)

    def _masks(self, allowed_tokens: Tensor) -> list[Tensor]:
        """Return what to add to the logits of the head and of each group: 0, or -inf for tokens that cannot occur."""
        mask = torch.where(allowed_tokens, 0.0, -torch.inf).to(self.head.weight.dtype)
        ordered = mask.scatter(0, self.places, mask)  # from the order of ids to that of frequency
        shortlist, *groups = ordered.tensor_split([first for first, _ in self.groups])
        # The head may choose a group if at least one of its tokens is allowed.
        group_masks = torch.stack([group.amax() for group in groups])
        # The head closes a group without allowed tokens. Nothing is masked within that group: the softmax of logits
        # that are all -inf is NaN, and NaN plus the head's -inf is NaN.
        return [
            torch.cat((shortlist, group_masks)),
            *(group.where(some == 0, 0.0) for group, some in zip(groups, group_masks, strict=True)),
        ]


def _matrices(tail: nn.Module) -> tuple[Tensor, Tensor]:
    """Return the narrow and the wide matrix of a group."""
    narrow, wide = (cast(nn.Linear, part).weight.data for part in cast(nn.Sequential, tail))
    return narrow, wide
