"""Language models with random weights: every kind of network, without training."""

from typing import Any

import torch

import charlm
from charlm.nn.cells import ACTIVATIONS
from charlm.nn.network import Network
from charlm.registry import names
from charlm.tokenizers import Tokenizer
from charlm.tokenizers.char import CharTokenizer

LETTERS = CharTokenizer("\n acehtü🐈")
CELLS: list[dict[str, Any]] = [{"cell": cell} for cell in names("nn.cells")]
KINDS = [
    *({**cell, "embedding": embedding} for cell in CELLS for embedding in names("nn.embeddings")),
    *({**cell, "layers": 2, "residual": True, "readout_layers": 2} for cell in CELLS),
    *({"cell": cell, "activation": name, "layers": 2} for cell in ("rnn", "jordan") for name in ACTIVATIONS),
    *({"cell": cell, "readout": "adaptive", "layers": 2} for cell in ("gru", "jordan")),
    {"cell": "gru", "readout": "adaptive", "shortlist": 5},
    *({"cell": cell, "tie_weights": True, "layers": 2} for cell in ("lstm", "jordan")),
]


def named(settings: dict[str, Any]) -> str:
    return "-".join(str(value) if isinstance(value, str) else f"{name}{value}" for name, value in settings.items())


def random_model(settings: dict[str, Any], tokenizer: Tokenizer = LETTERS, seed: int = 0) -> charlm.LanguageModel:
    """A model in which every gate matters, and whose state stays small; two tokens never occur."""
    torch.manual_seed(seed)
    shape = {
        "hidden_size": 12,
        "layers": 1,
        "embedding_size": 12,
        "dropout": 0.0,
        "sequence": "stream",
        "ngram": "none",
    }
    config = charlm.ModelConfig(**(shape | settings))
    network = Network(config, tokenizer.size).eval()
    for parameter in network.parameters():
        parameter.data.normal_(0, 0.25)
    allowed = torch.ones(tokenizer.size, dtype=torch.bool)
    allowed[[Tokenizer.START, 4]] = False
    network.set_output_statistics(allowed, torch.arange(tokenizer.size))
    return charlm.LanguageModel(config, tokenizer, network, name="random")
