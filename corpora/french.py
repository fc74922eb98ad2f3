"""French sentences and their English translations, from rules of our own: a text for trying to translate.

    python corpora/french.py              write french.tsv next to this file

The languages differ in word order: adjectives follow most nouns, "ne … pas" surrounds the verb, and English asks and
denies with "do". French words agree in gender and number, and many lose a vowel before another one. Each French
sentence occurs once and has one translation.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

HERE = Path(__file__).parent
T = TypeVar("T")
LINES, SEED = 6_000, 4


class Phrase(NamedTuple):
    """A subject or an object in both languages; `plural` says which form its verb has."""

    french: str
    english: str
    plural: bool


# A French noun with its article, which has the gender, and the English noun. A plural is the singular with an s, or
# follows a slash.
ANIMATE = """
le chat: cat | le chien: dog | le voisin: neighbor | la voisine: neighbor | le professeur: teacher | la reine: queen
le roi: king | la souris/souris: mouse/mice | le boulanger: baker | la fille: girl | le garçon: boy | la tante: aunt
l'oiseau m/oiseaux: bird | l'oncle m: uncle | la vache: cow | le cheval/chevaux: horse | l'ours m/ours: bear
le facteur: mailman/mailmen | l'enfant m: child/children | la grenouille: frog | l'ami m: friend | l'amie f: friend
"""
THINGS = """
la pomme: apple | le pain: bread | le livre: book | la lettre: letter | la fleur: flower | le gâteau/gâteaux: cake
la soupe: soup | le fromage: cheese | la maison: house | le jardin: garden | la rivière: river | l'arbre m: tree
la voiture: car | le bateau/bateaux: boat | la montagne: mountain | l'étoile f: star | l'école f: school
la chanson: song | le tableau/tableaux: painting | la fenêtre: window | l'orange f: orange | la photo: photo
"""
UNCOUNTED = {"bread", "soup", "cheese"}  # nouns that have no plural, and no article "a"
# Masculine/feminine, and English. The first ones precede their noun in French, and the others follow it.
BEFORE = """
petit/petite: small | grand/grande: big | vieux/vieille: old | jeune/jeune: young | bon/bonne: good
beau/belle: beautiful
"""
AFTER = """
noir/noire: black | blanc/blanche: white | rouge/rouge: red | vert/verte: green | fatigué/fatiguée: tired
content/contente: happy | triste/triste: sad | étrange/étrange: strange | tranquille/tranquille: quiet
célèbre/célèbre: famous | gris/grise: gray | joyeux/joyeuse: cheerful
"""
BEFORE_VOWEL = {"vieux": "vieil", "beau": "bel"}  # the masculine singular
PLURALS = {"vieux": "vieux", "beau": "beaux", "gris": "gris", "joyeux": "joyeux"}  # of the masculine
DETERMINERS = {  # masculine, feminine, plural; English singular, plural
    "the": ("le", "la", "les", "the", "the"),
    "a": ("un", "une", "deux", "a", "two"),
    "my": ("mon", "ma", "mes", "my", "my"),
    "this": ("ce", "cette", "ces", "this", "these"),
}
# Third person singular/plural; the English infinitive and third person singular.
ALONE = """
dort/dorment: sleep sleeps | chante/chantent: sing sings | arrive/arrivent: arrive arrives | danse/dansent: dance dances
travaille/travaillent: work works | attend/attendent: wait waits | rit/rient: laugh laughs | court/courent: run runs
nage/nagent: swim swims | pleure/pleurent: cry cries | rêve/rêvent: dream dreams | voyage/voyagent: travel travels
"""
WITH_OBJECT = """
mange/mangent: eat eats | voit/voient: see sees | aime/aiment: like likes | cherche/cherchent: seek seeks
trouve/trouvent: find finds | regarde/regardent: watch watches | vend/vendent: sell sells | achète/achètent: buy buys
garde/gardent: keep keeps | peint/peignent: paint paints | oublie/oublient: forget forgets
apporte/apportent: bring brings
"""
ENDS = """
aujourd'hui: today | ce soir: this evening | le dimanche: on Sundays | chaque jour: every day
dans le jardin: in the garden | sous la table: under the table | à la maison: at home | demain matin: tomorrow morning
près de la rivière: near the river
"""
LINKS = "et: and | mais: but | parce que: because | quand: when"
VOWELS = "aeiouéèêâàôœ"


def rows(table: str) -> list[tuple[str, str]]:
    """Return the rows of a table: French and English."""
    pairs = (row.split(": ") for row in table.strip().replace("\n", " | ").split(" | "))
    return [(french, english) for french, english in pairs]


def choose(random: Random, items: Sequence[T]) -> T:
    """Return a random item. Random.choice is not used: its results may change between versions of Python."""
    return items[int(random.random() * len(items))]


def inflect(text: str, plural: bool) -> str:
    """Return the singular or the plural of "one/many"; without a slash, the plural has an s."""
    one, _, many = text.partition("/")
    return (many or f"{one}s") if plural else one


def noun_phrase(random: Random, table: str, definite: bool = False) -> Phrase:
    """Draw a noun with a determiner, and with an adjective or none. `definite` leaves "a" and "two" out."""
    noun, thing = choose(random, rows(table))
    feminine = noun.startswith("la ") or " f" in noun
    noun = re.sub(r"^(le |la |l')| [mf]\b", "", noun)
    counted = thing not in UNCOUNTED
    plural = counted and random.random() < 0.35
    noun, thing = inflect(noun, plural), inflect(thing, plural)
    before = after = ""
    kind = random.random()
    if kind < 0.5:
        words, english = choose(random, rows(BEFORE if kind < 0.2 else AFTER))
        adjective = words.split("/")[feminine]
        if plural:
            adjective = PLURALS.get(adjective, f"{adjective}s")
        elif kind < 0.2 and noun[0] in VOWELS:
            adjective = BEFORE_VOWEL.get(adjective, adjective)
        before, after = (f"{adjective} ", "") if kind < 0.2 else ("", f" {adjective}")
        thing = f"{english} {thing}"
    name = choose(random, ("the", "the", "this", "my", *(("a", "a") if counted and not definite else ())))
    *french, one, many = DETERMINERS[name]
    article, word = french[2 if plural else feminine], many if plural else one
    follows = before + noun + after
    if not plural and follows[0] in VOWELS:
        article = {"le": "l'", "la": "l'", "ma": "mon", "ce": "cet"}.get(article, article)
    if word == "a" and thing[0] in VOWELS:
        word = "an"
    return Phrase(f"{article} {follows}".replace("' ", "'"), f"{word} {thing}", plural)


def elide(text: str) -> str:
    """Write "que" and "ne" with an apostrophe before a vowel: "qu'un", "n'aime"."""
    return re.sub(rf"\b(qu|n)e (?=[{VOWELS}])", r"\1'", text)


def clause(random: Random) -> tuple[str, str, str]:
    """Draw a sentence in French and in English, and its question: "the cat sleeps", "does the cat sleep"."""
    subject = noun_phrase(random, ANIMATE)
    negative, has_object = random.random() < 0.3, random.random() < 0.6
    verb, forms = choose(random, rows(WITH_OBJECT if has_object else ALONE))
    verb, (infinitive, third) = inflect(verb, subject.plural), forms.split()
    do, present = ("do", infinitive) if subject.plural else ("does", third)
    french = f"{subject.french} ne {verb} pas" if negative else f"{subject.french} {verb}"
    english = f"{subject.english} {do} not {infinitive}" if negative else f"{subject.english} {present}"
    question = f"{do} {subject.english}{' not' if negative else ''} {infinitive}"
    ends = [noun_phrase(random, THINGS, definite=negative)[:2]] if has_object else []
    if random.random() < 0.35:
        ends.append(choose(random, rows(ENDS)))
    for end, translation in ends:
        french, english, question = f"{french} {end}", f"{english} {translation}", f"{question} {translation}"
    return elide(french), english, question


def pair(random: Random) -> tuple[str, str]:
    """Draw a French sentence and its translation."""
    french, english, question = clause(random)
    kind = random.random()
    if kind < 0.2:
        return elide(f"est-ce que {french} ?"), f"{question}?"
    if kind < 0.4:
        link, word = choose(random, rows(LINKS))
        other, translation, _ = clause(random)
        return elide(f"{french} {link} {other}"), f"{english} {word} {translation}"
    return french, english


def corpus() -> str:
    """Return the text of french.tsv: a French sentence, a tab, and its translation per line."""
    random, lines = Random(SEED), dict[str, str]()
    while len(lines) < LINES:
        french, english = pair(random)
        lines.setdefault(french, english)
    return "".join(f"{french}\t{english}\n" for french, english in lines.items())


def main() -> int:
    text = corpus()
    try:
        (HERE / "french.tsv").write_text(text, "utf-8", newline="\n")
    except OSError as error:
        print(f"french.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"french.tsv: {LINES} pairs, {len(text)} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
