"""What a search for settings gains: the best trial's settings beside the defaults, with new seeds and equal time.

    python benchmarks/search.py CORPUS [MINUTES [TRIAL_MINUTES [SEEDS]]]

The last tenth of the lines of the corpus is the test text, which neither the search nor a training reads. `charlm
search` runs on the rest, for 60 minutes with 3 minutes for a trial by default; trials that were pruned count in that
time. Then the defaults and the best settings are trained in turn for the time of a trial, with the seeds 1, 2 and 3,
which are not that of the search, and measured on the test text. All of it runs on one thread.
"""

import json
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from statistics import median

TESTED = 0.1  # share of the lines


def main() -> None:
    corpus, minutes, trial_minutes, seeds = [*sys.argv[1:], *["60", "3", "3"][len(sys.argv) - 2 :]]
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        lines = Path(corpus).read_text(encoding="utf-8").splitlines(keepends=True)
        cut = int((1 - TESTED) * len(lines))
        (folder / "text.txt").write_text("".join(lines[:cut]), encoding="utf-8")
        (folder / "test.txt").write_text("".join(lines[cut:]), encoding="utf-8")
        limits = ["--minutes", minutes, "--trial-minutes", trial_minutes]
        result = json.loads(charlm(folder, "search", "text.txt", *limits, "--threads", "1", "--json"))
        endings = Counter(trial["ending"] for trial in result["trials"])
        print(f"{corpus}: {len(result['trials'])} trials in {result['seconds'] / 60:.1f} minutes, {dict(endings)}")
        own = f"{result['default']['cost']:.4f} with the defaults, {result['best']['cost']:.4f} at best"
        print(f"{result['cost']} of the search's own held-out part: {own}")
        for reason, count in Counter(trial["reason"] for trial in result["trials"] if trial["reason"]).items():
            print(f"{count} failed: {reason}")
        print(f"best: {result['best']['command']}")
        print("importance:", {name: round(share, 2) for name, share in result["importance"].items()})
        compare(folder, shlex.split(result["best"]["command"])[1:], trial_minutes, int(seeds))


def compare(folder: Path, best: list[str], minutes: str, seeds: int) -> None:
    """Print bits per character of the test text for the defaults and for the best command."""
    default = ["train", "text.txt", "--model", "default", "--minutes", minutes, "--threads", "1"]
    figures: dict[str, list[float]] = {"defaults": [], "best of the search": []}
    for seed in range(1, seeds + 1):
        for name, command in zip(figures, (default, best), strict=True):
            model = charlm(folder, *command, "--overwrite", "--seed", str(seed)).strip()
            measured = json.loads(charlm(folder, "evaluate", "test.txt", "--model", model, "--json").splitlines()[-1])
            figures[name].append(measured.get("bits_per_char_known", measured["bits_per_char"]))
    print("| settings | bits per character of the test text | seeds |\n|---|---|---|")
    for name, values in figures.items():
        print(f"| {name} | {median(values):.4f} | {', '.join(f'{value:.4f}' for value in values)} |")


def charlm(folder: Path, *words: str) -> str:
    """Return what a command prints. A model is a path to `evaluate`."""
    command = [sys.executable, "-m", "charlm", *words, *(["--quiet"] if words[0] != "evaluate" else [])]
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout


if __name__ == "__main__":
    main()
