"""Repetition penalty (Keskar et al. 2019), over n-grams: lower the logit of a token that would repeat an n-gram.

The logit x becomes x / θ if x > 0, else x · θ. The paper has n = 1, which would penalize every letter of a text.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from charlm.generation.samplers import Sampler, repeating
from charlm.settings import check_count, check_range


@dataclass(frozen=True)
class RepetitionPenalty(Sampler):
    """Penalty on the tokens that would repeat an n-gram."""

    order = 10
    repetition_penalty: float = field(
        metadata={"help": "Make repetition less likely: 1.3 is a mild penalty, 3 a strong one."}
    )
    repetition_ngram: int = field(
        default=8, metadata={"help": "Length of the n-gram that counts as a repetition, in tokens."}
    )

    def __post_init__(self) -> None:
        check_range("repetition_penalty", self.repetition_penalty, 1, 1e6)
        check_count("repetition_ngram", self.repetition_ngram, 1)

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        penalized = torch.where(logits > 0, logits / self.repetition_penalty, logits * self.repetition_penalty)
        return torch.where(repeating(history, self.repetition_ngram, logits), penalized, logits), state
