"""Attention over a source, outside the recurrence (Luong et al. 2015, global attention with the general score).

The queries are the outputs of all steps, so the attention of a whole batch is two batched products. Letters: T queries,
S steps of the source, B batch, D width.
"""

import math

import torch
from torch import Tensor, nn

_INITIAL_SHARPNESS = 5.0  # c at the start: weights fall to 1/e at a distance of 0.45 from the diagonal


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Return the softmax over the last dimension where `mask` is true. The other weights are exactly 0."""
    least = torch.finfo(scores.dtype).min  # not -inf: a row without a true entry would be NaN
    return torch.softmax(scores.masked_fill(~mask, least), dim=-1) * mask


class Attention(nn.Module):
    """Attention with queries of width `query_width` over keys of width `key_width`.

    With `diagonal`, −c (s/S − t/T)² is added to the scores, with a learned c ≥ 0: in tasks such as pronunciation, the
    answer follows its source from left to right.
    """

    def __init__(self, query_width: int, key_width: int, *, diagonal: bool = False) -> None:
        super().__init__()
        self.score = nn.Linear(key_width, query_width, bias=False)
        self.combine = nn.Linear(key_width + query_width, query_width, bias=False)
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(_INITIAL_SHARPNESS))) if diagonal else None

    def forward(
        self, queries: Tensor, keys: Tensor, mask: Tensor, progress: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the contexts (T, B, D) and the weights (T, B, S) of queries (T, B, ·) over keys (S, B, D).

        `mask` (S, B) is true at the steps of the source. `progress` (T, B) is t/T, the share of the answer that a query
        has before it, for the diagonal. An answer in the making has no length yet: take T from the length of the
        source, in training too.
        """
        scores = torch.matmul(queries.transpose(0, 1), self.score(keys).permute(1, 2, 0))  # (B, T, S)
        if self.log_sharpness is not None:
            assert progress is not None
            steps = torch.arange(len(keys), device=keys.device).to(scores.dtype)
            positions = steps / mask.sum(0).clamp(min=1)[:, None]  # (B, S)
            distances = positions[:, None] - progress.t()[:, :, None]
            scores = scores - self.log_sharpness.exp() * distances.square()
        weights = masked_softmax(scores, mask.t()[:, None])
        contexts = torch.matmul(weights, keys.transpose(0, 1))
        return contexts.transpose(0, 1), weights.transpose(0, 1)

    def combined(self, contexts: Tensor, outputs: Tensor) -> Tensor:
        """Return tanh(W [context; output]), which the readout reads in place of the output: (..., query_width)."""
        return torch.tanh(self.combine(torch.cat((contexts, outputs), dim=-1)))
