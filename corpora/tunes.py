"""Dance tunes in ABC notation (abcnotation.com, standard 2.1), composed by simple rules of our own.

    python corpora/tunes.py    write tunes.abc next to this file

A tune has two parts of eight bars, each played twice: AABB. A part is a phrase of four bars that ends on the fifth of
the key, then the same phrase with another ending, on the tonic. Every bar has a chord. The first note of a beat belongs
to the chord; the others move along the scale.

A pitch is a number of scale steps above middle C; 7 steps are an octave. Lengths are in eighths.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

T = TypeVar("T")
Note = tuple[int, int]  # pitch, length
Bar = list[list[Note]]  # its beats

HERE = Path(__file__).parent
TUNES, SEED = 540, 68
LETTERS = "CDEFGAB"


class Dance(NamedTuple):
    meter: str
    beats: int
    rhythms: list[list[int]]  # ways to fill a beat; one that is listed twice is twice as likely


DANCES = {
    "jig": Dance("6/8", 2, [[1, 1, 1], [1, 1, 1], [1, 1, 1], [2, 1], [2, 1], [3]]),
    "slip jig": Dance("9/8", 3, [[1, 1, 1], [1, 1, 1], [2, 1], [2, 1], [3]]),
    "reel": Dance("4/4", 2, [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [2, 1, 1], [1, 1, 2], [2, 2], [3, 1]]),
    "waltz": Dance("3/4", 3, [[2], [2], [1, 1]]),
    "polka": Dance("2/4", 2, [[1, 1], [1, 1], [1, 1], [2]]),
}
KEYS = "C D Dmix Ddor Em Edor F G Gmix A Am Ador"
# The chords of bars 1, 2, 3 and 7 of a part, by their root in steps above the tonic.
CHORDS = [(0, 3, 0, 4), (0, 0, 3, 4), (0, 4, 0, 3), (0, 5, 3, 4), (0, 1, 3, 4), (0, 2, 3, 6), (5, 3, 0, 4)]
CHORD, FIFTH, OCTAVE = (0, 2, 4), 4, 7
REACH = 4  # most steps from the first note of a beat to the center of its part, roughly

WHO = """Miller Weaver Sailor Tinker Piper Fiddler Shepherd Baker Cobbler Ferryman Widow Drummer Goose Hare
Badger Heron Magpie Kettle Lantern Candle Ladder Barrel Teapot Wagon"""
HOW = """Merry Sleepy Crooked Lonely Dancing Muddy Golden Wandering Jolly Barefoot Silver Hasty Frosty Windy
Whistling Laughing Midnight Humble Rusty Tipsy"""
WHAT = "Farewell Delight Fancy Return Rest Ramble Wedding Morning Secret Holiday Supper Errand"
WHERE = "Mill Harbour Meadow Orchard Bridge Moor Island Crossroads Cellar Lighthouse Ferry Valley River"


def pick(random: Random, items: Sequence[T]) -> T:
    """Return a random item. Random.choice is not used: its results may change between versions of Python."""
    return items[int(random.random() * len(items))]


def title(random: Random) -> str:
    who, how, what, where = (pick(random, words.split()) for words in (WHO, HOW, WHAT, WHERE))
    forms = f"The {how} {who}", f"The {who}'s {what}", f"The {who} of the {where}", f"{how} {what}"
    return pick(random, forms)


def bar(random: Random, dance: Dance, root: int, pitch: int, center: int) -> Bar:
    """Draw a bar over the chord on a root, which continues from `pitch` and stays around `center`."""
    beats: Bar = []
    for _ in range(dance.beats):
        beat: list[Note] = []
        for length in pick(random, dance.rhythms):
            if beat:
                homeward = 1 if pitch < center else -1
                pitch += pick(random, (1, 1, -1, -1, homeward, homeward, 2 * homeward))
            else:
                pitch = min(max(pitch, center - REACH), center + REACH)
                pitch = pick(random, [p for p in range(pitch - 2, pitch + 3) if (p - root) % OCTAVE in CHORD])
            beat.append((pitch, length))
        beats.append(beat)
    return beats


def cadence(random: Random, dance: Dance, goal: int, pitch: int) -> Bar:
    """Draw a bar that moves from near `pitch` to a long note on `goal`, in the nearest octave."""
    goal = min(range(goal - OCTAVE, goal + 2 * OCTAVE, OCTAVE), key=lambda p: abs(p - pitch))
    side = 1 if pitch > goal else -1
    lengths = pick(random, dance.rhythms)
    run = [goal + side * step for step in range(len(lengths), 0, -1)]
    if random.random() < 0.3:
        run[-1] = goal - side
    return [list(zip(run, lengths, strict=True)), [(goal, sum(lengths) * (dance.beats - 1))]]


def part(random: Random, dance: Dance, tonic: int, center: int) -> str:
    """Draw eight bars that are played twice, perhaps with another last bar the second time."""
    *opening, late = pick(random, CHORDS)
    bars: list[Bar] = []
    pitch = center
    for root in opening:
        bars.append(bar(random, dance, tonic + root, pitch, center))
        pitch = bars[-1][-1][-1][0]
    bars.append(cadence(random, dance, tonic + FIFTH, pitch))
    bars += bars[:2]
    bars.append(bar(random, dance, tonic + late, bars[1][-1][-1][0], center))
    pitch = bars[-1][-1][-1][0]
    once, again = (written(cadence(random, dance, tonic, pitch)) for _ in range(2))
    end = f"|{once}:|" if random.random() < 0.5 or once == again else f"|1 {once}:|2 {again}||"
    return "|:" + "|".join(map(written, bars[:4])) + "|\n" + "|".join(map(written, bars[4:])) + end + "\n"


def written(beats: Bar) -> str:
    """Write a bar in ABC. The notes of a beat are not separated, so that they share a beam."""
    return " ".join("".join(spell(*note) for note in beat) for beat in beats)


def spell(pitch: int, length: int) -> str:
    octave, step = divmod(pitch, OCTAVE)
    letter = LETTERS[step]
    name = letter + "," * -octave if octave < 1 else letter.lower() + "'" * (octave - 1)
    return name + (str(length) if length > 1 else "")


def tune(random: Random, number: int) -> str:
    rhythm, key = pick(random, list(DANCES)), pick(random, KEYS.split())
    dance, tonic = DANCES[rhythm], LETTERS.index(key[0])
    head = f"X:{number}\nT:{title(random)}\nR:{rhythm}\nM:{dance.meter}\nL:1/8\nK:{key}\n"
    # The second part is higher than the first, as in many old dances.
    return head + part(random, dance, tonic, tonic + 2) + part(random, dance, tonic, tonic + 5)


def corpus() -> str:
    """Return the text of tunes.abc: tunes separated by blank lines."""
    random = Random(SEED)
    return "\n".join(tune(random, number) for number in range(1, TUNES + 1))


def main() -> int:
    text = corpus()
    try:
        (HERE / "tunes.abc").write_text(text, "ascii", newline="\n")
    except OSError as error:
        print(f"tunes.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"tunes.abc: {TUNES} tunes, {len(text)} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
