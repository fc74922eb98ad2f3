"""Scoring 10,000 short lines: read side by side by length, against one by one, and against the products alone.

2×256 GRU, lines of 3 to 40 characters; the products are those of the forward pass, padding not counted as work.
"""

import random

import torch
from sampling import TOKENIZER
from timing import best_seconds

from charlm.config import ModelConfig
from charlm.language_model import LanguageModel
from charlm.network import Network

LINES, H, LAYERS = 10_000, 256, 2


def main() -> None:
    dice = random.Random(1)
    lines = ["".join(dice.choices(TOKENIZER.characters, k=dice.randint(3, 40))) for _ in range(LINES)]
    shape = ModelConfig(hidden_size=H, layers=LAYERS, embedding_size=64, dropout=0.0, sequence="line")
    network = Network(shape, TOKENIZER.size).eval()
    model = LanguageModel(shape, TOKENIZER, network)
    tokens = sum(map(len, lines)) + LINES
    recurrent, between = torch.randn(64, H), torch.randn(H, 3 * H)
    products = 2 * LAYERS - 1  # W_h of each layer, W_x of all but the first, which is a table

    def product() -> None:
        for _ in range(200):
            torch.mm(recurrent, between)

    few = lines[:300]
    mine, single, floor = best_seconds(
        lambda: model.score_many(lines), lambda: [model.score(line) for line in few], product, rounds=4
    )
    readout = H * TOKENIZER.size / (3 * H * H)
    floor_seconds = floor / 200 / 64 * tokens * (products + readout)
    print(f"scoring {LINES:,} lines, {tokens:,} tokens, GRU {LAYERS}×{H}, {torch.get_num_threads()} threads")
    print(
        f"together {LINES / mine:,.0f} lines/s, one by one {len(few) / single:,.0f} lines/s: "
        f"{LINES / mine / (len(few) / single):.1f}×; {floor_seconds / mine:.2f} of the rate of the products alone"
    )


if __name__ == "__main__":
    main()
