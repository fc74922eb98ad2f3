"""The ways of drawing agree: step by step, by recorded steps as on a GPU, and in compiled loops."""

import pytest
import torch

from charlm.config import ModelConfig
from charlm.generation.drawing import TorchDraws
from charlm.generation.samplers import chain
from charlm.nn import graphs
from charlm.nn.network import Network

ROWS = 6


@torch.inference_mode()
def test_recorded_steps_are_the_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """On any machine: what a GPU would record is called."""
    calls: list[object] = []
    monkeypatch.setattr(graphs, "run", lambda module, read, given, settings: calls.append(settings) or read(*given))
    torch.manual_seed(0)
    network = Network(ModelConfig(embedding_size=4, hidden_size=16, layers=2, dropout=0.0), 9).eval()
    samplers = chain({"temperature": 0.8, "top_k": 5})
    history = torch.empty(ROWS, 0, dtype=torch.long)
    chances = torch.rand(12, ROWS, dtype=torch.double)
    plain, recorded = (
        TorchDraws(network, samplers, torch.zeros(ROWS, 9), network.zero_state(ROWS), history, end=-1) for _ in range(2)
    )
    monkeypatch.setattr(recorded, "_step", recorded._recorded_step)
    for mine, theirs in zip(recorded(chances), plain(chances), strict=True):
        assert torch.equal(mine, theirs)
    assert calls == [(("temperature", 0.8), ("top_k", 5.0))] * 12
