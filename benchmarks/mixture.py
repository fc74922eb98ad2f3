"""What counts add to a network in the same minutes: bits per character of both, of each alone, and of n-grams.

    python benchmarks/mixture.py MINUTES CORPUS ... [--seeds 3] [--before PYTHON] [--orders 5 6 7 8 10 12]

Each corpus is trained by `charlm train CORPUS --minutes MINUTES` with all defaults, once for each seed. The figures are
those of its held-out part, without unknown characters, and of the seed in the middle. With --before, the Python of
another environment trains an earlier charlm with the same arguments, in turn. "n-grams" is the best of the orders as
charlm stores counts, "all n-grams" the highest order without a limit. "than kn8" is what `charlm compare MODEL kn8`
prints for the held-out part: the difference in bits per character, and its 95 % interval where the text has several
lines. The last two columns are of 10 samples of 2,000 characters at temperature 0.8, by the mixture and by its network
alone: the longest stretch that is copied from the training part, in characters, and the share of 8-grams that are new.
Let nothing else run meanwhile.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tasks_classify import processor

import charlm
from charlm.comparison.novelty import novelty
from charlm.config import ModelConfig, TextMode, TrainConfig
from charlm.counts import Counts, CountSettings
from charlm.tasks.text.dataset import TextDataset
from charlm.tasks.text.preparation import prepare

FIGURES = ("before", "both", "all seeds", "change", "network", "counts", "n-grams", "all n-grams", "than kn8")
HEAD = ("corpus", "minutes", *FIGURES, "model, MB", "copied, new", "by the network")
SAMPLES, LENGTH, TEMPERATURE = 10, 2000, 0.8


class Row(NamedTuple):
    """Bits per character of the held-out part, bytes of the model, and the comparison and novelty in words."""

    both: float
    network: float | None
    counts: float | None
    than_kn8: str
    size: int
    novelty: str
    novelty_alone: str


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("minutes", type=float)
    parser.add_argument("corpora", nargs="+")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--before", help="the Python of an environment with an earlier charlm")
    parser.add_argument("--orders", type=int, nargs="+", default=[5, 6, 7, 8, 10, 12])
    given = parser.parse_args()
    print(f"{given.seeds} seeds; {processor()}, {torch.get_num_threads()} threads\n")
    print(f"| {' | '.join(HEAD)} |\n{'|---' * len(HEAD)}|", flush=True)
    for corpus in given.corpora:
        data = prepare(corpus, ModelConfig(ngram="none"), TrainConfig(), None)
        earlier, rows = [], []
        for seed in range(given.seeds):
            if given.before:
                earlier.append(trained(given.before, corpus, given.minutes, seed, data=None).both)
            rows.append(trained(sys.executable, corpus, given.minutes, seed, data))
        row = sorted(rows, key=lambda each: each.both)[len(rows) // 2]
        before = statistics.median_low(earlier) if earlier else None
        stored = min(ngrams(data, order, CountSettings.limit) for order in given.orders)
        cells = (
            *(number(before), number(row.both), ", ".join(number(each.both) for each in rows)),
            "" if before is None else f"{row.both / before - 1:+.1%}",
            *map(number, (row.network, row.counts, stored, ngrams(data, max(given.orders), 0))),
            *(row.than_kn8, f"{row.size / 1e6:.1f}", row.novelty, row.novelty_alone),
        )
        print(f"| {Path(corpus).name} | {given.minutes:g} | {' | '.join(cells)} |", flush=True)


def trained(python: str, corpus: str, minutes: float, seed: int, data: TextDataset | None) -> Row:
    """Train in a process of its own; `data` is the corpus, for the novelty, or None if that is not asked for."""
    with tempfile.TemporaryDirectory() as parent:
        command = [python, "-m", "charlm", "train", str(Path(corpus).resolve()), f"--minutes={minutes}"]
        command += [f"--seed={seed}", "--model=./m", "--json", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=parent)
        figures = json.loads(done.stdout)["validation"]
        folder = Path(parent) / "m"
        size = sum(each.stat().st_size for each in folder.glob("*.safetensors"))
        network, counts = (figures.get(f"{name}_bits_per_char") for name in ("network", "counts"))
        both = figures.get("bits_per_char_known", figures["bits_per_char"])
        if data is None:
            return Row(both, network, counts, "", size, "", "")
        model = charlm.load(folder)
        assert isinstance(model, charlm.LanguageModel)
        new, new_alone = (how_new(each, data) for each in (model, model.without_counts()))
        return Row(both, network, counts, beside_kn8(folder, data), size, new, new_alone)


def beside_kn8(folder: Path, data: TextDataset) -> str:
    """Compare the model with an n-gram of order 8 on the held-out part."""
    held_out = folder.with_name("held-out.txt")
    held_out.write_text("\n".join(data.split.valid), encoding="utf-8", newline="")
    command = [sys.executable, "-m", "charlm", "compare", str(folder), "kn8", f"--file={held_out}", "--json", "--quiet"]
    result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    interval = "" if result["interval"] is None else " ({:+.3f} to {:+.3f})".format(*result["interval"])
    return f"{result['difference']:+.3f}{interval}"


def how_new(model: charlm.LanguageModel, data: TextDataset) -> str:
    samples = model.sample(count=SAMPLES, length=LENGTH, temperature=TEMPERATURE, seed=1)
    results = novelty([sample.text for sample in samples], data.split.train.groups())
    new = [each.novel_8grams for each in results if each.novel_8grams is not None]
    share = f"{statistics.mean(new):.0%}" if new else "none so long"
    return f"{statistics.median(each.longest_copied for each in results):.0f}, {share}"


def ngrams(data: TextDataset, order: int, limit: int) -> float:
    """Return the bits per character of the held-out part by n-grams alone."""
    lines = data.mode == TextMode.LINE
    settings = CountSettings(order=order, limit=limit)
    counts = Counts.of(data.ring.targets, data.ring.starts, data.allowed_tokens, settings)
    rows = [data.tokenizer.sequence(data.tokenizer.encode(text), eos=lines) for text in data.split.valid]
    logprobs = np.concatenate(counts.log_probabilities(rows))
    characters = data.split.characters(data.split.valid)
    return -float(logprobs[np.isfinite(logprobs)].sum()) / (math.log(2) * characters)


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


if __name__ == "__main__":
    main()
