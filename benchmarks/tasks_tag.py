"""How well taggers answer: slots of ATIS by three cells, and parts of speech, beside the most frequent tag of a word.

    python benchmarks/tasks_tag.py FOLDER [--minutes 10] [--seeds 3] [--only slots ...] [-- OPTIONS of charlm train]

FOLDER has the folders atis (slots with an intent; train, valid, test) and pos-ewt (a word and its part of speech on
each line; train.tsv, dev.tsv, test.tsv). Slots are measured by the F1 of spans, as conlleval counts them, and parts of
speech by the share of tokens that are right. Each tagger gets the same minutes. The interval in brackets is for the
seed in the middle, by the bootstrap over sentences. If Python can import pycrfsuite, a conditional random field of
CRFsuite is measured too, with the words around each token and its beginning, end and shape as features.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tasks_classify import charlm, processor

from charlm.examples import Tagged
from charlm.examples.reading import read_examples
from charlm.measures.spans import TagMeasures

try:
    import pycrfsuite
except ImportError:
    pycrfsuite = None

_AFFIXES = (1, 2, 3, 4)  # characters of a beginning or an end that is a feature
_CRF = {"c1": 0.1, "c2": 0.01, "max_iterations": 100}


@dataclass(frozen=True)
class Data:
    """A set of sentences: its files, its figure in JSON and in words, and the cells that are measured."""

    name: str
    train: str
    valid: str
    test: str
    figure: str
    title: str
    cells: tuple[str, ...]


SETS = (
    Data("slots", "atis/train", "atis/valid", "atis/test", "span_f1", "F1", ("gru", "rnn", "jordan")),
    Data("pos", "pos-ewt/train.tsv", "pos-ewt/dev.tsv", "pos-ewt/test.tsv", "token_accuracy", "accuracy", ("gru",)),
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[each.name for each in SETS])
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    given, options = parser.parse_args(sys.argv[1:end]), sys.argv[end + 1 :]
    print(f"{given.minutes:g} minutes each, {given.seeds} seeds; {processor()}, {torch.get_num_threads()} threads\n")
    print("| data | model | parameters | figure: median, 95 % interval | all seeds |\n|---|---|---|---|---|")
    for each in SETS:
        if each.name in given.only:
            with tempfile.TemporaryDirectory() as parent:
                measure(each, given.folder, Path(parent) / "m", given.minutes, given.seeds, options)


def measure(data: Data, folder: Path, model: Path, minutes: float, seeds: int, options: list[str]) -> None:
    """Print the rows of a set."""
    for number, cell in enumerate(data.cells):
        results: list[dict[str, Any]] = []
        size = 0
        for seed in range(seeds):
            fixed = ["--task", "tag", "--minutes", minutes, "--seed", seed, "--cell", cell, "--overwrite", "-m", model]
            charlm("train", folder / data.train, "--valid", folder / data.valid, *fixed, *options)
            size = json.loads(charlm("info", model, "--json"))["parameters"]
            results.append(json.loads(charlm("evaluate", folder / data.test, "-m", model, "--json")))
        if number == 0:
            frequent = f"{data.title} {100 * results[0]['naive'][data.figure]:.2f}"
            print(f"| {data.name} | the most frequent tag of the word | | {frequent} | |")
            if pycrfsuite:
                print(f"| {data.name} | CRFsuite | | {data.title} {100 * crf(data, folder, model):.2f} | |", flush=True)
        middle = sorted(results, key=lambda each: each[data.figure])[len(results) // 2]
        low, high = middle["interval"][data.figure]
        value = f"{data.title} {100 * middle[data.figure]:.2f} ({100 * low:.2f} to {100 * high:.2f})"
        every = ", ".join(f"{100 * each[data.figure]:.2f}" for each in results)
        name = " ".join(["charlm --cell", cell, *options])
        print(f"| {data.name} | {name} | {size:,} | {value} | {every} |", flush=True)


def crf(data: Data, folder: Path, file: Path) -> float:
    """Return the figure of a conditional random field."""
    train, test = (read_examples([folder / name], "tag").items for name in (data.train, data.test))
    trainer = pycrfsuite.Trainer(verbose=False)
    for each in train:
        trainer.append(features(each), each.tags)
    trainer.set_params(_CRF)
    trainer.train(str(file) + ".crf")
    tagger = pycrfsuite.Tagger()
    tagger.open(str(file) + ".crf")
    measures = TagMeasures([each.tags for each in test], [tagger.tag(features(each)) for each in test])
    return float(measures.values()[data.figure])


def features(sentence: Tagged) -> list[list[str]]:
    """Return the features of each token."""
    words = ["", "", *sentence.tokens, "", ""]
    listed = []
    for at, word in enumerate(sentence.tokens, start=2):
        own = [f"{n}^{word[:n]}" for n in _AFFIXES] + [f"{n}${word[-n:]}" for n in _AFFIXES]
        own += [f"digit {any(map(str.isdigit, word))}", f"capital {word[:1].isupper()}", f"hyphen {'-' in word}"]
        around = [f"{by}={words[at + by].lower()}" for by in range(-2, 3)]
        pairs = [f"{by}|{words[at + by - 1]}|{words[at + by]}".lower() for by in (0, 1)]
        listed.append(["bias", *own, *around, *pairs])
    return listed


if __name__ == "__main__":
    main()
