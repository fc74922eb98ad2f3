"""Sequences that resemble bacterial genes, one per line, from a small model of our own.

    python corpora/dna.py    write dna.txt next to this file

Half of the lines begin with a leader: random bases, a copy of the motif TATAAT with errors, a gap, AGGAGG, and a gap.
The gene follows: ATG, 40 to 180 codons, and a stop codon. A codon is drawn with a weight of its own, multiplied by a
weight for the pair of its first base and the last base of the codon before it, so the codons form a Markov chain. A
leader contains no ATG: the gene starts at the first ATG of its line. All numbers are invented; only the genetic code
and the two motifs are real.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

HERE = Path(__file__).parent
LINES, SEED = 320, 46
CODONS = 40, 180  # in a gene, between start and stop
BASES = "ACGT"
STOPS = {"TAA": 6, "TGA": 3, "TAG": 1}

# Codons and weights. Synonyms are next to each other, and each amino acid has a preferred codon.
USAGE = """
GCT 11 GCC 22 GCA 17 GCG 31   CGT 20 CGC 19 CGA 3  CGG 4    AGA 2  AGG 1    AAT 14 AAC 23
GAT 31 GAC 20 TGT 4  TGC 7    CAA 12 CAG 30 GAA 40 GAG 17   GGT 26 GGC 30 GGA 6  GGG 9
CAT 12 CAC 10 ATT 29 ATC 27   ATA 3  TTA 11 TTG 12 CTT 9    CTC 10 CTA 3  CTG 52 AAA 35
AAG 9  ATG 26 TTT 18 TTC 19   CCT 6  CCC 4  CCA 8  CCG 24   AGT 7  AGC 16 TCT 10 TCC 9
TCA 6  TCG 8  ACT 9  ACC 25   ACA 6  ACG 13 TGG 13 TAT 15   TAC 13 GTT 20 GTC 14 GTA 11 GTG 25
"""
CODON_WEIGHTS = dict(zip(USAGE.split()[::2], map(int, USAGE.split()[1::2]), strict=True))

# Weight of the last base of a codon, then of the next codon's first base: A, C, G, T.
MEETING = {"A": (5, 4, 6, 3), "C": (5, 3, 9, 6), "G": (4, 8, 4, 3), "T": (2, 5, 9, 4)}
LEADER_WEIGHTS = 4, 2, 2, 4  # leaders are rich in A and T


def pick(random: Random, items: Sequence[str], weights: Sequence[int]) -> str:
    """Return a random item by weight. Random.choices is not used: its results may change between versions of Python."""
    point = random.random() * sum(weights)
    for item, weight in zip(items, weights, strict=True):
        point -= weight
        if point < 0:
            return item
    return items[-1]


def between(random: Random, low: int, high: int) -> int:
    """Return a random integer from low to high, both included."""
    return low + int(random.random() * (high - low + 1))


def loose(random: Random, low: int, high: int) -> str:
    return "".join(pick(random, BASES, LEADER_WEIGHTS) for _ in range(between(random, low, high)))


def leader(random: Random) -> str:
    """Draw the bases before a gene, until the ATG of the gene is the first."""
    while True:
        box = "".join(base if random.random() < 0.9 else loose(random, 1, 1) for base in "TATAAT")
        bases = loose(random, 5, 20) + box + loose(random, 15, 25) + "AGGAGG" + loose(random, 5, 8)
        if (bases + "ATG").index("ATG") == len(bases):
            return bases


def gene(random: Random) -> str:
    codons = ["ATG"]
    for _ in range(between(random, *CODONS)):
        meeting = dict(zip(BASES, MEETING[codons[-1][-1]], strict=True))
        weights = [weight * meeting[codon[0]] for codon, weight in CODON_WEIGHTS.items()]
        codons.append(pick(random, list(CODON_WEIGHTS), weights))
    return "".join(codons) + pick(random, list(STOPS), list(STOPS.values()))


def sequence(random: Random) -> str:
    return (leader(random) if random.random() < 0.5 else "") + gene(random)


def corpus() -> str:
    """Return the text of dna.txt."""
    random = Random(SEED)
    return "".join(sequence(random) + "\n" for _ in range(LINES))


def main() -> int:
    text = corpus()
    try:
        (HERE / "dna.txt").write_text(text, "ascii", newline="\n")
    except OSError as error:
        print(f"dna.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"dna.txt: {LINES} lines, {len(text)} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
