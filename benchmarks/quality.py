"""How good a model is after so many minutes with all defaults, on any text, by both protocols and for several seeds.

    python benchmarks/quality.py CORPUS MINUTES [SEED ...]

It trains by `charlm train CORPUS --minutes MINUTES --seed SEED` in a process of its own, and prints what `evaluate`
says of the held-out part: read as one running text, and in independent windows of 256 (streams only). Nothing else
should run meanwhile.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import charlm
from charlm.checkpoints.checkpoint import describe
from charlm.config import ModelConfig, TrainConfig
from charlm.tasks.language import Dataset, prepare


def main() -> None:
    corpus, minutes, *seeds = sys.argv[1:]
    prepared = prepare(corpus, ModelConfig(), TrainConfig(), None)
    print(f"{Path(corpus).name}: {len(prepared.ring.targets):,} symbols to learn, {minutes} minutes")
    print("| seed | network | parameters | steps | passes | seconds | nats/token | bits/char | nats, window 256 |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for seed in seeds or ["0"]:
        print(row(corpus, minutes, seed, prepared), flush=True)


def row(corpus: str, minutes: str, seed: str, prepared: Dataset) -> str:
    lines, held_out = prepared.sequence == "line", prepared.parts.valid
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "m"
        command = ["charlm", "train", corpus, "--minutes", minutes, "--seed", seed, "--model", str(folder), "--json"]
        done = subprocess.run([sys.executable, "-m", *command, "--quiet"], capture_output=True, text=True, check=True)
        result, told, model = json.loads(done.stdout), describe(folder), charlm.load(folder)
        text = "".join(f"{line}\n" for line in held_out) if lines else held_out[0]
        found = model.evaluate(text)
        windows = "" if lines else f"{model.evaluate(text, window=256).known_nats_per_token:.4f}"
    shape, train = told["config"], told["plan"]["train"]
    passes = told["steps"] * train["batch_size"] * train["seq_len"] / len(prepared.ring.targets)
    dropout = f", dropout {shape['dropout']:g}" if shape["dropout"] else ""
    return (
        f"| {seed} | {shape['layers']} × {shape['hidden_size']} {shape['cell']}{dropout} | {told['parameters']:,} |"
        f" {told['step']:,} of {told['steps']:,} | {passes:.1f} | {result['seconds']:.0f} |"
        f" {found.known_nats_per_token:.4f} | {found.bits_per_char_known:.4f} | {windows} |"
    )


if __name__ == "__main__":
    main()
