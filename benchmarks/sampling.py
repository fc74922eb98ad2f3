"""Tokens per second of sampling from a 2×256 character model, against a plain loop over torch's nn.GRU.

Both draw 500 tokens at temperature 0.8 from random weights. charlm uses LanguageModel.sample, probabilities included.
"""

import torch
from timing import best_seconds
from torch import nn

from charlm.config import ModelConfig
from charlm.language_model import LanguageModel
from charlm.nn.network import Network
from charlm.tokenizers.char import CharTokenizer

LENGTH, H, E, LAYERS = 500, 256, 64, 2
TOKENIZER = CharTokenizer("".join(map(chr, range(33, 95))))


@torch.inference_mode()
def plain_loop(embedding: nn.Embedding, gru: nn.GRU, readout: nn.Linear, rows: int) -> torch.Tensor:
    tokens, state, drawn = torch.ones(1, rows, dtype=torch.long), None, []
    for _ in range(LENGTH):
        outputs, state = gru(embedding(tokens), state)
        probabilities = torch.softmax(readout(outputs[0]) / 0.8, dim=-1)
        tokens = torch.multinomial(probabilities, 1).t()
        drawn.append(tokens)
    return torch.cat(drawn)


def main() -> None:
    print(f"sampling, GRU {LAYERS}×{H}, {torch.get_num_threads()} threads")
    print("| streams | charlm tokens/s | nn.GRU loop tokens/s | ratio |")
    print("|---|---|---|---|")
    V = TOKENIZER.size
    shape = ModelConfig(hidden_size=H, layers=LAYERS, embedding_size=E, dropout=0.0, sequence="stream")
    network = Network(shape, V).eval()
    network.allowed_tokens[:3] = False
    model = LanguageModel(shape, TOKENIZER, network)
    theirs = nn.Embedding(V, E), nn.GRU(E, H, LAYERS), nn.Linear(H, V)
    for rows in (1, 64):
        mine, plain = best_seconds(
            lambda rows=rows: model.sample(length=LENGTH, count=rows, temperature=0.8, seed=1),
            lambda rows=rows: plain_loop(*theirs, rows),
            rounds=6,
        )
        print(f"| {rows} | {rows * LENGTH / mine:,.0f} | {rows * LENGTH / plain:,.0f} | {plain / mine:.1f}× |")


if __name__ == "__main__":
    main()
