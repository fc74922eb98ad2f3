"""Classes of tokens, to compare and to color them: a character by its kind, a longer token by how it begins."""

import unicodedata

CLASSES = ("vowel", "consonant", "letter", "capital", "word", "titled", "digit", "mark", "space", "end")
_VOWELS = frozenset("aeiouæœøı")


def token_class(token: str | None) -> str:
    """One of CLASSES.

    None is a control token; the end is the only one that is ever predicted. `vowel` and `consonant` are lower-case
    Latin letters, `letter` those of other scripts. `word` and `titled` are longer tokens, the second with a capital
    first. Accents do not matter, nor does a space before a longer token.
    """
    if token is None:
        return "end"
    inner = token.strip()
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
