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
    """Give both parts of a mixture a share of every probability."""
    assert isinstance(model.network, MixedNetwork)
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weights in (model.network.gate_table, model.network.gate_vector):
            weights.copy_(torch.randn(weights.shape, generator=random))
