"""What a prediction rests on: the earlier symbols that made a symbol likely, or unlikely, in two ways.

    deletion:  log P(y<t> | y<1>, …, y<t-1>) − log P(y<t> | the same without y<s>)
    gradient:  x<s> · ∂log P(y<t>)/∂x<s>, where x<s> is the vector that the network reads for y<s>

The first is exact, and says what would be if the symbol had not stood there; the second is how the logarithm would
begin to change if its vector were made longer. Both are in nats, above 0 where the symbol helped. The start symbol is
always read, and is told of in neither.
"""

import copy
from dataclasses import dataclass

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
from charlm.tokenizers import Ids

MOST = 300  # symbols: the work grows with the square of their number, or more
_ROWS = 32  # predictions whose gradients are taken side by side


@dataclass(frozen=True)
class Why:
    """A text and its predictions: position t has a weight for each of the t positions before it, the first first."""

    text: str
    tokens: list[str | None]  # None is a control symbol: <EOS>, or <UNK> for an unknown character
    logprobs: list[float]  # log P of each given those before it, in nats
    deletion: list[list[float]]
    gradient: list[list[float]]


def why(model: LanguageModel, text: str) -> Why:
    """For every symbol of a text, and for its end in a model of lines.

    Raises ConfigError for more than 300 symbols, or none, and for a newline in a model of lines.
    """
    ids = model.tokenizer.encode(text)
    if not 0 < len(ids) <= MOST:
        amount = f"more than {MOST}" if len(ids) else "no"
        raise ConfigError(f"the text has {amount} symbols; give one of 1 to {MOST}, or a part of it")
    logprobs = model.score(text).logprobs
    row = model.tokenizer.sequence(ids, eos=model.line)
    tokens = model.tokenizer.token_texts(row[1:])
    return Why(text, tokens, logprobs, by_deletion(model.network, row), by_gradient(model.network, row))


def by_deletion(network: Network, row: Ids) -> list[list[float]]:
    """Weights of each earlier symbol for each symbol of a row, which begins with START.

    A symbol that cannot be predicted has nan.
    """
    without = [np.delete(row, place) for place in range(1, len(row) - 1)]
    whole, *others = (logprobs.tolist() for logprobs in log_probabilities(network, [row, *without]))
    # Without symbol s + 1 of the row, those after it stand one place further left.
    return [[whole[t] - others[s][t - 1] for s in range(t)] for t in range(len(row) - 1)]


def by_gradient(network: Network, row: Ids) -> list[list[float]]:
    """The same by gradient times input. A symbol that cannot be predicted has nan."""
    watched = copy.deepcopy(network).eval().requires_grad_(False)
    embedding = watched.embedding = _Watched(watched.embedding)
    ids = network.column(row)
    found: list[list[float]] = []
    steps = len(row) - 1
    with torch.enable_grad():
        for first in range(0, steps, _ROWS):
            chosen = torch.arange(first, min(first + _ROWS, steps), device=ids.device)
            logits, _ = watched(ids[:-1].expand(steps, len(chosen)))  # a column for each prediction
            logprobs = target_log_probability(log_softmax(logits), ids[1:].expand(steps, len(chosen)))  # (T, B)
            asked = logprobs[chosen, range(len(chosen))]
            (gradient,) = torch.autograd.grad(asked.sum(), embedding.read)
            weights = (gradient * embedding.read).sum(dim=2).t()  # (B, T)
            weights[asked.isinf()] = torch.nan
            found += [weight[1 : 1 + t] for t, weight in zip(chosen.tolist(), weights.tolist(), strict=True)]
    return found


class _Watched(Embedding):
    """The same vectors, kept so that one can ask for the gradient at them."""

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

    def project(self, ids: Tensor, cell: Cell) -> Projected:
        return cell.project(self.vectors(ids))
