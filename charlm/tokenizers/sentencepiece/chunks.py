"""Cut a text into chunks that sentencepiece may see, and the withheld characters between them.

Withheld characters are those that sentencepiece would change or drop. The cuts depend on the text alone, not on its
pieces: before and after a withheld character and, in a chunk longer than LONGEST, before the last word that does not
fit, or after LONGEST characters if no word begins in them.
"""

import re
from collections.abc import Iterable, Iterator

LONGEST = 1024  # characters of a chunk; sentencepiece's trainer drops sentences of more than 4,192 bytes
# Control characters, some of which the trainer treats as marks; ▁, which it writes for a space and reads as one; ▅,
# which makes it drop the sentence; surrogates, which have no UTF-8.
WITHHELD = frozenset(map(chr, (*range(0x20), 0x7F, 0x2581, 0x2585, *range(0xD800, 0xE000))))
_WITHHELD = re.compile(f"([{''.join(sorted(WITHHELD))}])")
_CHUNK = re.compile(rf".{{1,{LONGEST}}}(?<! )(?= )|.{{1,{LONGEST}}}")


def split_chunks(pieces: Iterable[str]) -> Iterator[list[str]]:
    """Yield the chunks and withheld characters of a text, in order, none empty; the pieces may be cut anywhere.

    At most one chunk is held back between two pieces.
    """
    rest = ""
    for piece in pieces:
        *complete, rest = _WITHHELD.split(rest + piece)
        *begun, rest = _cut(rest)
        yield [chunk for part in complete for chunk in _cut(part) if chunk] + begun
    yield [rest] if rest else []


def _cut(text: str) -> list[str]:
    """Cut a text into chunks of at most LONGEST characters; more text after it changes only the last chunk."""
    chunks, offset = [], 0
    while len(text) - offset > LONGEST:
        match = _CHUNK.match(text, offset)
        assert match is not None  # the second alternative matches any text
        chunks.append(match[0])
        offset = match.end()
    return [*chunks, text[offset:]]
