"""How well forecasters continue series: M4 hourly, beside the last value and the last season.

    python benchmarks/tasks_series.py FOLDER [--minutes 10] [--seeds 3] [-- OPTIONS of charlm train]

FOLDER has the files train.csv and test.csv of M4 hourly: a series in each row, and the 48 values that follow it. All
series train one network. It is chosen by the last values of the training part, and forecasts those of test.csv. MASE
divides by the mean error of the last season in the training part. Coverage is the share of values in their interval of
80 %. The interval in brackets is for the seed in the middle, by the bootstrap over series.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from tasks_classify import charlm, processor

_OPTIONS = ("--horizon", "48", "--season", "24")
_FIGURES = ("mase", "smape", "coverage")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    given, options = parser.parse_args(sys.argv[1:end]), sys.argv[end + 1 :]
    print(f"{given.minutes:g} minutes each, {given.seeds} seeds; {processor()}, {torch.get_num_threads()} threads\n")
    with tempfile.TemporaryDirectory() as parent:
        measure(given.folder, Path(parent) / "m", given.minutes, given.seeds, options)


def measure(folder: Path, model: Path, minutes: float, seeds: int, options: list[str]) -> None:
    """Print the table."""
    results: list[dict[str, Any]] = []
    size = 0
    for seed in range(seeds):
        fixed = ["--task", "series", *_OPTIONS, "--minutes", minutes, "--seed", seed, "--overwrite", "-m", model]
        charlm("train", folder / "train.csv", *fixed, *options)
        size = json.loads(charlm("info", model, "--json"))["parameters"]
        results.append(json.loads(charlm("evaluate", folder / "test.csv", "-m", model, "--json")))
    print("| model | parameters | MASE: median, 95 % interval | sMAPE | coverage of 80 % | MASE of all seeds |")
    print("|---|---|---|---|---|---|")
    last = results[0]["naive"]  # figures of the last value, and the seasonal naive answer below them
    for name, figures in {"last value": last, "seasonal naive": last["seasonal naive"]}.items():
        print(f"| {name} | | {figures['mase']:.3f} | {figures['smape']:.2f} | | |")
    middle = sorted(results, key=lambda each: each["mase"])[len(results) // 2]
    low, high = middle["interval"]["mase"]
    every = ", ".join(f"{each['mase']:.3f}" for each in results)
    mase, smape, coverage = (middle[name] for name in _FIGURES)
    print(
        f"| {' '.join(['charlm', *options])} | {size:,} | {mase:.3f} ({low:.3f} to {high:.3f}) | {smape:.2f} |"
        f" {100 * coverage:.0f} % | {every} |"
    )


if __name__ == "__main__":
    main()
