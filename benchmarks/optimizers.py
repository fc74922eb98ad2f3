"""AdamW and SOAP: the time of a training step, and how good the models are after equal minutes.

    python benchmarks/optimizers.py
    python benchmarks/optimizers.py MINUTES CORPUS ... [--seeds 3] [--option NAME=VALUE ...]

The first form prints the milliseconds of a step with each optimizer, for networks of several sizes at V 65, B 32, T 64.
The second form runs `charlm train CORPUS --minutes MINUTES` with each optimizer in turn, for each seed. It prints bits
per character of the held-out part, of the model and of its network alone, for the seed in the middle. An option is one
of `train`, such as cell=lstm or ngram=none. Let nothing else run meanwhile.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import torch
from tasks_classify import processor
from timing import best_seconds, conditions

from charlm.config import ModelConfig, TrainConfig
from charlm.data.windows import Batch
from charlm.nn.network import Network
from charlm.training.learner import Learner

V, B, T, E = 65, 32, 64, 64
SHAPES = (("gru", 128, 1), ("gru", 256, 1), ("gru", 256, 2), ("lstm", 256, 2), ("gru", 512, 2))
OPTIMIZERS = ("adamw", "soap")
STEPS = 20  # SOAP turns its bases once in so many


class Row(NamedTuple):
    """Bits per character of the held-out part, and steps."""

    bits: float
    network: float
    steps: int


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("minutes", type=float, nargs="?")
    parser.add_argument("corpora", nargs="*")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--option", action="append", default=[])
    given = parser.parse_args()
    print(f"{processor()}; {conditions()}\n", flush=True)
    if given.minutes is None:
        time_steps()
    else:
        compare(given.minutes, given.corpora, given.seeds, given.option)


def time_steps() -> None:
    print(f"| cell | H | layers | {' | '.join(f'{name}, ms' for name in OPTIMIZERS)} | ratio |\n{'|---' * 6}|")
    torch.set_flush_denormal(True)
    ids, targets = torch.randint(3, V, (2, T, B))
    batch = Batch(ids, targets, None, fresh=False)
    for cell, H, layers in SHAPES:
        shape = ModelConfig(cell=cell, hidden_size=H, layers=layers, embedding_size=E, dropout=0.0, sequence="stream")
        learners = [Learner(Network(shape, V), TrainConfig(optimizer=name)) for name in OPTIMIZERS]
        rounds = [lambda learner=learner: [learner.step(batch, 1e-3) for _ in range(STEPS)] for learner in learners]
        seconds = best_seconds(*rounds, rounds=6)
        times = " | ".join(f"{1000 * each / STEPS:.1f}" for each in seconds)
        print(f"| {cell} | {H} | {layers} | {times} | {seconds[1] / seconds[0]:.3f} |", flush=True)


def compare(minutes: float, corpora: list[str], seeds: int, options: list[str]) -> None:
    heads = [f"{name}, {what}" for name in OPTIMIZERS for what in ("bits", "network", "steps")]
    print(f"| corpus | {' | '.join(heads)} | change | all seeds |\n{'|---' * (len(heads) + 3)}|", flush=True)
    for corpus in corpora:
        rows: dict[str, list[Row]] = {name: [] for name in OPTIMIZERS}
        for seed in range(seeds):
            for name in OPTIMIZERS:
                rows[name].append(trained(corpus, minutes, [f"optimizer={name}", f"seed={seed}", *options]))
        middle = [sorted(each)[seeds // 2] for each in rows.values()]
        cells = [f"{row.bits:.4f} | {row.network:.4f} | {row.steps:,}" for row in middle]
        every = "; ".join(" ".join(f"{row.bits:.4f}" for row in each) for each in rows.values())
        change = middle[1].bits / middle[0].bits - 1
        print(f"| {Path(corpus).name} | {' | '.join(cells)} | {change:+.1%} | {every} |", flush=True)


def trained(corpus: str, minutes: float, options: list[str]) -> Row:
    """Train in a process of its own."""
    with tempfile.TemporaryDirectory() as parent:
        command = [sys.executable, "-m", "charlm", "train", str(Path(corpus).resolve()), f"--minutes={minutes}"]
        command += [f"--{option}" for option in options]
        command += ["--model=./m", "--json", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=parent)
    result = json.loads(done.stdout)
    figures = result["validation"]
    bits = figures["bits_per_char"]
    return Row(bits, figures.get("network_bits_per_char", bits), result["steps"])


if __name__ == "__main__":
    main()
