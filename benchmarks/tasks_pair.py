"""How well models of pairs answer: pronunciations of five languages, and sums of two numbers of three digits.

    python benchmarks/tasks_pair.py FOLDER [--minutes 10] [--seeds 3] [--only hun sums ...] [-- OPTIONS of charlm train]

FOLDER has a word and its pronunciation on each line of LANGUAGE_train.tsv, LANGUAGE_dev.tsv and LANGUAGE_test.tsv. The
sums are drawn here: 45,000 to learn, and 5,000 others, whose two numbers occur in no sum that is learned, in either
order. A question is written from its end, as 321+654 for 456+123. The figure is the share of answers that are wrong
(word error rate), or right (sums); an answer is wrong if one symbol is. Each model gets the same minutes. The interval
in brackets is for the seed in the middle, by the bootstrap over sources.
"""

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from tasks_classify import charlm, processor

LANGUAGES = ("hun", "arm_e", "fre", "dut", "eng_us")
SUMS = "sums"
_SUMS, _HELD_OUT = 50_000, 5_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[*LANGUAGES, SUMS])
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    given, options = parser.parse_args(sys.argv[1:end]), sys.argv[end + 1 :]
    print(f"{given.minutes:g} minutes each, {given.seeds} seeds; {processor()}, {torch.get_num_threads()} threads\n")
    print("| data | parameters | figure: median, 95 % interval | all seeds |\n|---|---|---|---|")
    for name in given.only:
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent) if name == SUMS else given.folder
            if name == SUMS:
                write_sums(folder)
            measure(name, folder, Path(parent) / "m", given.minutes, given.seeds, options)


def write_sums(folder: Path) -> None:
    """Write sums to learn, and others to validate and to test."""
    drawn = random.Random(0)
    sums: dict[tuple[int, int], str] = {}
    while len(sums) < _SUMS:
        one, other = drawn.randrange(1000), drawn.randrange(1000)
        line = f"{f'{one}+{other}'[::-1]}\t{one + other}\n"
        sums.setdefault((min(one, other), max(one, other)), line)
    lines = list(sums.values())
    half = _HELD_OUT // 2
    parts = {"dev": lines[:half], "test": lines[half:_HELD_OUT], "train": lines[_HELD_OUT:]}
    for part, some in parts.items():
        (folder / f"{SUMS}_{part}.tsv").write_text("".join(some))


def measure(name: str, folder: Path, model: Path, minutes: float, seeds: int, options: list[str]) -> None:
    """Print the row of a set."""
    train, dev, test = (folder / f"{name}_{part}.tsv" for part in ("train", "dev", "test"))
    results: list[dict[str, Any]] = []
    for seed in range(seeds):
        fixed = ["--task", "pair", "--minutes", minutes, "--seed", seed, "--overwrite", "-m", model]
        charlm("train", train, "--valid", dev, *fixed, *options)
        results.append(json.loads(charlm("evaluate", test, "-m", model, "--json")))
    size = json.loads(charlm("info", model, "--json"))["parameters"]
    middle = sorted(results, key=lambda each: each["exact_match"])[len(results) // 2]
    low, high = middle["interval"]["exact_match"]
    if name == SUMS:
        title, bounds, values = "right", (low, high), [each["exact_match"] for each in results]
        value = middle["exact_match"]
    else:
        title, bounds, values = "wrong", (1 - high, 1 - low), [1 - each["exact_match"] for each in results]
        value = 1 - middle["exact_match"]
    figure = f"{100 * value:.1f} % {title} ({100 * bounds[0]:.1f} to {100 * bounds[1]:.1f})"
    every = ", ".join(f"{100 * each:.1f}" for each in values)
    print(f"| {name} | {size:,} | {figure} | {every} |", flush=True)


if __name__ == "__main__":
    main()
