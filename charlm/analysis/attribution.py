"""The reasons for a prediction: how much each earlier token raised or lowered its probability, in two ways.

    deletion:  log P(y<t> | y<1>, …, y<t-1>) − log P(y<t> | the same without y<s>)
    gradient:  x<s> · ∂log P(y<t>)/∂x<s>, where x<s> is the input vector of y<s>

Deletion is exact: it compares with the text without the token. The gradient is the slope of log P as the vector grows.
Both are in nats, and positive where the token helped. The network always reads the start token, which has no weight.
"""

import copy
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from charlm.errors import ConfigError
from charlm.language_model import LanguageModel
from charlm.nn.cells import Cell
from charlm.nn.embeddings import Embedding
from charlm.nn.native.fused import Projected
from charlm.nn.network import Network
from charlm.nn.probability import log_probabilities, log_softmax, target_log_probability
from charlm.nn.rows import Rows
from charlm.tokenizers import Ids

MOST = 300  # tokens: the work grows with the square of their number
_ROWS = 32  # predictions whose gradients are computed together


@dataclass(frozen=True)
class Attribution:
    """A text and its predictions; token t has a weight for each of the t tokens before it, in order."""

    text: str
    tokens: list[str | None]  # None is a control token: <EOS>, or <UNK> for an unknown character
    logprobs: list[float]  # log P of each token given those before it, in nats
    deletion: list[list[float]]
    gradient: list[list[float]]


def attribute(model: LanguageModel, text: str) -> Attribution:
    """Attribute the prediction of every token of a text, and of its end in a line model.

    Raises ConfigError for an empty text, for more than 300 tokens, and for a newline in a line model.
    """
    ids = model.tokenizer.encode(text)
    if not len(ids):
        raise ConfigError(f"the text is empty; give one of 1 to {MOST} tokens")
    if len(ids) > MOST:
        raise ConfigError(f"the text has {len(ids):,} tokens, and the limit is {MOST}; give a part of it")
    logprobs = model.score(text).logprobs
    row = model.tokenizer.sequence(ids, eos=model.line)
    tokens = model.tokenizer.token_texts(row[1:])
    return Attribution(text, tokens, logprobs, by_deletion(model.network, row), by_gradient(model.network, row))


def by_deletion(network: Network, row: Ids) -> list[list[float]]:
    """Weights by deletion for each token of a row, which begins with START; nan for one that cannot be predicted."""
    without = [np.delete(row, index) for index in range(1, len(row) - 1)]
    whole, *others = (logprobs.tolist() for logprobs in log_probabilities(network, [row, *without]))
    # Without token s + 1 of the row, the tokens after it are one position further left.
    return [[whole[t] - others[s][t - 1] for s in range(t)] for t in range(len(row) - 1)]


def by_gradient(network: Network, row: Ids) -> list[list[float]]:
    """Weights by gradient times input for each token of a row; nan for one that cannot be predicted."""
    watched = copy.deepcopy(network).eval().requires_grad_(False)
    embedding = watched.embedding = _WatchedEmbedding(watched.embedding)
    ids = network.column(row)
    weights: list[list[float]] = []
    steps = len(row) - 1
    with torch.enable_grad():
        for first in range(0, steps, _ROWS):
            chosen = torch.arange(first, min(first + _ROWS, steps), device=ids.device)
            # Each prediction needs gradients of its own, so each has a column of the batch with the same text.
            logits, _ = watched(ids[:-1].expand(steps, len(chosen)))
            logprobs = target_log_probability(log_softmax(logits), ids[1:].expand(steps, len(chosen)))  # (T, B)
            predicted = logprobs[chosen, range(len(chosen))]
            (gradient,) = torch.autograd.grad(predicted.sum(), embedding.read)
            products = (gradient * embedding.read).sum(dim=2).t()  # (B, T)
            products[predicted.isinf()] = torch.nan
            weights += [row[1 : 1 + t] for t, row in zip(chosen.tolist(), products.tolist(), strict=True)]
    return weights


class _WatchedEmbedding(Embedding):
    """An embedding that keeps the vectors it returns, so that their gradient can be computed."""

    read: Tensor  # (T, B, E)

    def __init__(self, embedding: Embedding) -> None:
        super().__init__()
        self.size = embedding.size
        self._embedding = embedding

    def vectors(self, ids: Tensor) -> Tensor:
        self.read = self._embedding.vectors(ids).detach().requires_grad_()
        return self.read

    def projected_table(self, cell: Cell) -> Tensor:
        return self._embedding.projected_table(cell)

    def input_vectors(self, cell: Cell) -> Tensor:
        return self._embedding.input_vectors(cell)

    def load_vectors(self, vectors: Tensor, known: Tensor) -> None:
        self._embedding.load_vectors(vectors, known)

    def start_from(self, source: Self, rows: Rows) -> None:
        self._embedding.start_from(source._embedding, rows)

    def project(self, ids: Tensor, cell: Cell) -> Projected:
        return cell.project(self.vectors(ids))
