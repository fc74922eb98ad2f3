"""Print the surprisal of each word of a text, in bits, as a table of pandas.

    python examples/surprisal_table.py corpus.txt other.txt

The model is trained on the first file, and reads the lines of the second one. pip install pandas
"""

import math
import sys
from pathlib import Path

import pandas

import charlm


def main(corpus: str, text: str) -> None:
    model = charlm.train(corpus, minutes=1)
    lines = [line for line in Path(text).read_text(encoding="utf-8").split("\n") if line.strip()]
    rows = [
        {"line": number, "word": word, "bits": -logprob / math.log(2)}
        for number, score in enumerate(model.score_many(lines, unit="word", eos=False), start=1)
        for word, logprob in zip(score.tokens, score.logprobs, strict=True)
    ]
    table = pandas.DataFrame(rows)
    print(table.head(10).to_string(index=False, float_format="%.2f"))
    words = table.groupby("word")["bits"].agg(["count", "mean"]).sort_values("mean", ascending=False)
    print("\nthe most surprising words\n")
    print(words.head(10).to_string(float_format="%.2f"))


if __name__ == "__main__":
    main(*sys.argv[1:])
