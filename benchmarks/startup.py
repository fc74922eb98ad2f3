"""Seconds of `charlm score` of one sentence and of `charlm --help`, against importing what they need."""

import subprocess
import sys
import tempfile
from pathlib import Path

from timing import best_seconds

CHARLM = [sys.executable, "-m", "charlm"]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:

        def run(*command: str) -> None:
            subprocess.run(command, cwd=folder, check=True, capture_output=True)

        Path(folder, "corpus.txt").write_text("the cat sat on the mat\n" * 500, encoding="utf-8")
        run(*CHARLM, "train", "corpus.txt", "--steps", "5", "--hidden-size", "256", "--layers", "2")
        score, torch, usage, typer = best_seconds(
            lambda: run(*CHARLM, "score", "the cat sat"),
            lambda: run(sys.executable, "-c", "import torch"),
            lambda: run(*CHARLM, "--help"),
            lambda: run(sys.executable, "-c", "import typer, rich.panel"),
            rounds=6,
        )
    print(f"charlm score: {score:.2f} s; import torch: {torch:.2f} s; over 1.2 × that by {score - 1.2 * torch:.2f} s")
    print(f"charlm --help: {usage:.3f} s; import typer, rich.panel: {typer:.3f} s; ratio {usage / typer:.2f}")


if __name__ == "__main__":
    main()
