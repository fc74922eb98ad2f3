"""How near a model comes to the truth: cats.txt is drawn from a grammar with known probabilities.

    python benchmarks/cats.py [SECONDS ...]       default: 20 60 180

Scores the same held-out lines with the source itself and with models trained for that many seconds, with all defaults
and seed 0. The first row is the exact entropy of the source: its mean cost over all lines that it can produce.
"""

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import charlm
from charlm.config import ModelConfig, TrainConfig
from charlm.tasks.text.preparation import prepare

CORPORA = Path(__file__).parent.parent / "corpora"


def main() -> None:
    source, corpus = grammar(), CORPORA / "cats.txt"
    held_out = prepare(corpus, ModelConfig(), TrainConfig(), None).split.valid
    own = source.bits_per_char(held_out)
    print(f"| {len(held_out):,} held-out lines of cats.txt | bits/char | above the source |")
    print("|---|---|---|")
    print(f"| entropy of the source, exact | {source.entropy().bits_per_char:.4f} | |")
    print(f"| the source itself | {own:.4f} | |", flush=True)
    for seconds in sys.argv[1:] or ["20", "60", "180"]:
        bits = trained(corpus, float(seconds), held_out)
        print(f"| charlm after {seconds} s | {bits:.4f} | {bits / own - 1:.1%} |", flush=True)


def grammar() -> ModuleType:
    """Import corpora/cats.py, which is not a package."""
    where = importlib.util.spec_from_file_location("cats_source", CORPORA / "cats.py")
    assert where and where.loader
    module = importlib.util.module_from_spec(where)
    sys.modules["cats_source"] = module
    where.loader.exec_module(module)
    return module


def trained(corpus: Path, seconds: float, held_out: tuple[str, ...]) -> float:
    """Return bits per character of a model after that many seconds for the whole command."""
    with tempfile.TemporaryDirectory() as parent:
        budget = ["--minutes", str(seconds / 60), "--model", f"{parent}/m", "--quiet", "--json"]
        command = [sys.executable, "-m", "charlm", "train", str(corpus), *budget]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        evaluation = charlm.load(json.loads(done.stdout)["model"]).evaluate("".join(f"{line}\n" for line in held_out))
    assert evaluation.bits_per_char is not None
    return evaluation.bits_per_char


if __name__ == "__main__":
    main()
