"""Properties of a text that a unit may follow (Karpathy 2015, arXiv:1506.02078), each a number for every character.

Where something is open is counted after the character: 1 at an opening quotation mark, 0 at the closing one.
"""

from collections.abc import Callable, Iterator

_OPENING, _CLOSING = "([{", ")]}"


def quotes(text: str) -> Iterator[float]:
    """1 between quotation marks, straight or curved; an empty line closes what was left open."""
    inside = False
    for place, character in enumerate(text):
        if character == '"':
            inside = not inside
        elif character in "“”":
            inside = character == "“"
        elif text[max(0, place - 1) : place + 1] == "\n\n":
            inside = False
        yield float(inside)


def depth(text: str) -> Iterator[float]:
    """How many brackets are open, ( [ or {."""
    now = 0
    for character in text:
        now = max(0, now + (character in _OPENING) - (character in _CLOSING))
        yield float(now)


def brackets(text: str) -> Iterator[float]:
    """1 where any is open."""
    return (min(1.0, now) for now in depth(text))


def column(text: str) -> Iterator[float]:
    """Characters since the line began."""
    since = 0
    for character in text:
        since = 0 if character == "\n" else since + 1
        yield float(since)


def word(text: str) -> Iterator[float]:
    """1 at the first letter of a word, 2 at the second, ...; 0 between words."""
    since = 0
    for character in text:
        since = since + 1 if character.isalnum() else 0
        yield float(since)


def capitals(text: str) -> Iterator[float]:
    """1 at a capital letter."""
    return (float(character.isupper()) for character in text)


def comment(text: str) -> Iterator[float]:
    """1 in a comment: from # or // to the end of the line, from /* to */, in quotation marks too."""
    until = ""
    for place, character in enumerate(text):
        two = text[max(0, place - 1) : place + 1]
        if until:
            until = "" if until in (character, two) else until
        elif character == "#" or two == "//":
            until = "\n"
        elif two == "/*":
            until = "*/"
        yield float(bool(until))


PROPERTIES: dict[str, Callable[[str], Iterator[float]]] = {
    each.__name__: each for each in (quotes, brackets, depth, column, word, capitals, comment)
}
