"""Adaptive softmax (Grave et al. 2017): P(symbol) = P(group) · P(symbol | group), for a large vocabulary.

The symbols stand in the order of how often they are targets. The first are the shortlist, read out at once; the others
are in groups, each with a place in the shortlist's softmax and a matrix of its own, narrower where they are rarer,
which training needs only where such a symbol came. The weights are those of torch.nn.AdaptiveLogSoftmaxWithLoss by name
and shape; but that knows no symbols of probability 0, and leaves a group from which nothing came without a gradient.
"""

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from charlm.errors import ConfigError
from charlm.nn.readouts import Readout, Table

_ENDS = (1 / 64, 1 / 16, 1 / 4)  # of the shortlist and of the groups but the last, as shares of the vocabulary
_NARROWER = 2  # times, with each group


class Adaptive(Readout):
    places: Tensor

    def __init__(self, hidden_size: int, vocabulary_size: int, shared: Table | None = None) -> None:
        super().__init__(hidden_size, vocabulary_size, shared)
        if shared is not None:
            raise ConfigError("an adaptive readout has no matrix to tie: take the dense one, or leave tie-weights out")
        self.shortlist, *ends = sorted({*(max(2, int(share * vocabulary_size)) for share in _ENDS), vocabulary_size})
        self.groups = list(pairwise((self.shortlist, *ends)))  # first place and end of each
        self.head = nn.Linear(hidden_size, self.shortlist + len(self.groups))
        self.tail = nn.ModuleList()
        for number, (first, end) in enumerate(self.groups, 1):
            width = max(1, hidden_size // _NARROWER**number)
            narrow, wide = nn.Linear(hidden_size, width, bias=False), nn.Linear(width, end - first, bias=False)
            self.tail.append(nn.Sequential(narrow, wide))
        self.register_buffer("places", torch.arange(vocabulary_size))  # of each symbol in that order

    def arrange(self, counts: Tensor) -> None:
        self.places.copy_(counts.argsort(descending=True, stable=True).argsort())

    def logits(self, outputs: Tensor, predictable: Tensor) -> Tensor:
        """log P of each symbol."""
        shortlist, *masks = self._masks(predictable)
        head = torch.log_softmax(self._head(outputs, shortlist), dim=-1)
        parts = [head[..., : self.shortlist]]
        for number, mask in enumerate(masks):
            within = torch.log_softmax(self._group(number, outputs, mask), dim=-1)
            parts.append(head[..., self.shortlist + number, None] + within)
        return torch.cat(parts, dim=-1).index_select(-1, self.places)

    def target_log_probability(self, outputs: Tensor, targets: Tensor, predictable: Tensor) -> Tensor:
        shortlist, *masks = self._masks(predictable)
        places = self.places[targets]
        chosen = places.clone()  # in the head: the place of a frequent symbol, or that of a group
        groups = []
        for number, (first, end) in enumerate(self.groups):
            rows = ((places >= first) & (places < end)).nonzero()[:, 0]
            chosen[rows] = self.shortlist + number
            within = self._group(number, outputs[rows], masks[number])
            groups.append((rows, -functional.cross_entropy(within, places[rows] - first, reduction="none")))
        found = -functional.cross_entropy(self._head(outputs, shortlist), chosen, reduction="none")
        for rows, within in groups:
            found = found.index_add(0, rows, within)
        return found

    def rows(self) -> Tensor:
        """Of a symbol in a group, its row there and the group's."""
        shortlist, *groups = self.head.weight.tensor_split([self.shortlist + n for n in range(len(self.groups))])
        parts = [shortlist]
        for group, tail in zip(groups, self.tail, strict=True):
            narrow, wide = (cast(nn.Linear, part).weight for part in cast(nn.Sequential, tail))
            parts.append(group + wide @ narrow)
        return torch.cat(parts)[self.places]

    def _head(self, outputs: Tensor, mask: Tensor) -> Tensor:
        return functional.linear(outputs, self.head.weight, self.head.bias + mask)

    def _group(self, number: int, outputs: Tensor, mask: Tensor) -> Tensor:
        narrow, wide = cast(nn.Sequential, self.tail[number])
        return functional.linear(narrow(outputs), cast(nn.Linear, wide).weight, mask)

    def _masks(self, predictable: Tensor) -> list[Tensor]:
        """Of the head and of each group: minus infinity at what cannot come, else 0."""
        mask = torch.where(predictable, 0.0, -torch.inf).to(self.head.weight.dtype)
        ordered = mask.scatter(0, self.places, mask)
        shortlist, *groups = ordered.tensor_split([first for first, _ in self.groups])
        possible = torch.stack([group.amax() for group in groups])
        # A group from which nothing can come is closed at the head; its own softmax would be no number.
        return [
            torch.cat((shortlist, possible)),
            *(group.where(some == 0, 0.0) for group, some in zip(groups, possible, strict=True)),
        ]
