"""Sentences in which kings are to queens as men are to women: a text for trying word vectors.

    python corpora/court.py               write court.txt next to this file

A person has a station and a sex. What a person does and owns depends only on the station; the pronouns and the clothes
depend only on the sex. The words for persons thus differ in two independent ways, and a word model must learn both to
predict the next word.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import TypeVar

HERE = Path(__file__).parent
T = TypeVar("T")
LINES, SEED = 6_000, 8

PERSONS = {  # station: he, she
    "crown": ("king", "queen"),
    "heir": ("prince", "princess"),
    "grown": ("man", "woman"),
    "child": ("boy", "girl"),
    "parent": ("father", "mother"),
    "kin": ("uncle", "aunt"),
    "stage": ("actor", "actress"),
}
DEEDS = {  # station: verbs, their objects
    "crown": (("rules", "guards", "governs"), ("land", "realm", "people", "throne")),
    "heir": (("awaits", "inherits", "studies"), ("castle", "title", "tutor", "throne")),
    "grown": (("ploughs", "mends", "sells"), ("field", "roof", "wheat", "cart")),
    "child": (("throws", "hides", "chases"), ("ball", "kite", "hoop", "cart")),
    "parent": (("feeds", "calms", "carries"), ("baby", "twins", "lamb", "supper")),
    "kin": (("visits", "invites", "teases"), ("nephew", "niece", "cousin", "twins")),
    "stage": (("recites", "learns", "forgets"), ("verse", "role", "cue", "title")),
}
SEXES = (  # pronouns, clothes
    ("he", "his", "himself", ("beard", "waistcoat", "cravat")),
    ("she", "her", "herself", ("gown", "bonnet", "shawl")),
)
TIMES = ("today", "at dawn", "in spring", "every year", "once more", "on sundays")


def choose(random: Random, items: Sequence[T]) -> T:
    """Return a random item. Random.choice is not used: its results may change between versions of Python."""
    return items[int(random.random() * len(items))]


def sentence(random: Random) -> str:
    station, sex = choose(random, list(PERSONS)), int(random.random() * 2)
    person, (verbs, things) = PERSONS[station][sex], DEEDS[station]
    he, his, himself, clothes = SEXES[sex]
    deed, thing, worn = choose(random, verbs), choose(random, things), choose(random, clothes)
    forms = (
        f"the {person} {deed} {his} {thing}",
        f"the {person} {deed} the {thing} {himself}",
        f"the {person} in {his} {worn} {deed} the {thing}",
        f"{he} is {'an' if person[0] in 'aeiou' else 'a'} {person} and {deed} the {thing}",
        f"the {person} says that {he} {deed} {his} {thing}",
    )
    form = choose(random, forms)
    return f"{form} {choose(random, TIMES)}" if random.random() < 0.3 else form


def corpus() -> str:
    """Return the text of court.txt."""
    random = Random(SEED)
    return "".join(f"{sentence(random)}\n" for _ in range(LINES))


def main() -> int:
    text = corpus()
    try:
        (HERE / "court.txt").write_text(text, "ascii", newline="\n")
    except OSError as error:
        print(f"court.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"court.txt: {LINES} lines, {len(text)} characters, {len(set(text.split()))} words")
    return 0


if __name__ == "__main__":
    sys.exit(main())
