"""A text cut into stretches that sentencepiece may see, and the characters between them, which it would change or drop.

The cuts depend on the text alone, not on how it came: before and after a character that is withheld, and in a stretch
that is longer than LONGEST before the last word that does not fit, or after so many characters where no word begins.
"""

import re
from collections.abc import Iterable, Iterator

LONGEST = 1024  # characters of a stretch; sentencepiece drops sentences of more than 4,192 bytes when it trains
# Control characters, some of which its trainer takes for marks; ▁, which it writes for a space and reads as one; ▅, for
# which it drops a sentence; surrogates, which have no UTF-8.
WITHHELD = frozenset(map(chr, (*range(0x20), 0x7F, 0x2581, 0x2585, *range(0xD800, 0xE000))))
_WITHHELD = re.compile(f"([{''.join(sorted(WITHHELD))}])")
_CUT = re.compile(rf".{{1,{LONGEST}}}(?<! )(?= )|.{{1,{LONGEST}}}")


def split_chunks(pieces: Iterable[str]) -> Iterator[list[str]]:
    """The parts, in order, of one text that comes in pieces, cut anywhere; a part is not empty.

    What is held back at any time is one stretch.
    """
    rest = ""
    for piece in pieces:
        *done, rest = _WITHHELD.split(rest + piece)
        *begun, rest = _short(rest)
        yield [part for each in done for part in _short(each) if part] + begun
    yield [rest] if rest else []


def _short(stretch: str) -> list[str]:
    """In parts of at most LONGEST characters; all but the last remain as they are when the stretch goes on."""
    found, place = [], 0
    while len(stretch) - place > LONGEST:
        cut = _CUT.match(stretch, place)
        assert cut is not None
        found.append(cut[0])
        place = cut.end()
    return [*found, stretch[place:]]
