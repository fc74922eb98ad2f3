"""A small file of examples for each task that answers questions, and networks that learn it in no time."""

from pathlib import Path
from typing import Any

_LETTERS = "abc"
_WORDS = [f"{x}{y}{z}" for x in _LETTERS for y in _LETTERS for z in _LETTERS]
_THINGS = [("fruit", "ripe plum"), ("beast", "quick fox"), ("fruit", "pear"), ("beast", "old hen")]
_NAMES = ("Clay", "Ruby", "Ginger", "Basil")

SHAPE: dict[str, Any] = {"hidden_size": 12, "layers": 1, "dropout": 0.0, "threads": 1, "precision": "float32"}

# The name of each file, and its text. "inputs" is a series with inputs, of the task series.
FILES = {
    "classify": (
        "things.txt",
        "".join(f"__label__{label} the {thing} {n}\n" for n in range(12) for label, thing in _THINGS),
    ),
    "tag": (
        "names.conll",
        "".join(
            f"{name}\tB-PER\nGreen\tI-PER\nhas\tO\n{n}\tO\n{thing}\tO\n\n"
            for n, thing in enumerate(("hens", "plums", "cups", "songs", "boats", "lamps"))
            for name in _NAMES
        ),
    ),
    "pair": ("double.tsv", "".join(f"{word}\t{' '.join(word)}{' !' * (word[0] == 'a')}\n" for word in _WORDS)),
    "series": (
        "shops.csv",
        "unique_id,ds,y\n"
        + "".join(f"{shop},{step},{step % 4 + shop * step / 10}\n" for shop in (1, 2, 3) for step in range(1, 41)),
    ),
    "inputs": ("sums.csv", "t,x,y\n" + "".join(f"{t},{t * t % 7},{t * t % 7 + (t - 1) ** 2 % 7}\n" for t in range(60))),
}
TASKS = tuple(name for name in FILES if name != "inputs")


def task_of(kind: str) -> str:
    """Return the task of a file."""
    return "series" if kind == "inputs" else kind


def settings_of(kind: str) -> dict[str, Any]:
    """Return the settings that train a small network on a file."""
    return {**SHAPE, "task": task_of(kind), **({"value_column": "y"} if kind == "inputs" else {})}


def write(kind: str, folder: Path) -> Path:
    """Write the file, and return its path."""
    name, text = FILES[kind]
    path = folder / name
    path.write_text(text)
    return path
