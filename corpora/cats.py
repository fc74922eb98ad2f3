"""English sentences about animals from a probabilistic grammar of our own, and their exact cost in bits.

    python corpora/cats.py                write cats.txt and cats-pairs.tsv next to this file, print the exact entropy
    python corpora/cats.py --score FILE   print the source's own bits per character on the lines of FILE

The grammar is in cats.grammar. It is LL(1): the next word alone determines which alternative a nonterminal takes. A
sentence therefore has one parse, and its probability is the product of the probabilities of the alternatives in it.
"""

import argparse
import math
import re
import sys
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from random import Random
from typing import NamedTuple

HERE = Path(__file__).parent
LINES, SEED = 9_000, 15
PAIRS, FARTHEST = 100, 20  # pairs for each number of words between subject and verb, and the largest number
START, END = "Line", "end of line"  # END contains spaces, so no word equals it

Alternative = tuple[float, tuple[str, ...]]  # its probability, its symbols
Grammar = dict[str, list[Alternative]]
Table = dict[str, dict[str, Alternative]]  # nonterminal, next word -> the only alternative that fits


class Entropy(NamedTuple):
    """Mean values of a line of the source. The newline counts as a character of its line."""

    bits_per_line: float
    chars_per_line: float

    @property
    def bits_per_char(self) -> float:
        return self.bits_per_line / self.chars_per_line


def animal_rules(row: str) -> str:
    """Return the rules that one row of the table of animals stands for."""
    weight, nouns, hours, food, home, habit, young = row.split(" ; ")
    many = nouns.split("/")[1]
    return f"""Animal# = {weight}: {nouns}
Fact = {weight}: {many} {many.title()}
{many.title()} = 5: average {hours} hours Hours | 3: eat {food} Diet | 2: live {home} | 2: {habit}
Young = {weight}: {many} are called {young}"""


def read_grammar(text: str) -> Grammar:
    """Read a grammar in the notation that cats.grammar explains, and turn its weights into probabilities."""
    text = re.sub(r"^#.*\n", "", text, flags=re.M)
    text = re.sub(r"^.* ; .*$", lambda row: animal_rules(row[0]), text, flags=re.M)
    grammar: Grammar = {}
    for rule in re.split(r"\n+(?=\S)", text.strip()):
        for number in "12" if "#" in rule else "1":
            head, body = re.sub(r"(\S+)/(\S+)", rf"\{number}", rule).replace("#", number).split(" =")
            for alternative in body.split("|"):
                weight, _, words = alternative.rpartition(":")
                grammar.setdefault(head, []).append((float(weight or 1), tuple(words.split())))
    for head, alternatives in grammar.items():
        total = sum(weight for weight, _ in alternatives)
        grammar[head] = [(weight / total, symbols) for weight, symbols in alternatives]
    return grammar


def parse_table(grammar: Grammar, start: str = START) -> Table:
    """Return the LL(1) parse table. Raises ValueError if the grammar has none.

    A grammar with such a table is unambiguous (Lewis and Stearns 1968, "Syntax-directed transduction"): if a sentence
    had two derivations, they would first differ at some nonterminal, with different alternatives before the same next
    word. In the table, no two alternatives of a nonterminal share a next word.
    """
    first: dict[str, set[str]] = {head: set() for head in grammar}  # with "" if it may be empty
    follow: dict[str, set[str]] = {head: set() for head in grammar}
    follow[start].add(END)

    def leading(symbols: tuple[str, ...], after: set[str]) -> set[str]:
        """Return the words that can come first in `symbols` when they are followed by a word of `after`."""
        words: set[str] = set()
        for symbol in symbols:
            begin = first.get(symbol, {symbol})
            words |= begin - {""}
            if "" not in begin:
                return words
        return words | after

    size = -1
    while size < (size := sum(map(len, (*first.values(), *follow.values())))):
        for head, alternatives in grammar.items():
            for _, symbols in alternatives:
                first[head] |= leading(symbols, {""})
                for i, symbol in enumerate(symbols):
                    if symbol in grammar:
                        follow[symbol] |= leading(symbols[i + 1 :], follow[head])

    table: Table = {head: {} for head in grammar}
    for head, alternatives in grammar.items():
        for alternative in alternatives:
            for word in leading(alternative[1], follow[head]):
                if word in table[head]:
                    raise ValueError(f"not LL(1): two alternatives of {head} can stand before {word!r}")
                table[head][word] = alternative
    return table


GRAMMAR = read_grammar((HERE / "cats.grammar").read_text("ascii"))
TABLE = parse_table(GRAMMAR)


def draw(random: Random, start: str = START) -> str:
    """Draw a sentence, or a string that another nonterminal derives.

    A rule with # has the same alternatives in the singular and in the plural, so equal random states give matching
    strings: Sentence1 and Sentence2, each drawn with Random(7), differ only in number.
    """
    words, stack = [], [start]
    while stack:
        symbol = stack.pop()
        if symbol in GRAMMAR:
            stack += reversed(choose(GRAMMAR[symbol], random.random()))
        else:
            words.append(symbol)
    return " ".join(words).replace(" ,", ",")


def choose(alternatives: list[Alternative], point: float) -> tuple[str, ...]:
    """Return the alternative at a point of [0, 1), in which each takes an interval as long as its probability."""
    for probability, symbols in alternatives:
        point -= probability
        if point < 0:
            return symbols
    return alternatives[-1][1]  # rounding errors may leave the end of [0, 1) uncovered


