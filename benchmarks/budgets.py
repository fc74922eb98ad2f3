"""Whether `charlm train --minutes` ends in time: the whole command, by the clock, to 10 % or 3 seconds.

    python benchmarks/budgets.py [--full] [--first N]

Runs the real command for cells, tokenizers, widths, corpora, and budgets. By default, 30 runs ask for eight minutes
together; --full runs every combination, which takes about five hours. A run keeps the promise if it ends in time, or if
it refuses a budget that is too small, with exit code 2. Let nothing else run meanwhile.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

from charlm.registry import names

CATS = Path(__file__).resolve().parents[1] / "corpora" / "cats.txt"
TOKENIZERS = ("char", "byte", "word", "subword")
WIDTHS = ("auto", "200", "1000", "1500")
CORPORA = ("cats", "running", "large")
SHORT, LONG = 0.2, 0.5  # minutes
RUNNING_CHARACTERS, LARGE_LINES = 1_000_000, 500_000
SHARE, SECONDS = 0.1, 3.0  # by which a run may deviate: the larger of a share of the budget, and seconds
PATIENCE = 600.0  # seconds after which a run is ended


class Case(NamedTuple):
    cell: str
    tokenizer: str
    width: str
    corpus: str
    minutes: float


def chosen(full: bool) -> Iterator[Case]:
    """Yield all cases, or 30 of them: each cell with three tokenizers, widths, and corpora, and six longer runs."""
    cells = names("nn.cells")
    if full:
        yield from map(Case._make, product(cells, TOKENIZERS, WIDTHS, CORPORA, (SHORT, LONG)))
        return
    for turn, (index, cell) in product(range(3), enumerate(cells)):
        yield Case(
            cell, TOKENIZERS[(index + turn) % 4], WIDTHS[(index // 2 + turn) % 4], CORPORA[(index + turn) % 3], SHORT
        )
    for index, cell in enumerate(("gru", "lstm", "rnn", "gru", "mingru", "lstm")):
        yield Case(cell, TOKENIZERS[index % 4], WIDTHS[(index + 2) % 4], CORPORA[index % 3], LONG)


def write_corpora(folder: Path) -> dict[str, Path]:
    """Write the running text and the large corpus; return the path of each corpus."""
    paths = {"cats": CATS} | {name: folder / f"{name}.txt" for name in CORPORA[1:]}
    written = subprocess.run([sys.executable, "-m", "charlm", "corpus", "stdlib"], capture_output=True, check=True)
    paths["running"].write_text(written.stdout.decode("utf-8")[:RUNNING_CHARACTERS], encoding="utf-8")
    lines = CATS.read_text(encoding="utf-8").splitlines()
    some = random.Random(0).choices(lines, k=2 * LARGE_LINES)
    pairs = zip(some[::2], some[1::2], strict=True)
    paths["large"].write_text("".join(f"{one} and {other}\n" for one, other in pairs), encoding="utf-8")
    return paths


def run(case: Case, corpus: Path, folder: Path) -> tuple[float, int | None, str]:
    """Run the command; return its seconds, its exit code (None: it was ended), and its steps or its last line."""
    command = [sys.executable, "-m", "charlm", "train", corpus, "--model", "run", "--overwrite", "--quiet"]
    command += ["--cell", case.cell, "--tokenizer", case.tokenizer, "--minutes", case.minutes]
    command += [] if case.width == "auto" else ["--hidden-size", case.width]
    before = time.monotonic()
    try:
        ended = subprocess.run([*map(str, command)], cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return time.monotonic() - before, None, "ended by this script"
    seconds = time.monotonic() - before
    if ended.returncode:
        return seconds, ended.returncode, (ended.stderr.splitlines() or [""])[-1]
    metrics = (folder / "checkpoints" / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return seconds, 0, f"{max(json.loads(line).get('step', 0) for line in metrics):,} steps"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="run every combination")
    parser.add_argument("--first", type=int, help="run only this many")
    options = parser.parse_args()
    cases = list(chosen(options.full))[: options.first]
    kept = refused = 0
    print("| cell | tokenizer | width | corpus | asked, s | wall, s | deviation | kept | steps, or the refusal |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_corpora(folder)
        for case in cases:
            asked = 60 * case.minutes
            seconds, code, words = run(case, paths[case.corpus], folder)
            deviation = seconds - asked
            on_time = code == 0 and abs(deviation) <= max(SHARE * asked, SECONDS)
            kept, refused = kept + (on_time or code == 2), refused + (code == 2)
            away = f"{deviation:+.1f} s" if code == 0 else "refused" if code == 2 else f"exit code {code}"
            answer = "yes" if on_time or code == 2 else "no"
            row = " | ".join((*case[:4], f"{asked:.0f}", f"{seconds:.1f}", away, answer, words))
            print(f"| {row} |", flush=True)
    print(f"\n{kept} of {len(cases)} kept the promise, {refused} of them by a refusal")


if __name__ == "__main__":
    main()
