"""Sentences whose first word is a name or not, which only the words after it tell: a text for trying to tag.

    python corpora/teddy.py               write teddy.conll next to this file

"Teddy bears are on sale" has no person, and "Teddy Roosevelt was a president" has one. Each first word, and each
beginning of a sentence up to the word that decides, occurs as often with a name as without. So a tagger that reads from
left to right must guess the first tag, and is right half of the time at most. A tagger that also reads what follows can
be right always.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import TypeVar

HERE = Path(__file__).parent
T = TypeVar("T")
TWINS, SEED = 3_000, 14  # pairs of sentences
NEAR = 0.4  # share of pairs in which the second word decides; in the others, it is a later one

Sentence = list[tuple[str, str]]  # words and their tags

# First words that are names and something else, and what may follow each of them if it is not a name.
THINGS = {
    "Teddy": "bears", "Rose": "petals", "Ginger": "biscuits", "Olive": "trees", "Daisy": "chains", "Penny": "jars",
    "Basil": "leaves", "Ivy": "plants", "Holly": "branches", "Heather": "honey", "Amber": "rings", "Jade": "vases",
    "Ruby": "slippers", "Pearl": "earrings", "Rosemary": "bread", "Jasmine": "tea", "Sage": "butter",
    "Clover": "fields",
    "Robin": "eggs", "Violet": "ink", "Clay": "pots", "Hazel": "nuts", "Cliff": "paths", "Reed": "baskets",
}  # fmt: skip
SINGULAR = {"honey", "bread", "tea", "butter", "ink"}
# First words that need no second one: a plant or a stone, or a person.
ALONE = ("Ginger", "Basil", "Ivy", "Holly", "Heather", "Amber", "Jade", "Rosemary", "Jasmine", "Sage", "Clover", "Clay")
SURNAMES = (
    "Roosevelt", "Miller", "Parker", "Olsen", "Rossi", "Dubois", "Weber", "Novak", "Tanaka", "Silva", "Murphy",
    "Larsen",
    "Baker", "Carver", "Hill", "Underwood", "Archer", "Fisher",
)  # fmt: skip
TOWNS = ("Oakley", "Avondale", "Milford", "Rosenheim", "Lindau", "Porto", "Bergen", "Turin", "Kyoto", "Salem")
ADVERBS = ("", "", "", "once again", "still", "often", "usually", "of course", "probably", "almost always")
WORKS = ("a president", "a doctor", "a baker", "a teacher", "a painter", "a pilot", "a gardener", "a singer", "a judge")
PERSON_VERBS = ("was", "is", "became", "wants to be", "never was")
SALES = ("on sale", "in the window", "in the cellar", "on the table", "hard to find", "easy to find", "out of stock")
PERSON_ENDS = (
    "elected mayor", "late for dinner", "proud of the children", "engaged", "a good swimmer", "asleep on the sofa",
    "tired of the journey", "angry with the neighbors", "married", "the oldest of the family", "learning to drive",
    "good at chess",
)  # fmt: skip
THING_ENDS = (
    "sold by the kilo", "cheap at the market", "used in medicine", "kept in boxes", "worth its price", "hard to find",
    "shipped in spring", "cut into small pieces", "exported", "the best for this purpose", "good for the stomach",
    "dried in the sun",
)  # fmt: skip


def choose(random: Random, items: Sequence[T]) -> T:
    """Return a random item. Random.choice is not used: its results may change between versions of Python."""
    return items[int(random.random() * len(items))]


def tagged(words: str, tags: str = "") -> Sentence:
    """Tag the words of a text: the first ones as given, the others as O."""
    split, given = words.split(), tags.split()
    return list(zip(split, [*given, *["O"] * (len(split) - len(given))], strict=True))


def near(random: Random) -> tuple[Sentence, Sentence]:
    """Draw a sentence with a name and one without that have their first word in common."""
    first = choose(random, list(THINGS))
    thing = THINGS[first]
    town = [("in", "O"), (choose(random, TOWNS), "B-LOC")] if random.random() < 0.5 else []
    person = tagged(f"{first} {choose(random, SURNAMES)}", "B-PER I-PER")
    person += tagged(f"{choose(random, PERSON_VERBS)} {choose(random, WORKS)}")
    adverb, is_are = choose(random, ADVERBS), "is" if thing in SINGULAR else "are"
    return person + town, tagged(f"{first} {thing} {is_are} {adverb} {choose(random, SALES)}") + town


def far(random: Random) -> tuple[Sentence, Sentence]:
    """Draw a sentence with a name and one without that differ only in their ends, which decide."""
    first, middle = choose(random, ALONE), f"is {choose(random, ADVERBS)}"
    town = [("from", "O"), (choose(random, TOWNS), "B-LOC")] if random.random() < 0.7 else []
    ends = choose(random, PERSON_ENDS), choose(random, THING_ENDS)
    person, thing = ([(first, tag), *town] for tag in ("B-PER", "O"))
    return person + tagged(f"{middle} {ends[0]}"), thing + tagged(f"{middle} {ends[1]}")


def pairs() -> list[tuple[Sentence, Sentence]]:
    """Return pairs of sentences, with a name and without, that begin alike. No two sentences are equal."""
    random, seen = Random(SEED), set[str]()
    result: list[tuple[Sentence, Sentence]] = []
    while len(result) < TWINS:
        twins = (near if random.random() < NEAR else far)(random)
        texts = {" ".join(word for word, _ in sentence) for sentence in twins}
        if seen.isdisjoint(texts):
            seen |= texts
            result.append(twins)
    return result


def corpus() -> str:
    """Return the text of teddy.conll: a word, a tab, and its tag per line, and a blank line after each sentence."""
    random = Random(SEED + 1)
    sentences = [sentence for twins in pairs() for sentence in twins]
    order = sorted(range(len(sentences)), key=lambda _: random.random())
    return "\n".join("".join(f"{word}\t{tag}\n" for word, tag in sentences[index]) for index in order)


def main() -> int:
    text = corpus()
    try:
        (HERE / "teddy.conll").write_text(text, "ascii", newline="\n")
    except OSError as error:
        print(f"teddy.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"teddy.conll: {2 * TWINS} sentences, {text.count(chr(9))} words")
    return 0


if __name__ == "__main__":
    sys.exit(main())
