"""All cells on one corpus for equal minutes: what each has learned, how fast it reads, and its curve as a picture.

    python benchmarks/cells.py [CORPUS [MINUTES [SEED ...]]]     default: corpora/cats.txt 1 0 1 2

Each cell is trained by `charlm train --cell … --hidden-size 256 --layers 2 --ngram none` with defaults otherwise, in a
process of its own: counts of n-grams would hide what the cells differ in. Bits per character are those of the held-out
part. The picture is cells.svg, in the current folder. Let nothing else run meanwhile.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from curves import Curve, picture

from charlm.registry import names

CORPUS = Path(__file__).parent.parent / "corpora" / "cats.txt"
SIZE = ["--hidden-size", "256", "--layers", "2", "--ngram", "none"]


class Trained(NamedTuple):
    """Result of a run."""

    parameters: int
    characters_per_second: float
    bits: float  # per character, held out
    curve: Curve


def main() -> None:
    corpus, minutes, *seeds = [*sys.argv[1:], *[str(CORPUS), "1"][len(sys.argv) - 1 :]]
    seeds = seeds or ["0", "1", "2"]
    print(f"{Path(corpus).name}, {minutes} minutes each, two layers of 256, seeds {', '.join(seeds)}")
    print("| cell | parameters | characters/s | bits/char of each seed | mean |")
    print("|---|---|---|---|---|", flush=True)
    curves = {}
    for cell in names("nn.cells"):
        runs = [trained(corpus, minutes, cell, seed) for seed in seeds]
        curves[cell] = [run.curve for run in runs]
        each = ", ".join(f"{run.bits:.4f}" for run in runs)
        rate = statistics.mean(run.characters_per_second for run in runs)
        mean = statistics.mean(run.bits for run in runs)
        print(f"| {cell} | {runs[0].parameters:,} | {rate:,.0f} | {each} | {mean:.4f} |", flush=True)
    Path("cells.svg").write_text(picture(curves, "seconds", "bits per character, held out"), encoding="utf-8")


def trained(corpus: str, minutes: str, cell: str, seed: str) -> Trained:
    """Train with the command line."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "m"
        command = ["charlm", "train", corpus, "--minutes", minutes, "--seed", seed, "--cell", cell, *SIZE]
        command += ["--model", str(folder), "--json", "--quiet"]
        done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=True)
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    result = json.loads(done.stdout)
    curve = [(line["seconds"], bits(line["valid"])) for line in lines if "valid" in line]
    return Trained(result["parameters"], result["characters_per_second"], bits(result["validation"]), curve)


def bits(valid: dict[str, float]) -> float:
    """Return bits per known character."""
    return valid.get("bits_per_char_known", valid["bits_per_char"])


if __name__ == "__main__":
    main()
