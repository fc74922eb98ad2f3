"""Whether the verb agrees with a distant subject: all cells after equal steps, as a table and a picture.

    python benchmarks/agreement.py [STEPS [TOKENIZER [SEED ...]]]         default: 2000 word 0

Each cell is trained on corpora/cats.txt by `charlm train --tokenizer … --cell … --hidden-size 128 --layers 1 --steps
STEPS` in a process of its own, with one learning rate for all cells and defaults otherwise. The tokens are words,
because by characters no cell learns in that many steps more than agreement with a noun next to the verb. For the
pairs in corpora/cats-pairs.tsv ("the cat … was", "the cat … were"), the table shows the share in which the right
sentence is more likely, by the number of words between subject and verb. A guess is right in half of them. The budget
is steps instead of minutes, so that the figures do not depend on what else runs. The picture is agreement.svg, in the
current folder.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from curves import Curve, picture

import charlm
from charlm.checkpoints.checkpoint import describe
from charlm.comparison.pairs import Accuracy, Pair, accuracies, judge, parse
from charlm.registry import names

CORPORA = Path(__file__).parent.parent / "corpora"
SIZE = ["--hidden-size", "128", "--layers", "1"]
RATE = ["--learning-rate", "0.004"]  # for all cells, so that a difference is the cells' own
RANGES = ((0, 0), (1, 4), (5, 8), (9, 12), (13, 16), (17, 20))  # words between subject and verb, one column each


def main() -> None:
    steps, tokenizer, *seeds = [*sys.argv[1:], *["2000", "word", "0"][len(sys.argv) - 1 :]]
    pairs = parse("cats-pairs.tsv", (CORPORA / "cats-pairs.tsv").read_text(encoding="utf-8"))
    print(f"{steps} steps by {tokenizer}, one layer of 128, seeds {', '.join(seeds)}; {len(pairs):,} pairs")
    columns = "".join(f" {low}–{high} |" if low < high else f" {low} |" for low, high in RANGES)
    print(f"| cell | bits/char |{columns} all |")
    print("|---|---|" + "---|" * (len(RANGES) + 1), flush=True)
    curves: dict[str, list[Curve]] = {}
    for cell in names("nn.cells"):
        runs = [
            trained(["--cell", cell, "--tokenizer", tokenizer, "--steps", steps, "--seed", seed], pairs)
            for seed in seeds
        ]
        accuracy = [pooled([by_distance[at] for _, by_distance in runs]) for at in range(len(runs[0][1]))]
        shares = [share(accuracy, low, high) for low, high in (*RANGES, (0, sys.maxsize))]
        bits = sum(run[0] for run in runs) / len(runs)
        print(f"| {cell} | {bits:.4f} |" + "".join(f" {each:.1%} |" for each in shares), flush=True)
        curves[cell] = [[(int(each.group), each.share) for each in accuracy]]
    drawn = picture(
        curves, "words between subject and verb", "pairs whose right sentence is more likely", "{:.0%}".format
    )
    Path("agreement.svg").write_text(drawn, encoding="utf-8")


def trained(options: Sequence[str], pairs: Sequence[Pair]) -> tuple[float, list[Accuracy]]:
    """Return bits per character of the held-out part, and the accuracy at each distance."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "m"
        command = ["charlm", "train", str(CORPORA / "cats.txt"), "--ngram", "none", *SIZE, *RATE, *options]
        command += ["--model", str(folder), "--quiet"]
        subprocess.run([sys.executable, "-m", *command], capture_output=True, check=True)
        model, bits = charlm.load(folder), describe(folder)["validation"]["bits_per_char"]
    return bits, accuracies(pairs, judge(model, pairs))


def pooled(accuracies: Sequence[Accuracy]) -> Accuracy:
    """Join the accuracies of several runs or distances."""
    return Accuracy(accuracies[0].group, sum(each.right for each in accuracies), sum(each.pairs for each in accuracies))


def share(accuracies: Sequence[Accuracy], low: int, high: int) -> float:
    """Return the share of right pairs at distances from `low` to `high`."""
    return pooled([each for each in accuracies if low <= int(each.group) <= high]).share


if __name__ == "__main__":
    main()
