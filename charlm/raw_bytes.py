"""Bytes that are not UTF-8, in a string: the byte 0xF1 is the lone surrogate U+DCF1, as in file names (PEP 383)."""

import re

ERRORS = "surrogateescape"  # the name of this convention as a codec's error handler
ESCAPED = re.compile("[\udc80-\udcff]")
_FIRST = 0xDC00


def to_bytes(text: str) -> bytes:
    """Return a text as UTF-8, and its escaped bytes unchanged. Another lone surrogate takes three bytes."""
    try:
        return text.encode("utf-8", ERRORS)
    except UnicodeEncodeError:
        return b"".join(each.encode("utf-8", ERRORS if ESCAPED.match(each) else "surrogatepass") for each in text)


def has_raw_bytes(text: str) -> bool:
    """Return whether the text has a byte that is not UTF-8."""
    try:
        text.encode()  # much faster than a search
    except UnicodeEncodeError:
        return ESCAPED.search(text) is not None
    return False


def byte_of(character: str) -> int:
    """Return the byte that an escaped character stands for."""
    return ord(character) - _FIRST


def visible(text: str) -> str:
    """Replace each byte that is not UTF-8 by its number, such as <0xF1>."""
    return ESCAPED.sub(lambda match: f"<0x{byte_of(match[0]):02X}>", text) if has_raw_bytes(text) else text
