"""Training steps with the dense and the adaptive readout, and what each has learned after equal minutes.

    python benchmarks/readout.py                                steps: V 1k, 5k, 20k, 50k
    python benchmarks/readout.py CORPUS [MINUTES [SIZE ...]]    by words: 2 minutes, vocabularies of 1,000 to 50,000
    python benchmarks/readout.py characters CORPUS [STEPS]      by characters: 500 steps

The first form prints tokens per second of a GRU of 256 units with an embedding of 64, B 32, T 64, on tokens drawn by
Zipf's law (the k-th with weight 1/k). The second form runs `charlm train --tokenizer word --vocab-size … --readout …`
with defaults otherwise, and prints bits per character of the held-out part. The third form draws characters as often as
they occur in the text, and prints the processor time of a step with one thread, for the dense readout, for the one that
`auto` chooses, and for an adaptive one with the usual groups. Then it trains each of them for some steps with `charlm
train --layers 1 --hidden-size 256`. Let nothing else run meanwhile.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from timing import best_seconds

from charlm.config import ModelConfig, TrainConfig
from charlm.data.windows import Batch
from charlm.nn.network import Network
from charlm.nn.readouts import choose
from charlm.registry import names
from charlm.tasks.text.preparation import prepare
from charlm.training.learner import Learner

B, T, E, H = 32, 64, 64, 256
SIZES = (1_000, 5_000, 20_000, 50_000)


def main() -> None:
    if len(sys.argv) == 1:
        steps()
        return
    if sys.argv[1] == "characters":
        characters(*sys.argv[2:])
        return
    corpus, minutes, *sizes = [*sys.argv[1:], *["", "2"][len(sys.argv) - 1 :]]
    print(
        f"{Path(corpus).name} by words, {minutes} minutes each\n| V | readout | parameters | characters/s | bits/char |"
    )
    print("|---|---|---|---|---|", flush=True)
    for size in sizes or map(str, SIZES):
        for readout in names("nn.readouts"):
            trained(corpus, minutes, size, readout)


def steps() -> None:
    print(f"training step, gru, H {H}, E {E}, B {B}, T {T}, {torch.get_num_threads()} threads")
    kinds = names("nn.readouts")
    print(f"| V | {' | '.join(f'{kind}, tokens/s' for kind in kinds)} | {kinds[0]} / {kinds[1]} |")
    print("|---|---|---|---|", flush=True)
    for V in SIZES:
        counts = (1e9 / torch.arange(1, V + 1)).long()
        rates = [B * T / seconds for seconds in step_seconds(counts, [{"readout": kind} for kind in kinds])]
        print(f"| {V:,} | {' | '.join(f'{rate:,.0f}' for rate in rates)} | {rates[0] / rates[1]:.2f}× |", flush=True)


def step_seconds(
    counts: torch.Tensor, shapes: list[dict[str, Any]], clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Return the seconds of a step of each network, on tokens drawn by their counts."""
    torch.set_flush_denormal(True)
    ids, targets = torch.multinomial(counts.double(), 2 * T * B, replacement=True).view(2, T, B)
    batch = Batch(ids, targets, None, fresh=False)
    learners = [learner(counts, shape) for shape in shapes]
    actions = [lambda each=each: each.step(batch, 1e-3) for each in learners]
    return best_seconds(*actions, rounds=5, clock=clock)


def learner(counts: torch.Tensor, settings: dict[str, Any]) -> Learner:
    shape = ModelConfig(hidden_size=H, layers=1, embedding_size=E, dropout=0.0, ngram="none", **settings)
    network = Network(shape, len(counts))
    network.set_output_statistics(counts > 0, counts)
    return Learner(network, TrainConfig())


def characters(corpus: str, steps: str = "500") -> None:
    torch.set_num_threads(1)
    counts = prepare(corpus, ModelConfig(ngram="none"), TrainConfig(), None).counts
    chosen = choose(ModelConfig(hidden_size=H), counts)
    print(f"{Path(corpus).name}: V {len(counts)}, of which auto puts {chosen.shortlist} in the shortlist; seed 0")
    print(f"| readout | ms/step | parameters | bits/char after {steps} steps |\n|---|---|---|---|", flush=True)
    shapes = {
        "dense": {"readout": "dense"},
        "auto": {"readout": chosen.readout, "shortlist": chosen.shortlist},
        "adaptive": {"readout": "adaptive"},
    }
    seconds = step_seconds(torch.from_numpy(counts), list(shapes.values()), clock=time.process_time)
    size = ("--layers", "1", "--hidden-size", str(H), "--threads", "1")
    for readout, each in zip(shapes, seconds, strict=True):
        result, bits = train(corpus, readout, "--steps", steps, *size)
        print(f"| {readout} | {1000 * each:.1f} | {result['parameters']:,} | {bits:.4f} |", flush=True)


def trained(corpus: str, minutes: str, size: str, readout: str) -> None:
    """Train by words."""
    result, bits = train(corpus, readout, "--minutes", minutes, "--tokenizer", "word", "--vocab-size", size)
    numbers = f"{result['parameters']:,} | {result['characters_per_second']:,.0f} | {bits:.4f}"
    print(f"| {int(size):,} | {readout} | {numbers} |", flush=True)


def train(corpus: str, readout: str, *options: str) -> tuple[dict[str, Any], float]:
    """Train with the command line, and return its result and the bits per known character."""
    with tempfile.TemporaryDirectory() as parent:
        command = ["charlm", "train", corpus, *options]
        command += ["--readout", readout, "--ngram", "none", "--model", f"{parent}/m", "--json", "--quiet"]
        done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    bits = result["validation"].get("bits_per_char_known", result["validation"]["bits_per_char"])
    return result, bits


if __name__ == "__main__":
    main()
