"""Training steps with the dense and the adaptive readout, and what each has learned after equal minutes.

    python benchmarks/readout.py                                steps: V 1k, 5k, 20k, 50k
    python benchmarks/readout.py CORPUS [MINUTES [SIZE ...]]    by words: 2 minutes, vocabularies of 1,000 to 50,000

The first form prints tokens per second of a GRU of 256 units with an embedding of 64, B 32, T 64, on tokens drawn by
Zipf's law (the k-th with weight 1/k). The second form runs `charlm train --tokenizer word --vocab-size … --readout …`
with defaults otherwise, and prints bits per character of the held-out part. Let nothing else run meanwhile.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from timing import best_seconds

from charlm.config import ModelConfig, TrainConfig
from charlm.data.windows import Batch
from charlm.nn.network import Network
from charlm.registry import names
from charlm.training.learner import Learner

B, T, E, H = 32, 64, 64, 256
SIZES = (1_000, 5_000, 20_000, 50_000)


def main() -> None:
    if len(sys.argv) == 1:
        steps()
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
    torch.set_flush_denormal(True)
    for V in SIZES:
        counts = (1e9 / torch.arange(1, V + 1)).long()
        ids, targets = torch.multinomial(counts.double(), 2 * T * B, replacement=True).view(2, T, B)
        batch = Batch(ids, targets, None, fresh=False)
        learners = [learner(kind, counts) for kind in kinds]
        actions = [lambda each=each, batch=batch: each.step(batch, 1e-3) for each in learners]
        rates = [B * T / seconds for seconds in best_seconds(*actions, rounds=5)]
        print(f"| {V:,} | {' | '.join(f'{rate:,.0f}' for rate in rates)} | {rates[0] / rates[1]:.2f}× |", flush=True)


def learner(readout: str, counts: torch.Tensor) -> Learner:
    shape = ModelConfig(hidden_size=H, layers=1, embedding_size=E, dropout=0.0, readout=readout)
    network = Network(shape, len(counts))
    network.set_output_statistics(counts > 0, counts)
    return Learner(network, TrainConfig())


def trained(corpus: str, minutes: str, size: str, readout: str) -> None:
    """Train with the command line."""
    with tempfile.TemporaryDirectory() as parent:
        command = ["charlm", "train", corpus, "--minutes", minutes, "--tokenizer", "word", "--vocab-size", size]
        command += ["--readout", readout, "--ngram", "none", "--model", f"{parent}/m", "--json", "--quiet"]
        done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    bits = result["validation"].get("bits_per_char_known", result["validation"]["bits_per_char"])
    numbers = f"{result['parameters']:,} | {result['characters_per_second']:,.0f} | {bits:.4f}"
    print(f"| {int(size):,} | {readout} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
