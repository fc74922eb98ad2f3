"""Kinds of symbols, to be compared and coloured: a character by what it is, a longer symbol by how it begins."""

import unicodedata

CLASSES = ("vowel", "consonant", "letter", "capital", "word", "titled", "digit", "mark", "space", "end")
_VOWELS = frozenset("aeiouæœøı")


def class_of(symbol: str | None) -> str:
    """One of CLASSES; None is a control symbol, of which only the end is ever predicted.

    vowel and consonant are the small Latin letters, letter those of other scripts; word and titled are longer
    symbols, the second with a capital in front.    Accents do not count, nor does a space before a longer symbol.
    """
    if symbol is None:
        return "end"
    inner = symbol.strip()
    if not inner:
        return "space"
    first = unicodedata.normalize("NFD", inner)[0]
    if not first.isalpha():
        return "digit" if first.isdigit() else "mark"
    if len(unicodedata.normalize("NFC", inner)) > 1:
        return "titled" if first.isupper() else "word"
    if first.isupper():
        return "capital"
    if first in _VOWELS:
        return "vowel"
    return "consonant" if "LATIN" in unicodedata.name(first, "") else "letter"
