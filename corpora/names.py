"""Names of three invented languages, from a grammar of syllables for each: a text for trying to classify by letters.

    python corpora/names.py               write names.tsv next to this file

The languages share most letters. In Ostari, all vowels of a name are front (e, i, y) or all are back (a, o, u). In
Bellun, syllables are open, consonants may be doubled, and names end in a vowel. In Gramsk, syllables begin and end with
groups of consonants.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import TypeVar

HERE = Path(__file__).parent
T = TypeVar("T")
NAMES, SEED = 2_400, 20  # names of each language

LANGUAGES = ("Ostari", "Bellun", "Gramsk")
FRONT, BACK = ("e", "i", "y"), ("a", "o", "u")
OSTARI_ONSETS = ("k", "t", "p", "s", "l", "n", "r", "m", "h", "v", "st", "")
OSTARI_CODAS = ("", "", "", "n", "l", "s", "r", "k")
BELLUN_ONSETS = ("b", "d", "g", "t", "p", "s", "l", "n", "r", "m", "v", "f", "c")
BELLUN_VOWELS = ("a", "a", "e", "i", "o", "u", "ia", "ie")
DOUBLED = frozenset("lntrsmp")
GRAMSK_ONSETS = ("gr", "st", "sk", "br", "tr", "kn", "d", "v", "h", "t", "g", "m", "kr", "sl")
GRAMSK_VOWELS = ("a", "e", "o", "u", "i", "a", "o")
GRAMSK_CODAS = ("k", "m", "sk", "nt", "rd", "lm", "n", "rg", "st", "r", "ld")


def choose(random: Random, items: Sequence[T]) -> T:
    """Return a random item. Random.choice is not used: its results may change between versions of Python."""
    return items[int(random.random() * len(items))]


def syllables(random: Random, language: str) -> list[str]:
    """Draw the syllables of a name, one to four."""
    count = choose(random, {"Ostari": (2, 2, 3), "Bellun": (2, 3, 3, 4), "Gramsk": (1, 2, 2)}[language])
    if language == "Ostari":
        vowels = choose(random, (FRONT, BACK))
        return [choose(random, OSTARI_ONSETS) + choose(random, vowels) + choose(random, OSTARI_CODAS)
                for _ in range(count)]  # fmt: skip
    if language == "Gramsk":
        return [choose(random, GRAMSK_ONSETS) + choose(random, GRAMSK_VOWELS) + choose(random, GRAMSK_CODAS)
                for _ in range(count)]  # fmt: skip
    result: list[str] = []
    for number in range(count):
        onset = choose(random, BELLUN_ONSETS)
        double = number > 0 and onset in DOUBLED and random.random() < 0.4
        result.append(onset * (1 + double) + choose(random, BELLUN_VOWELS))
    return result


def corpus() -> str:
    """Return the text of names.tsv: a language, a tab, and a name per line. A name occurs once, in one language."""
    random, seen = Random(SEED), dict[str, str]()
    for number in range(NAMES * len(LANGUAGES)):
        language = LANGUAGES[number % len(LANGUAGES)]
        name = ""
        while len(name) < 3 or name in seen:
            name = "".join(syllables(random, language)).capitalize()
        seen[name] = language
    return "".join(f"{language}\t{name}\n" for name, language in seen.items())


def main() -> int:
    text = corpus()
    try:
        (HERE / "names.tsv").write_text(text, "ascii", newline="\n")
    except OSError as error:
        print(f"names.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"names.tsv: {NAMES} names of each of {len(LANGUAGES)} languages, {len(text)} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
