"""Lines per second of charlm and of KenLM on the same lines, both by characters, one thread each.

    make test    # installs kenlm with the test tools
    python benchmarks/kenlm_scoring.py

The lines are the documentation strings of Python's standard library. This script counts KenLM's n-gram from them,
with absolute discounting. It does not compare how well the two predict (`ngram.py` does), and the n-gram is as large
as a better-smoothed one. charlm's network has random weights, which take the same time. KenLM gets lines with
separated characters. A lookup is far faster than matrix products.
"""

import math
import sys
from collections import Counter, defaultdict
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import kenlm
import torch
from timing import best_seconds

from charlm.config import ModelConfig
from charlm.data import stdlib_corpus
from charlm.language_model import LanguageModel
from charlm.nn.network import Network
from charlm.tokenizers.char import CharTokenizer

LINES, ORDER, DISCOUNT = 10_000, 5, 0.75


def arpa(lines: list[list[str]]) -> str:
    """Write a back-off model with absolute discounting, P(w | u) = (c(uw) - D) / c(u) if uw was seen."""
    counts = [Counter[tuple[str, ...]]() for _ in range(ORDER)]
    for line in (["<s>", *line, "</s>"] for line in lines):
        for n, ngrams in enumerate(counts, start=1):
            ngrams.update(zip(*(line[start:] for start in range(n)), strict=False))
    total = sum(counts[0].values()) - counts[0][("<s>",)]
    probabilities = {gram: count / total for gram, count in counts[0].items()}
    backoff: dict[tuple[str, ...], float] = {}
    for ngrams in counts[1:]:
        followers = defaultdict(list)
        for gram, count in ngrams.items():
            followers[gram[:-1]].append((gram, count))
        for context, grams in followers.items():
            seen = sum(count for _, count in grams)
            probabilities |= {gram: (count - DISCOUNT) / seen for gram, count in grams}
            left = 1 - sum(probabilities[gram[1:]] for gram, _ in grams)
            backoff[context] = DISCOUNT * len(grams) / seen / max(left, 1e-6)
    parts = ["\\data\\", *(f"ngram {n}={len(ngrams) + (n == 1)}" for n, ngrams in enumerate(counts, start=1))]
    for n, ngrams in enumerate(counts, start=1):
        parts += ["", f"\\{n}-grams:", *["-7\t<unk>\t0"] * (n == 1)]
        for gram in ngrams:
            value = "-99" if gram == ("<s>",) else f"{math.log10(probabilities[gram]):.6f}"
            weight = f"\t{math.log10(backoff.get(gram, 1)):.6f}" if n < ORDER else ""
            parts.append(f"{value}\t{' '.join(gram)}{weight}")
    return "\n".join([*parts, "", "\\end\\", ""])


def main() -> None:
    count = int(sys.argv[1]) if sys.argv[1:] else LINES
    torch.set_num_threads(1)
    text = "".join(islice(stdlib_corpus.docs(), 20 * count))
    lines = [line.strip() for line in text.split("\n") if len(line.strip()) > 2][:count]
    apart = [["▁" if character.isspace() else character for character in line] for line in lines]
    sentences = [" ".join(each) for each in apart]
    tokenizer = CharTokenizer("".join(sorted(set("".join(lines)))))
    shape = ModelConfig(hidden_size=256, layers=2, embedding_size=64, dropout=0.0, sequence="line")
    model = LanguageModel(shape, tokenizer, Network(shape, tokenizer.size).eval())
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.arpa"
        file.write_text(arpa(apart), encoding="utf-8")
        ngram = kenlm.Model(str(file))
    mine, theirs = best_seconds(
        lambda: model.score_many(lines), lambda: [ngram.score(each) for each in sentences], rounds=3
    )
    print(f"scoring {len(lines):,} lines, {sum(map(len, lines)):,} characters, 1 thread")
    print("| how | lines/s | charlm |\n|---|---|---|")
    print(f"| charlm, GRU 2×256, together | {len(lines) / mine:,.0f} | |")
    print(f"| KenLM, order {ORDER} | {len(lines) / theirs:,.0f} | {theirs / mine:.4f}× |")


if __name__ == "__main__":
    main()
