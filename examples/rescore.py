"""Choose among the guesses of another program, such as a speech recognizer or a program that reads handwriting.

    python examples/rescore.py corpus.txt guesses.tsv

A line of guesses.tsv is the name of a task, log P (nats) of a guess by the other program, and the guess, with tabs
between them. A guess is chosen by the sum of log P there and a weight times log P of the language model.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

import charlm


def main(corpus: str, guesses: str, weight: float = 0.5) -> None:
    model = charlm.train(corpus, minutes=1)
    tasks = defaultdict(list)
    with Path(guesses).open(encoding="utf-8", newline="") as file:
        for name, logprob, text in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            tasks[name].append((float(logprob), text))
    for name, found in tasks.items():
        scores = model.score_many([text for _, text in found])
        sums = [there + weight * score.logprob for (there, _), score in zip(found, scores, strict=True)]
        best = max(range(len(sums)), key=sums.__getitem__)
        changed = "" if found[best] == max(found) else f" (not {max(found)[1]!r})"
        print(f"{name}: {found[best][1]}{changed}")


if __name__ == "__main__":
    main(*sys.argv[1:])
