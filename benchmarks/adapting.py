"""What a model gains by adapting to the text it reads: by dynamic evaluation, by a neural cache, and by both.

    python benchmarks/adapting.py MINUTES CORPUS [CORPUS ...]

Each corpus is trained by `charlm train CORPUS --minutes MINUTES` in a process of its own. Then one thread reads the
second half of the held-out text from start to end, without adapting and with each method. The constants in
`charlm/scoring/adaptation/` were tuned on the first half. Let nothing else run meanwhile.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

import charlm
from charlm.config import ModelConfig, TrainConfig
from charlm.tasks.text.preparation import prepare

WAYS = [("dynamic",), ("cache",), ("dynamic", "cache")]


def main() -> None:
    minutes, *corpora = sys.argv[1:]
    torch.set_num_threads(1)
    print(f"{minutes} minutes of training each")
    print("| corpus | characters read | how | bits/char | gain | characters/s |\n|---|---|---|---|---|---|", flush=True)
    for corpus in corpora:
        prepared = prepare(corpus, ModelConfig(), TrainConfig(), None)
        held_out = prepared.split.valid
        if prepared.mode == "line":
            text = "".join(f"{line}\n" for line in held_out[len(held_out) // 2 :])
        else:
            text = held_out[0][len(held_out[0]) // 2 :]
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent) / "m"
            command = [sys.executable, "-m", "charlm", "train", corpus, "--minutes", minutes, "--model", str(folder)]
            subprocess.run([*command, "--quiet"], check=True, stdout=subprocess.DEVNULL)
            model = charlm.load(folder)
        plain, speed = read(model, text)
        print(f"| {Path(corpus).name} | {len(text):,} | not adapting | {plain:.4f} | | {speed:,.0f} |", flush=True)
        for ways in WAYS:
            bits, speed = read(model.adapted(*ways), text)
            print(f"| | | {' + '.join(ways)} | {bits:.4f} | {plain - bits:.4f} | {speed:,.0f} |", flush=True)


def read(model: charlm.LanguageModel, text: str) -> tuple[float, float]:
    """Return bits per known character, and characters per second."""
    before = time.perf_counter()
    evaluation = model.evaluate(text)
    return evaluation.bits_per_char_known or 0.0, len(text) / (time.perf_counter() - before)


if __name__ == "__main__":
    main()
