"""What a run gains from a model to start from: the same text or labels with and without `--from`.

    python benchmarks/transfer.py text CORPUS [MINUTES [SEEDS]]
    python benchmarks/transfer.py labels FOLDER [MINUTES [SEEDS]]

The first form trains a language model of the documentation of Python's standard library (`charlm corpus stdlib
--docs`). It then learns the first 20,000 characters of the corpus, new and from that model, and measures the next
100,000.

The second form reads FOLDER/sst2 and FOLDER/trec, which have lines of a label and a text in the files train, test and,
if it exists, dev. It trains a language model of the texts alone, by words, and then classifiers with the shape of that
model, new and from it. `frozen` is with `--freeze`. Each model trains for 2 minutes by default, the
model to start from included, on one thread, with the seeds 0, 1 and 2.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

LEARNED, MEASURED = 20_000, 100_000  # characters
KINDS = {"new": [], "from the model": ["--from"], "from the model, frozen": ["--from", "--freeze"]}


def main() -> None:
    kind, path, minutes, seeds = [*sys.argv[1:], *["2", "3"][len(sys.argv) - 3 :]]
    print(f"{minutes} minutes each on one thread; the median of {seeds} seeds, and all of them")
    with tempfile.TemporaryDirectory() as parent:
        {"text": text, "labels": labels}[kind](Path(path), Path(parent), minutes, int(seeds))


def text(corpus: Path, parent: Path, minutes: str, seeds: int) -> None:
    """Print bits per character of a text, with the network that has learned its beginning."""
    docs, learned, measured = (parent / name for name in ("docs.txt", "learned.txt", "measured.txt"))
    docs.write_text(charlm("corpus", "stdlib", "--docs"), encoding="utf-8")
    whole = corpus.read_text(encoding="utf-8")
    learned.write_text(whole[:LEARNED], encoding="utf-8")
    measured.write_text(whole[LEARNED : LEARNED + MEASURED], encoding="utf-8")
    base = trained(parent, docs, "base", minutes)
    print("| run | bits per character |\n|---|---|")
    print(f"| the model itself, without the text | {bits(charlm('evaluate', measured, '-m', base, '--json')):.3f} |")
    for name, options in runs(base):
        figures = []
        for seed in range(seeds):
            model = trained(parent, learned, "m", minutes, "--seed", seed, *options)
            figures.append(bits(charlm("evaluate", measured, "-m", model, "--json")))
        print(f"| {name} | {row(figures)} |", flush=True)


def labels(folder: Path, parent: Path, minutes: str, seeds: int) -> None:
    """Print the accuracy of classifiers of the two sets."""
    print("| data | run | accuracy |\n|---|---|---|")
    for data in ("sst2", "trec"):
        parts = {part: parent / f"{data}-{part}.txt" for part in ("train", "dev", "test")}
        texts = parent / f"{data}-texts.txt"
        for part, path in parts.items():
            rows = [*read(folder / data / part)]
            path.write_text("".join(f"__label__{label} {text}\n" for label, text in rows), encoding="utf-8")
            if part == "train":
                texts.write_text("".join(f"{text}\n" for _, text in rows), encoding="utf-8")
        words = ["--tokenizer", "word"]
        base = trained(parent, texts, "base", minutes, *words, "--sequence", "line", "--task", "language")
        shape = json.loads(charlm("info", base, "--json"))["config"]
        same = [f"--{name.replace('_', '-')}={shape[name]}" for name in ("hidden_size", "layers", "embedding_size")]
        valid = ["--valid", parts["dev"]] if parts["dev"].stat().st_size else []
        for name, options in runs(base):
            figures = []
            for seed in range(seeds):
                given = options or [*words, *same]
                model = trained(parent, parts["train"], "m", minutes, "--seed", seed, *valid, *given)
                answers = charlm("evaluate", parts["test"], "-m", model, "--json")
                figures.append(100 * json.loads(answers)["accuracy"])
            print(f"| {data} | {name} | {row(figures)} |", flush=True)


def read(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the label and the text of each line; the part of a label after a colon is left out."""
    if not path.exists():
        return
    data = path.read_bytes()
    try:
        lines = data.decode()
    except UnicodeDecodeError:
        lines = data.decode("latin-1")
    for line in filter(None, map(str.strip, lines.split("\n"))):
        label, text = line.split(" ", 1)
        yield label.split(":")[0], text


def runs(base: Path) -> Iterator[tuple[str, list[object]]]:
    """Yield each kind of run, and its options."""
    for name, flags in KINDS.items():
        yield name, [*flags[:1], base, *flags[1:]] if flags else []


def trained(parent: Path, corpus: Path, name: str, minutes: str, *options: object) -> Path:
    """Train a model, and return its folder."""
    fixed = ("--minutes", minutes, "--threads", 1, "--overwrite")
    charlm("train", corpus, "-m", parent / name, *fixed, *options)
    return parent / name


def bits(evaluation: str) -> float:
    """Return the bits per character of the known characters."""
    values = json.loads(evaluation)
    return float(values.get("bits_per_char_known") or values["bits_per_char"])


def row(figures: list[float]) -> str:
    return f"{median(figures):.3f} ({', '.join(f'{figure:.3f}' for figure in figures)})"


def charlm(*arguments: object) -> str:
    """Run the command, and return what it prints."""
    command = [sys.executable, "-m", "charlm", *map(str, arguments), "--quiet"]
    return subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout


if __name__ == "__main__":
    main()
