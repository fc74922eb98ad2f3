"""How far back the gradient reaches in fresh networks of every cell and initialization: a table, and a picture of some.

    python benchmarks/gradients.py [FILE]

One layer of 128 units, up to 50 tokens back, the beginning of corpora/cats.txt. There is no training, so it takes a
minute, and the figures do not depend on what else runs. The picture goes to docs/gradients.svg, or to FILE.
"""

import math
import sys
from dataclasses import replace
from pathlib import Path

from curves import Curve, picture

from charlm.analysis.gradient_curves import curves_of_cell
from charlm.cli.gradients import FRESH
from charlm.registry import names

HERE = Path(__file__).parent
CORPUS = HERE.parent / "corpora" / "cats.txt"
FARTHEST = 50
DRAWN = {
    ("rnn", "uniform"): "rnn uniform",
    ("rnn", "orthogonal"): "rnn orthogonal",
    ("rnn", "orthogonal × 4"): "rnn × 4",
    ("lstm", "orthogonal, forget bias 0"): "lstm bias 0",
    ("lstm", "orthogonal, forget bias 1"): "lstm bias 1",
    ("lstm", "orthogonal, forget bias 5"): "lstm bias 5",
    ("gru", "orthogonal, forget bias 5"): "gru bias 5",
}


def main() -> None:
    text = CORPUS.read_text(encoding="utf-8")
    print("| cell | start | norm at 1 | norm at 50 | left after a step | |")
    print("|---|---|---|---|---|---|")
    curves: dict[str, list[Curve]] = {}
    for cell in names("nn.cells"):
        for curve in curves_of_cell(replace(FRESH, cell=cell), text, FARTHEST, seed=0):
            measured = curve.norms
            norms = f"{measured.norm[0]:.1e} | {measured.norm[-1]:.1e} | {measured.rate or 0:.3f}"
            print(f"| {cell} | {curve.start} | {norms} | {measured.verdict} |", flush=True)
            if name := DRAWN.get((cell, curve.start)):
                curves[name] = [
                    [(k, math.log10(norm)) for k, norm in zip(measured.distance, measured.norm, strict=True)]
                ]
    drawn = picture(curves, "k, tokens back", "norm of ∂loss<t>/∂state<t−k>", "1e{:+.0f}".format)
    Path(*sys.argv[1:] or [HERE.parent / "docs" / "gradients.svg"]).write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
