"""How well classifiers answer: questions by kind, sentiment, intents, and languages, beside fastText.

    python benchmarks/tasks_classify.py FOLDER [--minutes 10] [--seeds 3] [--only trec ...] [-- OPTIONS of charlm train]

FOLDER has the folders trec and sst2 (a label and a text on each line; train, test, and dev for sst2), atis (slots with
an intent; train, valid, test), and langid (train.tsv and test.tsv, with a language and a sentence). Languages are
measured on whole sentences and on their first three words, by one model. It learns each sentence of the training part
and three words from a random place in it, and so does fastText, which is also measured with the sentences alone.

Several intents of an utterance are one label, such as `atis_flight;atis_airfare`. A further row counts an answer as
right if it is one of them.

Each classifier and each fastText with autotune gets the same minutes. If Python can import fastText, it is measured
with 25 epochs and word bigrams (for languages, with two to five characters), and with autotune on the held-out part. It
uses as many threads as charlm.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import torch

from charlm.examples import Labeled
from charlm.examples.holding_out import hold_out
from charlm.examples.reading import Examples, read_examples

try:
    import fasttext
except ImportError:
    fasttext = None

_HELD_OUT = 0.1
_FASTTEXT = {"lr": 0.5, "epoch": 25, "wordNgrams": 2}
_CHARACTERS = {"lr": 0.5, "epoch": 25, "minn": 2, "maxn": 5}


@dataclass(frozen=True)
class Data:
    """A set of examples: its files, the options of charlm train, and those of fastText."""

    name: str
    train: str
    valid: str | None
    test: str
    options: tuple[str, ...]
    plain: dict[str, float]


SETS = (
    Data("trec", "trec/train", None, "trec/test", ("--tokenizer", "word"), _FASTTEXT),
    Data("sst2", "sst2/train", "sst2/dev", "sst2/test", ("--tokenizer", "word"), _FASTTEXT),
    Data("atis", "atis/train", "atis/valid", "atis/test", ("--tokenizer", "word"), _FASTTEXT),
    Data("langid", "langid/train.tsv", None, "langid/test.tsv", (), _CHARACTERS),
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[each.name for each in SETS])
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    given, options = parser.parse_args(sys.argv[1:end]), sys.argv[end + 1 :]
    print(f"{given.minutes:g} minutes each, {given.seeds} seeds; {processor()}, {torch.get_num_threads()} threads")
    if fasttext is None:
        print("fastText is not installed, so it is not measured")
    print("\n| data | model | parameters | accuracy: median, 95 % interval | all seeds |\n|---|---|---|---|---|")
    for each in SETS:
        if each.name in given.only:
            with tempfile.TemporaryDirectory() as parent:
                measure(each, given.folder, Path(parent), given.minutes, given.seeds, options)


def measure(data: Data, folder: Path, parent: Path, minutes: float, seeds: int, options: list[str]) -> None:
    """Print the rows of a set."""
    train, *parts = (utf8(folder / each, parent) if each else None for each in (data.train, data.valid, data.test))
    valid, test = parts
    assert train and test
    tests = {data.name: test}
    if data.name == "langid":
        tests = {"languages, sentences": test, "languages, three words": first_words(test, parent / "words.tsv", 3)}
        if fasttext:
            alone = read_examples(train, "classify")
            learn_and_print_fasttext(
                "fastText, sentences alone", as_fasttext(alone, parent / "alone"), tests, data.plain
            )
        train = with_pieces(train, parent / "train.tsv", 3)
    examples = read_examples(train, "classify")
    majority = Counter(labels[0] for _, labels in pairs(examples)).most_common(1)[0][0]
    for name, path in tests.items():
        share = [labels[0] == majority for _, labels in pairs(read_examples(path, "classify"))]
        print(f"| {name} | the most frequent label | | {100 * sum(share) / len(share):.1f} | |")
    if fasttext:
        known, held_out = (
            hold_out(examples, _HELD_OUT) if valid is None else (examples, read_examples(valid, "classify"))
        )
        whole, part, held = (
            as_fasttext(each, parent / f"{n}.txt") for n, each in enumerate((examples, known, held_out))
        )
        learn_and_print_fasttext("fastText", whole, tests, data.plain)
        tuned = {"autotuneValidationFile": str(held), "autotuneDuration": round(60 * minutes)}
        learn_and_print_fasttext("fastText, autotune", part, tests, tuned)
    results: dict[str, list[tuple[float, list[float]]]] = {name: [] for name in tests}
    one_intent: list[float] = []
    size = 0
    for seed in range(seeds):
        fixed = ["--task", "classify", "--minutes", minutes, "--seed", seed, "--overwrite", "-m", parent / "m"]
        charlm("train", train, *fixed, *(["--valid", valid] if valid else []), *data.options, *options)
        size = json.loads(charlm("info", parent / "m", "--json"))["parameters"]
        for name, path in tests.items():
            values = json.loads(charlm("evaluate", path, "-m", parent / "m", "--json"))
            results[name].append((values["accuracy"], values["interval"]["accuracy"]))
            one_intent.append(one_of_several(values["confusion"]) / values["examples"])
    model = f"charlm {' '.join([*data.options, *options])} | {size:,}"
    for name, figures in results.items():
        _, (low, high) = sorted(figures)[len(figures) // 2]
        middle = f"{100 * median(each for each, _ in figures):.1f} ({100 * low:.1f} to {100 * high:.1f})"
        print(f"| {name} | {model} | {middle} | {percents(each for each, _ in figures)} |", flush=True)
    if data.name == "atis":
        middle = f"{100 * median(one_intent):.1f}"
        print(f"| {data.name}, one of several intents | {model} | {middle} | {percents(one_intent)} |", flush=True)


def percents(shares: Iterable[float]) -> str:
    """Return shares as percentages, with commas between them."""
    return ", ".join(f"{100 * each:.1f}" for each in shares)


def one_of_several(confusion: dict[str, dict[str, int]]) -> int:
    """Count the answers that are the right label, or one of the labels that it joins by semicolons."""
    return sum(
        count
        for label, answers in confusion.items()
        for answer, count in answers.items()
        if answer == label or answer in label.split(";")
    )


def learn_and_print_fasttext(kind: str, file: Path, tests: dict[str, Path], settings: dict[str, Any]) -> None:
    """Print the accuracy of fastText with some settings."""
    model = fasttext.train_supervised(input=str(file), **settings, thread=torch.get_num_threads(), verbose=0)
    size = sum(rows.shape[0] * rows.shape[1] for rows in (model.get_input_matrix(), model.get_output_matrix()))
    for name, path in tests.items():
        right = [
            model.f.predict(f"{one_line(text)}\n", 1, 0.0, "replace")[0][1] == f"__label__{labels[0]}"
            for text, labels in pairs(read_examples(path, "classify"))
        ]
        print(f"| {name} | {kind} | {size:,} | {100 * sum(right) / len(right):.1f} | |", flush=True)


def pairs(examples: Examples) -> Iterator[tuple[str, tuple[str, ...]]]:
    for each in examples.items:
        assert isinstance(each, Labeled)
        yield each.text, each.labels


def as_fasttext(examples: Examples, path: Path) -> Path:
    """Write examples as lines of fastText."""
    lines = (f"__label__{labels[0]} {one_line(text)}\n" for text, labels in pairs(examples))
    path.write_text("".join(lines), encoding="utf-8")
    return path


def one_line(text: str) -> str:
    return " ".join(text.split())


def first_words(path: Path, written: Path, count: int) -> Path:
    """Write the first words of each text of a file with two columns."""
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").rstrip("\n").split("\n"))
    lines = (f"{label}\t{' '.join(text.split()[:count])}\n" for label, text in rows)
    written.write_text("".join(lines), encoding="utf-8")
    return written


def with_pieces(path: Path, written: Path, count: int) -> Path:
    """Write a file with two columns, and below each row one with that many words from a random place in its text."""
    random = Random(0)
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").rstrip("\n").split("\n"))
    with written.open("w", encoding="utf-8", newline="") as file:
        for label, text in rows:
            words = text.split()
            first = random.randrange(max(1, len(words) - count + 1))
            file.write(f"{label}\t{text}\n{label}\t{' '.join(words[first : first + count])}\n")
    return written


def utf8(path: Path, parent: Path) -> Path:
    """Return a file, or a copy in UTF-8 if it is in Latin-1."""
    data = path.read_bytes()
    try:
        data.decode()
        return path
    except UnicodeDecodeError:
        copy = parent / f"{path.name}-utf-8"
        copy.write_text(data.decode("latin-1"), encoding="utf-8", newline="")
        return copy


def processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def charlm(*arguments: object) -> str:
    """Run the command, and return what it prints."""
    command = [sys.executable, "-m", "charlm", *map(str, arguments), "--quiet"]
    return subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout


if __name__ == "__main__":
    main()