def bits(line: str) -> float:
    """Return -log2 of the probability of a sentence. Raises ValueError if the grammar does not derive it."""
    words = [*line.replace(",", " ,").split(" "), END]
    total, position, stack = 0.0, 0, [END, START]
    while stack:
        symbol, word = stack.pop(), words[position]
        if symbol == word:
            position += 1
        elif word in TABLE.get(symbol, {}):
            probability, symbols = TABLE[symbol][word]
            total -= math.log2(probability)
            stack += reversed(symbols)
        else:
            number = position + 1 - words[:position].count(",")
            what = "is missing" if word == END else f"is {word!r}"
            raise ValueError(f"word {number} {what}: no sentence of the grammar continues so")
    return total


def bits_per_char(lines: Iterable[str]) -> float:
    """Return the source's own cost of lines, which are given without newlines; their newlines count as characters."""
    total, chars = 0.0, 0
    for number, line in enumerate(lines, 1):
        try:
            total += bits(line)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        chars += len(line) + 1
    if not chars:
        raise ValueError("no lines to score")
    return total / chars


def visits(grammar: Grammar, start: str = START) -> dict[str, float]:
    """Return how often a derivation uses each nonterminal on average.

    v(B) = [B is the start] + sum over A of v(A) m(A, B), where m(A, B) is the mean number of B in an
    alternative of A; solved by Gauss-Jordan elimination. I - m is an M-matrix, so no pivoting is needed.
    """
    index = {head: i for i, head in enumerate(grammar)}
    rows = [[float(i == j) for j in index.values()] + [float(head == start)] for head, i in index.items()]
    for head, alternatives in grammar.items():
        for probability, symbols in alternatives:
            for symbol in symbols:
                if symbol in index:
                    rows[index[symbol]][index[head]] -= probability
    for i, row in enumerate(rows):
        rows[i] = row = [x / row[i] for x in row]
        for j, other in enumerate(rows):
            if j != i and (factor := other[i]):
                rows[j] = [x - factor * y for x, y in zip(other, row, strict=True)]
    return {head: row[-1] for head, row in zip(grammar, rows, strict=True)}


def entropy(grammar: Grammar = GRAMMAR, start: str = START) -> Entropy:
    """Return the exact entropy of a line in bits, and its mean length in characters.

    H = sum over A of v(A) h(A), where v(A) is how often a derivation uses A, and h(A) is the entropy of the choice
    among its alternatives (Grenander 1967, "Syntax-controlled probabilities"; Soule 1974, "Entropies of probabilistic
    grammars"). The grammar is unambiguous, so the entropy of derivations is that of lines. The mean length follows in
    the same way: a word has its letters and the space or newline after it.
    """
    mean_bits = mean_chars = 0.0
    for head, visited in visits(grammar, start).items():
        for probability, symbols in grammar[head]:
            chars = sum(1 if word == "," else len(word) + 1 for word in symbols if word not in grammar)
            mean_bits -= visited * probability * math.log2(probability)
            mean_chars += visited * probability * chars
    return Entropy(mean_bits, mean_chars)


def corpus() -> str:
    """Return the text of cats.txt."""
    random = Random(SEED)
    return "".join(draw(random) + "\n" for _ in range(LINES))


def pairs(known: Iterable[str]) -> str:
    """Return the text of cats-pairs.tsv: sentences outside `known`, with a verb that agrees and one that does not.

    A line has the good sentence, the bad one, and the number of words between subject and verb. Each subject occurs in
    the singular and in the plural, so that both forms of a verb are right equally often.
    """
    seen = set(known)
    by_distance: dict[int, list[str]] = {distance: [] for distance in range(FARTHEST + 1)}
    for seed in count():
        if all(len(lines) >= PAIRS for lines in by_distance.values()):
            return "".join("".join(lines) for lines in by_distance.values())
        one = draw(Random(seed), "Subject1")
        distance = len(one.split()) - 1
        if len(by_distance.get(distance, "x" * PAIRS)) >= PAIRS:
            continue
        many = draw(Random(seed), "Subject2")
        verbs = [draw(Random(str(seed)), f"Verb{number}") for number in "12"]
        goods = [f"the {subject} {verb}" for subject, verb in zip((one, many), verbs, strict=True)]
        bads = [f"the {subject} {verb}" for subject, verb in zip((one, many), reversed(verbs), strict=True)]
        if len({*goods, *bads}) == 4 and seen.isdisjoint(goods):
            seen.update(goods)
            by_distance[distance] += [f"{good}\t{bad}\t{distance}\n" for good, bad in zip(goods, bads, strict=True)]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="cats.py", description="Write cats.txt and cats-pairs.tsv, or score lines.")
    parser.add_argument("--score", metavar="FILE", help="print the bits per character of its lines; - is stdin")
    file: str | None = parser.parse_args(arguments).score
    try:
        if file is None:
            text = corpus()
            (HERE / "cats.txt").write_text(text, "ascii", newline="\n")
            (HERE / "cats-pairs.tsv").write_text(pairs(text.splitlines()), "ascii", newline="\n")
            exact = entropy()
            print(f"cats.txt: {LINES} lines, {len(text)} characters")
            print(f"exact: {exact.bits_per_line:.4f} bits and {exact.chars_per_line:.4f} characters a line,")
            print(f"       {exact.bits_per_char:.4f} bits per character")
        else:
            text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
            lines = text.removesuffix("\n").split("\n") if text else []
            print(f"{bits_per_char(lines):.4f} bits per character")
    except (OSError, ValueError) as error:
        reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else error
        print(f"cats.py: {reason}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
