"""Bits per character of charlm and of Kneser-Ney n-grams that learn the same tokens, on the same held-out text.

    python benchmarks/ngram.py MINUTES CORPUS ...

Each corpus is trained by `charlm train CORPUS --minutes MINUTES` with all defaults and seed 0, in a process of its
own. Then n-grams of orders 3 to 8 learn the same training part. The last column is the difference between charlm and
the best of them, with its 95 % interval (paired bootstrap over lines). Let nothing else run while it trains. The
texts of the table:

    charlm corpus get tinyshakespeare
    charlm corpus stdlib > stdlib.txt
    python benchmarks/ngram.py 3 tinyshakespeare.txt stdlib.txt corpora/cats.txt
"""

import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import charlm
from charlm.comparison.baseline import train_ngram
from charlm.comparison.compare import ComparedModel, Comparison, compare
from charlm.config import ModelConfig, TrainConfig
from charlm.nn.probability import log_probabilities
from charlm.tasks.text.preparation import prepare

ORDERS = range(3, 9)


def main() -> None:
    minutes, *corpora = sys.argv[1:]
    orders = "".join(f" kn{order} |" for order in ORDERS)
    print(f"| bits per character | held-out characters | charlm, {minutes} minutes |{orders} charlm less the best |")
    print("|---|---|---|" + "---|" * (len(ORDERS) + 1), flush=True)
    for corpus in corpora:
        print(row(corpus, minutes), flush=True)


def row(corpus: str, minutes: str) -> str:
    model, parts = trained(corpus, minutes), prepare(corpus, ModelConfig(), TrainConfig(), None).split
    held_out = ["".join(f"{line}\n" for line in parts.valid)] if model.line else list(parts.valid)
    own = ComparedModel("charlm", model.tokenizer, model.line, partial(log_probabilities, model.network))
    comparisons: list[Comparison] = []
    for order in ORDERS:
        ngram = train_ngram(model, order, parts.train)
        other = ComparedModel(f"kn{order}", model.tokenizer, model.line, ngram.log_probabilities)
        comparisons.append(compare(own, other, held_out))
    best = min(comparisons, key=lambda each: each.bits_per_char[1])
    low, high = best.interval or (float("nan"), float("nan"))
    figures = "".join(f" {each.bits_per_char[1]:.4f} |" for each in comparisons)
    sure = f"{best.difference:+.4f}, from {low:+.4f} to {high:+.4f}"
    return f"| {Path(corpus).name} | {best.characters:,} | {best.bits_per_char[0]:.4f} |{figures} {sure} |"


def trained(corpus: str, minutes: str) -> charlm.LanguageModel:
    with tempfile.TemporaryDirectory() as parent:
        command = ["charlm", "train", corpus, "--minutes", minutes, "--model", f"{parent}/m", "--json", "--quiet"]
        done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=True)
        return charlm.load(json.loads(done.stdout)["model"])


if __name__ == "__main__":
    main()
