"""Tokens per second of sampling from a 2×256 character model, against a plain loop over torch's nn.GRU.

    python benchmarks/sampling.py [MODEL ...]

Both draw 500 tokens at temperature 0.8 from random weights. charlm uses LanguageModel.sample, probabilities included.
Instead of that, each MODEL, trained with --ngram, draws with its counts and without, on one thread, in seconds of the
processor.
"""

import sys
import time

import torch
from timing import best_seconds
from torch import nn

import charlm
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


def with_counts(names: list[str]) -> None:
    torch.set_num_threads(1)
    print("\n| model | streams | with counts, tokens/s | without | ratio |")
    print("|---|---|---|---|---|")
    for name in names:
        model = charlm.load(name)
        for rows in (1, 64):
            tokens = {}

            def draw(model: LanguageModel, rows: int, tokens: dict[bool, int]) -> None:
                lines = 20 if model.line and rows == 1 else 4 if model.line else 1  # which end before 500 tokens
                samples = [
                    sample
                    for seed in range(lines)
                    for sample in model.sample(length=LENGTH, count=rows, temperature=0.8, seed=seed)
                ]
                tokens[model.config.ngram == "none"] = sum(sample.tokens for sample in samples)

            models = (model, model.without_counts())
            seconds = best_seconds(
                *(lambda each=each, rows=rows, tokens=tokens: draw(each, rows, tokens) for each in models),
                rounds=4,
                clock=time.process_time,
            )
            mixed, alone = tokens[False] / seconds[0], tokens[True] / seconds[1]
            print(f"| {model.name} | {rows} | {mixed:,.0f} | {alone:,.0f} | {mixed / alone:.2f} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        with_counts(sys.argv[1:])
    else:
        main()
