"""Lines per second of scoring 10,000 short lines: in batches by length, one by one, and the matrix products alone.

    python benchmarks/scoring.py [MODEL TEXT ...]

2×256 GRU, lines of 3 to 40 characters. One by one means charlm itself, and a plain loop over nn.GRU that only adds up
the log-probabilities. The products are those of the forward pass, without padding. Instead of that, each MODEL, trained
with --ngram, scores 10,000 lines of 3 to 60 characters of a TEXT with its counts and without, on one thread, in seconds
of the processor.
"""

import random
import sys
import time
from functools import partial
from pathlib import Path

import torch
from sampling import TOKENIZER
from timing import best_seconds
from torch import nn
from torch.nn import functional

import charlm
from charlm.config import ModelConfig
from charlm.language_model import LanguageModel
from charlm.nn.network import Network

LINES, FEW, E, H, LAYERS = 10_000, 300, 64, 256, 2


@torch.inference_mode()
def plain_loop(lines: list[str], embedding: nn.Embedding, gru: nn.GRU, readout: nn.Linear) -> list[float]:
    scores = []
    for line in lines:
        ids = torch.tensor([TOKENIZER.START, *TOKENIZER.encode(line), TOKENIZER.EOS])
        logits = readout(gru(embedding(ids[:-1]))[0])
        scores.append(-float(functional.cross_entropy(logits, ids[1:], reduction="sum")))
    return scores


def main() -> None:
    dice = random.Random(1)
    lines = ["".join(dice.choices(TOKENIZER.characters, k=dice.randint(3, 40))) for _ in range(LINES)]
    shape = ModelConfig(hidden_size=H, layers=LAYERS, embedding_size=E, dropout=0.0, sequence="line")
    V = TOKENIZER.size
    model = LanguageModel(shape, TOKENIZER, Network(shape, V).eval())
    theirs = nn.Embedding(V, E), nn.GRU(E, H, LAYERS), nn.Linear(H, V)
    tokens = sum(map(len, lines)) + LINES
    recurrent, between = torch.randn(64, H), torch.randn(H, 3 * H)
    products = (
        2 * LAYERS - 1 + V / (3 * H)
    )  # W_h of each layer, W_x of all but the first, which is a table; the readout

    mine, single, plain, floor = best_seconds(
        lambda: model.score_many(lines),
        lambda: [model.score(line) for line in lines[:FEW]],
        lambda: plain_loop(lines[:FEW], *theirs),
        lambda: [torch.mm(recurrent, between) for _ in range(200)],
        rounds=4,
    )
    together, one_by_one, loop = LINES / mine, FEW / single, FEW / plain
    limit = LINES / (floor / 200 / 64 * tokens * products)
    print(f"scoring {LINES:,} lines, {tokens:,} tokens, GRU {LAYERS}×{H}, {torch.get_num_threads()} threads")
    print("| how | lines/s | charlm together |")
    print("|---|---|---|")
    print(f"| charlm together | {together:,.0f} | |")
    print(f"| charlm one by one | {one_by_one:,.0f} | {together / one_by_one:.1f}× |")
    print(f"| nn.GRU one by one | {loop:,.0f} | {together / loop:.1f}× |")
    print(f"| the products alone, (64×{H})·({H}×{3 * H}) | {limit:,.0f} | {together / limit:.2f}× |")


def with_counts(names: list[str], texts: list[str]) -> None:
    torch.set_num_threads(1)
    print("| model | with counts, lines/s | without | ratio |")
    print("|---|---|---|---|")
    for name, text in zip(names, texts, strict=True):
        lines = [each for each in Path(text).read_text(encoding="utf-8").split("\n") if 3 <= len(each) <= 60]
        lines = random.Random(1).sample(lines, min(LINES, len(lines)))
        model = charlm.load(name)
        both = [partial(each.score_many, lines) for each in (model, model.without_counts())]
        mixed, alone = best_seconds(*both, rounds=2, clock=time.process_time)
        rates = f"{len(lines) / mixed:,.0f} | {len(lines) / alone:,.0f} | {alone / mixed:.2f}"
        print(f"| {model.name} | {rates} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        with_counts(sys.argv[1::2], sys.argv[2::2])
    else:
        main()
