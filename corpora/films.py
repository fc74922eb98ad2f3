"""Remarks about films that are positive or negative, from a grammar of our own: a text for trying to classify.

    python corpora/films.py               write films.txt next to this file

A positive remark may have negative words, and the other way round: "there is nothing to dislike", "it is anything but
dull". After "but", the second half counts. So a model must read the words in their order, and to the end.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import TypeVar

HERE = Path(__file__).parent
T = TypeVar("T")
LINES, SEED = 6_000, 18
LABELS = {"1": "positive", "2": "negative"}

# "Head = x | y" gives Head two alternatives. Capitalized symbols are nonterminals, all others are words. A rule with #
# stands for two rules: # is 1 (positive) or 2 (negative), ~ is the other number, and one/other is replaced by the word
# for that number.
GRAMMAR = """
Remark# = Clause# | Clause# | Lead , Clause# | Clause# Also# | Clause~ , but Clause# | Hope~ , but Clause#
  | Clause# Reason#
Lead = to be honest | in my opinion | as a whole | once again | for me | all in all | on a rainy day | in a word
Also# = , and Clause#
Reason# = , because Part is Adj# | , because Part is not Adj~ | , because Part is never Adj~
Hope# = i expected something Adj# | the poster promised something Adj# | people say that the Film is Adj#
  | the first minutes are Adj# | my Kin thought it would be Adj# | the trailer looks Adj#
Clause# = Thing is Adj# | Thing is Very Adj# | Thing is not Adj~ at all | Thing is anything but Adj~
  | Thing is never Adj~ | nobody can call Thing Adj~ | i have never seen anything less Adj~
  | there is nothing to Like~ in this Film | there is a lot to Like# in this Film | there is little to Like~ here
  | it is easy to Like# Thing | it is hard to Like~ Thing | it is impossible to Like~ Thing
  | i cannot imagine who would Like~ Thing | everybody who saw it will Like# Thing
  | my Kin Did# | not even my Kin Did~ | we left the cinema Mood# | nobody left the cinema Mood~
  | it is Worth# | it is not Worth~ | it is far from Worth~ | Time Felt#
  | i would See# | i would not See~ | you should See# | please do not See~
  | i have nothing Said~ to say about Part | i have only Said# things to say about Part
Thing = the Film | this Film | the Film | Part | Part of the Film
Film = film | movie | comedy | thriller | western | musical | sequel | remake | cartoon | documentary | love story
  | war film | crime film | fairy tale | short film
Part = the plot | the music | the ending | the acting | the camera work | the dialogue | the first half
  | the second half | the cast | the story | the opening scene | the final scene | the last hour | the script
  | the soundtrack | the humor | the hero | the villain | the voice of the robot | the chase through the market
Very = very | really | so | quite | simply | truly | surprisingly | wonderfully/terribly | always
Adj1 = good | great | funny | clever | charming | moving | thrilling | original | warm | brilliant | lovely | witty
  | fresh | touching | convincing | elegant | gripping | delightful | tender | smart
Adj2 = bad | awful | dull | silly | boring | slow | flat | stale | cold | confusing | clumsy | tiring | loud | messy
  | predictable | endless | weak | empty | noisy | lifeless
Like1 = like | love | enjoy | admire | praise | recommend
Like2 = dislike | hate | criticize | complain about | make fun of | find fault with | be angry about
Kin = grandmother | brother | sister | uncle | aunt | neighbor | teacher | father | mother | cousin | best friend | boss
Did1 = laughed all the way through | wanted to see it twice | clapped at the end | smiled for days
  | wiped away a happy tear | talked about it with shining eyes
Did2 = fell asleep in the first row | wanted the money back | left before the end | looked at the clock all the time
  | yawned through every scene | asked when it would be over
Mood1 = smiling | happy | in the best of moods | inspired | humming the theme | full of ideas
Mood2 = yawning | disappointed | in a bad mood | bored | shaking our heads | without a word
Worth1 = worth every cent | worth the long queue | a treat for the whole family | a small miracle | time well spent
  | the best of the year
Worth2 = a waste of an evening | a test of patience | a reason to stay at home | a disaster | time lost
  | the worst of the year
Time = the two hours | the three hours | ninety minutes | the evening
Felt1 = went by in a moment | felt like a holiday | were a pleasure | could have been twice as long
Felt2 = felt like a week | never seemed to end | were a punishment | could have been spent asleep
See1 = watch it again | buy a ticket | see it twice | queue for it
See2 = skip it | avoid it | walk out of it | choose another film
Said1 = kind | nice | friendly | good
Said2 = unkind | bitter | angry | bad
"""


def choose(random: Random, items: Sequence[T]) -> T:
    """Return a random item. Random.choice is not used: its results may change between versions of Python."""
    return items[int(random.random() * len(items))]


def read_grammar(text: str) -> dict[str, list[list[str]]]:
    """Return the alternatives of each nonterminal, each a list of symbols."""
    grammar: dict[str, list[list[str]]] = {}
    for rule in text.strip().replace("\n  ", " ").split("\n"):
        for number, other in ("12", "21") if "#" in rule else ("11",):
            head, body = rule.replace("#", number).replace("~", other).split(" = ")
            for alternative in body.split(" | "):
                words = [word.split("/")[int(number) - 1] if "/" in word else word for word in alternative.split()]
                grammar.setdefault(head, []).append(words)
    return grammar


RULES = read_grammar(GRAMMAR)


def remark(random: Random, number: str) -> str:
    """Draw a positive remark ("1") or a negative one ("2")."""
    words, stack = [], [f"Remark{number}"]
    while stack:
        symbol = stack.pop()
        if symbol in RULES:
            stack += reversed(choose(random, RULES[symbol]))
        else:
            words.append(symbol)
    return " ".join(words).replace(" ,", ",")


def corpus() -> str:
    """Return the text of films.txt: different remarks, half of them positive."""
    random, lines, seen = Random(SEED), [], set[str]()
    while len(lines) < LINES:
        number = "12"[len(lines) % 2]
        text = remark(random, number)
        if text not in seen:
            seen.add(text)
            lines.append(f"__label__{LABELS[number]} {text}\n")
    return "".join(lines)


def main() -> int:
    text = corpus()
    try:
        (HERE / "films.txt").write_text(text, "ascii", newline="\n")
    except OSError as error:
        print(f"films.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"films.txt: {LINES} lines, {len(text)} characters, {len(set(text.split()))} words")
    return 0


if __name__ == "__main__":
    sys.exit(main())
