"""How good a model is after some minutes with all defaults, on any text, by both protocols and for several seeds.

    python benchmarks/quality.py CORPUS MINUTES [SEED ...]

Each seed is trained by `charlm train CORPUS --minutes MINUTES --seed SEED` in a process of its own. The table shows
the evaluation of the held-out part, read as one running text and in independent windows of 256 (streams only). Let
nothing else run meanwhile.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import charlm
from charlm.checkpoints.checkpoint import describe
from charlm.config import ModelConfig, TrainConfig
from charlm.tasks.text.dataset import TextDataset
from charlm.tasks.text.preparation import prepare


def main() -> None:
    corpus, minutes, *seeds = sys.argv[1:]
    prepared = prepare(corpus, ModelConfig(), TrainConfig(), None)
    print(f"{Path(corpus).name}: {len(prepared.ring.targets):,} tokens for training, {minutes} minutes")
    print("| seed | network | parameters | steps | passes | seconds | nats/token | bits/char | nats, window 256 |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for seed in seeds or ["0"]:
        print(row(corpus, minutes, seed, prepared), flush=True)


def row(corpus: str, minutes: str, seed: str, prepared: TextDataset) -> str:
    lines, held_out = prepared.mode == "line", prepared.split.valid
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "m"
        command = ["charlm", "train", corpus, "--minutes", minutes, "--seed", seed, "--model", str(folder), "--json"]
        done = subprocess.run([sys.executable, "-m", *command, "--quiet"], capture_output=True, text=True, check=True)
        result, info, model = json.loads(done.stdout), describe(folder), charlm.load(folder)
        text = "".join(f"{line}\n" for line in held_out) if lines else held_out[0]
        evaluation = model.evaluate(text)
        windows = "" if lines else f"{model.evaluate(text, window=256).known_nats_per_token:.4f}"
    shape, train = info["config"], info["plan"]["train"]
    passes = info["steps"] * train["batch_size"] * train["seq_len"] / len(prepared.ring.targets)
    dropout = f", dropout {shape['dropout']:g}" if shape["dropout"] else ""
    return (
        f"| {seed} | {shape['layers']} × {shape['hidden_size']} {shape['cell']}{dropout} | {info['parameters']:,} |"
        f" {info['step']:,} of {info['steps']:,} | {passes:.1f} | {result['seconds']:.0f} |"
        f" {evaluation.known_nats_per_token:.4f} | {evaluation.bits_per_char_known:.4f} | {windows} |"
    )


if __name__ == "__main__":
    main()
