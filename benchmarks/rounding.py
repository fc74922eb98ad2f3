"""Rounded weights: the size of a model, what it loses, and its speed, beside float32.

    python benchmarks/rounding.py MODEL TEXT

MODEL is a folder, and TEXT a file that the model was not trained on. The text is evaluated as `charlm evaluate` does.
The divergence is the loss that `charlm export` prints. Speeds are characters per second, the best of several rounds in
turn. Let nothing else run meanwhile.
"""

import sys
import tempfile
from pathlib import Path

from timing import best_seconds

import charlm
from charlm.exports import export
from charlm.exports._loss import bits_lost
from charlm.files.tensor_header import ROUNDINGS
from charlm.language_model import LanguageModel

_LENGTH = 500  # tokens to draw


def main() -> None:
    folder, text = Path(sys.argv[1]), Path(sys.argv[2]).read_text(encoding="utf-8")
    exact = charlm.load(folder)
    assert isinstance(exact, LanguageModel)
    with tempfile.TemporaryDirectory() as parent:
        folders = {ROUNDINGS[0]: folder, **{each: Path(parent) / each for each in ROUNDINGS[1:]}}
        for rounding in ROUNDINGS[1:]:
            export(exact, "model", folders[rounding], rounding=rounding)
        models = {rounding: charlm.load(path) for rounding, path in folders.items()}
        sizes = {rounding: (path / "model.safetensors").stat().st_size for rounding, path in folders.items()}
        loading = best_seconds(*(lambda path=path: charlm.load(path) for path in folders.values()), rounds=5)
    evaluating = best_seconds(*(lambda model=each: model.evaluate(text) for each in models.values()), rounds=3)
    drawing = best_seconds(
        *(lambda model=each: model.sample(length=_LENGTH, seed=0) for each in models.values()), rounds=5
    )
    heads = ("weights", "file", "of float32", "bits/char", "bits/char lost", "divergence, bits/token")
    print(f"| {' | '.join(heads)} | loaded in ms | evaluated, characters/s | drawn, characters/s |")
    print(f"|{'---|' * (len(heads) + 3)}")
    first = None
    rates = zip(models.items(), loading, evaluating, drawing, strict=True)
    for (rounding, model), load, evaluate, draw in rates:
        bits = model.evaluate(text).bits_per_char_known
        first = bits if first is None else first
        print(
            f"| {rounding} | {sizes[rounding]:,} | {sizes[rounding] / sizes[ROUNDINGS[0]]:.0%} | {bits:.5f} |"
            f" {bits - first:+.5f} | {bits_lost(exact, rounding).bits:.5f} | {load * 1000:.0f} |"
            f" {len(text) / evaluate:,.0f} | {_LENGTH / draw:,.0f} |"
        )


if __name__ == "__main__":
    main()
