"""Networks with counts of n-grams beside them, as tests need them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import LINES, STREAM

import charlm
from charlm.nn.mixed import MixedNetwork
from charlm.tasks.text.dataset import TextDataset

TOKENS: dict[str, dict[str, Any]] = {  # each kind of token, with a text mode that it is read in
    "char line": {"tokenizer": "char", "sequence": "line"},
    "char stream": {"tokenizer": "char", "sequence": "stream"},
    "byte stream": {"tokenizer": "byte", "sequence": "stream"},
    "word line": {"tokenizer": "word", "sequence": "line"},
    "subword line": {"tokenizer": "subword", "sequence": "line", "vocab_size": 276},
}


def train_tiny(folder: Path, *, sequence: str, **settings: Any) -> Path:
    """Train a model in this folder, on lines or on running text, and return the folder."""
    text = LINES if sequence == "line" else STREAM[:2000] + LINES
    charlm.train(text, folder=folder, sequence=sequence, **settings)
    return folder


@contextmanager
def trained_only() -> Iterator[None]:
    """Keep a network only after training, so that a short run does not end with the counts alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TextDataset, "first_model", lambda *_: None)
        yield


def set_any_gate(model: charlm.LanguageModel) -> None:
    """Give both parts of a mixture a share of every probability, and let guesses change that of the network."""
    assert isinstance(model.network, MixedNetwork)
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weights in (model.network.gate_table, model.network.gate_vector):
            weights.copy_(torch.randn(weights.shape, generator=random))
        if model.network.guidance:
            weights = model.network.guidance.turn.weight
            weights.copy_(0.1 * torch.randn(weights.shape, generator=random))


@torch.no_grad()
def guided_logits(network: MixedNetwork, ids: torch.Tensor) -> torch.Tensor:
    """Return the logits (T, V) of a network after the ids (T, 1), given the two likeliest tokens of its counts."""
    assert network.guidance
    scale, shift = network.guidance.turn.weight.chunk(2)
    outputs, _ = network.outputs(ids)
    rows = []
    for t, output in enumerate(outputs[:, 0, : network.hidden_size]):
        counted = network.counts.distribution(ids[: t + 1, 0].numpy())
        first, second = sorted(range(len(counted)), key=lambda token: -counted[token])[:2]
        vector = sum(float(counted[token]) * network.guidance.vectors[token] for token in (first, second))
        rows.append(network.logits(output * (1 + scale @ vector) + shift @ vector))
    return torch.stack(rows)
