"""Characters per second of the page of `charlm export html` in Chromium, next to `charlm sample` on one thread.

    python benchmarks/writing_page.py

The networks have random weights, two layers of 256, and 62 characters. Both draw 2,000 characters, and the page also
shows them. The seconds of the page are those in which its thread computes. The best of three runs counts, after one in
which the browser compiles the page.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from tasks_classify import processor
from timing import best_seconds

from charlm.pages.writing_page import page
from charlm.tokenizers import Tokenizer
from charlm.tokenizers.char import CharTokenizer

SUPPORT = Path(__file__).parents[1] / "tests" / "support"
CELLS = ("rnn", "gru", "lstm")
LENGTH, RUNS = 2000, 3
LETTERS = CharTokenizer("".join(map(chr, range(32, 94))))


def main() -> None:
    sys.path.insert(0, str(SUPPORT))
    from chromium import PROGRAM, Chromium

    torch.set_num_threads(1)
    version = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{version}; {processor()}\n")
    print("| cell | page, characters/s | `charlm sample`, characters/s | ratio |\n|---|---|---|---|")
    with TemporaryDirectory() as folder:
        browser = Chromium(Path(folder))
        try:
            for cell in CELLS:
                measure(browser, Path(folder) / f"{cell}.html", cell)
        finally:
            browser.close()


def measure(browser: Any, file: Path, cell: str) -> None:
    """Print the row of a cell, with `browser` from tests/support/chromium.py."""
    from random_models import random_model

    model = random_model({"cell": cell, "hidden_size": 256, "layers": 2, "embedding_size": 256}, LETTERS)
    model.network.allowed_tokens[Tokenizer.EOS] = False
    file.write_text(page(model), encoding="utf-8")
    tab = browser.open(file)
    tab.value(f"document.getElementById('length').value = {LENGTH}")
    (by_page,) = best_seconds(lambda: tab.value("charlm.proceed()"), rounds=RUNS, clock=lambda: tab.computing)
    (by_charlm,) = best_seconds(lambda: model.sample(length=LENGTH, seed=1), rounds=RUNS)
    ratio = by_charlm / by_page
    print(f"| {cell} | {LENGTH / by_page:,.0f} | {LENGTH / by_charlm:,.0f} | {ratio:.3f} |", flush=True)


if __name__ == "__main__":
    main()
