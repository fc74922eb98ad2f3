"""Networks with counts of n-grams beside them, as tests need them."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

import charlm
from charlm.nn.mixed import MixedNetwork
from charlm.tasks.text.dataset import TextDataset


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
