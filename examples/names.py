"""Train on a list of names, and draw ten names that are not in it.

python examples/names.py names.txt
"""

import sys
from pathlib import Path

import charlm


def main(file: str) -> None:
    known = set(Path(file).read_text(encoding="utf-8").split("\n"))
    model = charlm.train(file, minutes=1)
    new = {}
    for seed in range(100):
        for sample in model.sample(count=50, temperature=0.9, seed=seed):
            if sample.text not in known:
                new[sample.text] = sample.perplexity
        if len(new) >= 10:
            break
    for name, perplexity in sorted(new.items(), key=lambda each: each[1])[:10]:
        print(f"{name:20} {perplexity:6.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
