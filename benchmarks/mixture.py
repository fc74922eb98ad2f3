"""What counts add to a network in the same minutes: bits per character of the network, the counts, and both.

    python benchmarks/mixture.py MINUTES CORPUS ... [--seeds 3] [--orders 8 12]

Each corpus is trained by `charlm train CORPUS --minutes MINUTES` with all defaults, and again with --ngram for each
order. "network in the mixture" is the network of the mixture when it predicts alone. The figures are those of the seed
in the middle, on the part that charlm holds out. Let nothing else run meanwhile.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tasks_classify import processor

import charlm
from charlm.config import ModelConfig, TrainConfig
from charlm.nn.mixed import MixedNetwork
from charlm.scoring.evaluation import evaluate
from charlm.tasks.text.preparation import prepare


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("minutes", type=float)
    parser.add_argument("corpora", nargs="+")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--orders", type=int, nargs="+", default=[8, 12])
    given = parser.parse_args()
    print(f"{given.minutes:g} minutes each, {given.seeds} seeds; {processor()}, {torch.get_num_threads()} threads\n")
    print("| corpus | --ngram | both | network in the mixture | counts alone | both, all seeds | model, MB |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for corpus in given.corpora:
        for order in ("none", *map(str, given.orders)):
            rows = sorted((row(corpus, given.minutes, order, seed) for seed in range(given.seeds)), key=lambda r: r[0])
            both, alone, counted, size = rows[len(rows) // 2]
            every = ", ".join(f"{each[0]:.4f}" for each in rows)
            counts = "" if counted is None else f"{counted:.4f}"
            own = "" if counted is None else f"{alone:.4f}"
            cells = f"{order} | {both:.4f} | {own} | {counts} | {every} | {size / 1e6:.1f}"
            print(f"| {Path(corpus).name} | {cells} |", flush=True)


def row(corpus: str, minutes: float, order: str, seed: int) -> tuple[float, float, float | None, int]:
    """Return the bits per character of the model, its network and its counts, and the bytes of its folder."""
    with tempfile.TemporaryDirectory() as parent:
        command = ["charlm", "train", corpus, "--minutes", str(minutes), "--seed", str(seed), "--ngram", order]
        given = [sys.executable, "-m", *command, "--model", f"{parent}/m", "--json", "--quiet"]
        done = subprocess.run(given, capture_output=True, text=True, check=True)
        folder = Path(json.loads(done.stdout)["model"])
        model = charlm.load(folder)
        size = sum(each.stat().st_size for each in folder.glob("*.safetensors"))
    split = prepare(corpus, ModelConfig(), TrainConfig(), None).split
    both, alone = (bits(each, split.valid) for each in (model, model.without_counts()))
    counted = None
    if isinstance(model.network, MixedNetwork):
        held_out = [model.tokenizer.sequence(model.tokenizer.encode(text), eos=model.line) for text in split.valid]
        logprobs = np.concatenate(model.network.counts.log_probabilities(held_out))
        counted = -float(logprobs[np.isfinite(logprobs)].sum()) / (math.log(2) * split.characters(split.valid))
    return both, alone, counted, size


def bits(model: charlm.LanguageModel, held_out: Any) -> float:
    (figures,) = evaluate(model.network, model.tokenizer, model.mode, [held_out])
    assert figures.bits_per_char is not None
    return figures.bits_per_char


if __name__ == "__main__":
    main()
