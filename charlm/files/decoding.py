"""Decode bytes to text, and recognize what is not UTF-8: UTF-16, UTF-32, lines of Latin-1, and binary files.

UTF-16 and UTF-32 are recognized by their byte order mark, or by their NULs, since such a text may be valid UTF-8.
"""

import codecs
import itertools
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from charlm import raw_bytes
from charlm.errors import CharlmError, CorpusError
from charlm.files.origin import Origin
from charlm.wording import plural

MARK = b"\xef\xbb\xbf"  # byte order mark in UTF-8
_MARKS = {  # that of UTF-32 begins with that of UTF-16
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_INSPECTED = 4096  # bytes from which an encoding without a mark is recognized
_NOT_TEXT = ("Cc", "Cn", "Co", "Cs")  # categories of Unicode: control, not assigned, private, surrogate
_SPACES = "\t\n\v\f\r"
_FEW = 0.02  # share of the characters that may be in these categories
_NEARLY_ALL = 0.9  # share of the characters whose high byte has one of two values: those of a script, and 0
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\v\f\r\x1b")) + b"\x7f"
_BEGINNING = 2**16  # bytes from which a binary file is recognized
_MANY_CONTROLS = 0.005  # share of the bytes of a binary file
_LONGEST = 2**24  # bytes of a line that is examined as a whole
_WINDOWS_1252 = frozenset(range(0x80, 0xA0)) - {0x81, 0x8D, 0x8F, 0x90, 0x9D}  # of these, Latin-1 has none
_ONLY_LATIN1_LINES = "perl -pe 'utf8::encode($_) if !utf8::decode($line = $_)'"


class Defects(NamedTuple):
    """The lines of a text that are not UTF-8."""

    lines: int  # in all
    wrong: int  # not UTF-8
    is_mixed: bool  # other lines are UTF-8, and not only ASCII
    high: frozenset[int]  # the bytes from 0x80 on in the wrong lines


def examine(blocks: Iterable[bytes]) -> Defects:
    """Find the lines that are not UTF-8 in a text that comes in blocks, cut anywhere."""
    lines, wrong, is_mixed, high = 0, 0, False, set[int]()
    for part in _whole_lines(blocks):
        lines += part.count(b"\n") + (not part.endswith(b"\n"))
        for line in [part] if _is_utf8(part, complete=True) else part.split(b"\n"):
            if _is_utf8(line, complete=True):
                is_mixed |= not line.isascii()
            else:
                wrong += 1
                high.update(byte for byte in set(line) if byte >= 0x80)
    return Defects(lines, wrong, is_mixed, frozenset(high))


def note_raw_bytes(origin: Origin, defects: Defects, notes: list[str]) -> None:
    """Note how many lines are not UTF-8, in a text whose bytes are kept."""
    share = f"{defects.wrong:,} of {plural(defects.lines, 'line')}"
    notes.append(f"{origin.name} is not UTF-8 in {share}; the bytes are read unchanged")


def note_mark(origin: Origin, notes: list[str]) -> None:
    """Note that a byte order mark was removed."""
    notes.append(f"{origin.name} begins with a byte order mark, which was removed")


def refuse_other_encoding(origin: Origin, data: bytes, kind: type[CharlmError] = CorpusError) -> None:
    """Raise an error of this kind if the first bytes of a text are UTF-16 or UTF-32."""
    if encoding := recognize(data):
        cure = origin.through(f"iconv -f {encoding} -t UTF-8")
        raise kind(f"{origin.name} is {encoding[:6]}, not UTF-8; convert it: {cure}")


def recognize(data: bytes) -> str | None:
    """Return iconv's name of the encoding if the first bytes of a text are UTF-16 or UTF-32; otherwise None."""
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return encoding
    head = data[:_INSPECTED]
    if head.count(0) < 2:
        return None
    for encoding in ("UTF-32LE", "UTF-32BE"):
        if _is_plausible(head, encoding):
            return encoding
    even, odd = head[: len(head) // 2 * 2 : 2], head[1::2]
    encoding, high, low = ("UTF-16LE", odd, even) if odd.count(0) > even.count(0) else ("UTF-16BE", even, odd)
    if high.count(0) <= low.count(0) or not _is_plausible(head, encoding):
        return None
    # Bytes of ASCII with some NULs may be Chinese in UTF-16. But Chinese in UTF-16 is hardly ever valid UTF-8.
    of_one_script = sum(sorted(map(high.count, set(high)))[-2:]) >= _NEARLY_ALL * len(high)
    return encoding if of_one_script or not _is_utf8(head, complete=False) else None


def refuse_binary(origin: Origin, data: bytes) -> None:
    """Raise CorpusError if the first bytes of a file are neither UTF-8 nor text in another encoding."""
    if is_binary(data):
        raise CorpusError(f"{origin.name} is a binary file, not text", remedy="byte_tokenizer")


def is_binary(data: bytes) -> bool:
    """Return whether the first bytes of a file are not text in any encoding: not UTF-8, with NULs or many controls."""
    data = data[:_BEGINNING]
    if _is_utf8(data, complete=False):
        return False
    return 0 in data or len(data) - len(data.translate(None, _CONTROLS)) > _MANY_CONTROLS * len(data)


def decode_stream(
    origin: Origin, blocks: Iterable[bytes], notes: list[str], *, any_bytes: bool = False
) -> Iterator[str]:
    """Decode a text that can be read only once, and note a byte order mark; the rest is as in `decode_blocks`."""
    rest = iter(blocks)
    first = b""
    while any(len(first) < len(mark) and mark.startswith(first) for mark in (MARK, *_MARKS)):
        if not (more := next(rest, b"")):
            break
        first += more
    refuse_other_encoding(origin, first)
    offset = len(MARK) * first.startswith(MARK)
    if offset:
        note_mark(origin, notes)
    return decode_blocks(origin, itertools.chain([first[offset:]], rest), offset, any_bytes=any_bytes)


def decode_blocks(
    origin: Origin,
    blocks: Iterable[bytes],
    offset: int = 0,
    *,
    any_bytes: bool = False,
    reread: Callable[[], Iterable[bytes]] | None = None,
) -> Iterator[str]:
    """Decode UTF-8 blocks, cut anywhere, into pieces, each of which ends after its last newline if it has one.

    offset: position of the first block in the file. any_bytes: keep bytes that are not UTF-8 (`charlm.raw_bytes`).
    Without it, they raise CorpusError, which names the position, after the lines before them. reread: returns the whole
    text again, so that the error can say how many of its lines are not UTF-8.
    """
    errors = raw_bytes.ERRORS if any_bytes else "strict"
    cut, line, number = b"", "", 1  # the incomplete character and line at the end of the last block, and its number
    for data in itertools.chain(blocks, [b""]):
        block = cut + data
        try:
            text, used = codecs.utf_8_decode(block, errors, not data)
        except UnicodeDecodeError as error:
            before = line + block[: error.start].decode()
            number += before.count("\n")
            if whole := before[: before.rfind("\n") + 1]:
                yield whole
            refuse_binary(origin, block)
            defects = examine(reread() if reread else [block])
            position = f"byte {block[error.start]:#04x} at offset {offset + error.start:,}, line {number:,}"
            if reread and defects.wrong > 1:
                position += f", the first of {defects.wrong:,} such lines"
            raise _not_utf8(origin, position, defects) from None
        offset += used
        cut = block[used:]
        number += text.count("\n")
        end = (text.rfind("\n") + 1 or len(text)) if data else len(text)
        if line or end:
            yield line + text[:end]
        line = text[end:]


def _not_utf8(origin: Origin, position: str, defects: Defects) -> CorpusError:
    """Return the error for a text that is not UTF-8 at a position, with what to try."""
    message = f"{origin.name} is not UTF-8 text: {position}"
    c1 = {byte for byte in defects.high if byte < 0xA0}
    if defects.is_mixed:
        only = "convert only these"
        if not c1:
            only = f"if these are Latin-1, convert only them: {origin.through(_ONLY_LATIN1_LINES)}"
        return CorpusError(f"{message}; other lines are UTF-8, so {only}", remedy="byte_tokenizer")
    name, code = ("Windows-1252", "WINDOWS-1252") if c1 else ("Latin-1", "LATIN1")
    if c1 - _WINDOWS_1252:
        return CorpusError(f"{message}; convert it from its encoding to UTF-8")
    return CorpusError(f"{message}; if it is {name}, convert it: {origin.through(f'iconv -f {code} -t UTF-8')}")


def _is_plausible(data: bytes, encoding: str) -> bool:
    """Return whether bytes are two characters or more in an encoding, which nearly all exist, and none is NUL."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return False
    strange = sum(unicodedata.category(each) in _NOT_TEXT for each in text if each not in _SPACES)
    return len(text) > 1 and "\0" not in text and strange <= _FEW * len(text)


def _is_utf8(data: bytes, *, complete: bool) -> bool:
    """Return whether bytes are UTF-8; the last character may be cut unless they are complete."""
    try:
        codecs.utf_8_decode(data, "strict", complete)
    except UnicodeDecodeError:
        return False
    return True


def first_bytes(blocks: Iterable[bytes]) -> bytes:
    """Return the beginning of a text, long enough for `recognize`."""
    data = b""
    for block in blocks:
        data += block
        if len(data) >= _INSPECTED:
            break
    return data


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in parts that end with a line, unless the line is very long."""
    rest = b""
    for block in blocks:
        data = rest + block
        end = data.rfind(b"\n") + 1 or (len(data) if len(data) > _LONGEST else 0)
        if end:
            yield data[:end]
        rest = data[end:]
    if rest:
        yield rest
