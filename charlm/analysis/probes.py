"""Probes: properties of a text that a unit may track (Karpathy et al. 2015), each a number per character.

A probe counts after the character: an opening quotation mark has 1, a closing one has 0.
"""

from collections.abc import Callable, Iterator

_OPENING, _CLOSING = "([{", ")]}"


def quotes(text: str) -> Iterator[float]:
    """1 between quotation marks, straight or curved; an empty line ends an open quotation."""
    inside = False
    for index, character in enumerate(text):
        if character == '"':
            inside = not inside
        elif character in "“”":
            inside = character == "“"
        elif text[max(0, index - 1) : index + 1] == "\n\n":
            inside = False
        yield float(inside)


def depth(text: str) -> Iterator[float]:
    """Number of open brackets: ( [ {."""
    level = 0
    for character in text:
        level = max(0, level + (character in _OPENING) - (character in _CLOSING))
        yield float(level)


def brackets(text: str) -> Iterator[float]:
    """1 inside brackets."""
    return (min(1.0, level) for level in depth(text))


def column(text: str) -> Iterator[float]:
    """Number of characters since the line began."""
    count = 0
    for character in text:
        count = 0 if character == "\n" else count + 1
        yield float(count)


def word(text: str) -> Iterator[float]:
    """Position in a word: 1 at its first letter, 2 at its second, and so on; 0 between words."""
    count = 0
    for character in text:
        count = count + 1 if character.isalnum() else 0
        yield float(count)


def capitals(text: str) -> Iterator[float]:
    """1 at a capital letter."""
    return (float(character.isupper()) for character in text)


def comment(text: str) -> Iterator[float]:
    """1 in a comment: from # or // to the end of the line, and from /* to */; quotation marks do not matter."""
    end = ""
    for index, character in enumerate(text):
        pair = text[max(0, index - 1) : index + 1]
        if end:
            end = "" if end in (character, pair) else end
        elif character == "#" or pair == "//":
            end = "\n"
        elif pair == "/*":
            end = "*/"
        yield float(bool(end))


PROBES: dict[str, Callable[[str], Iterator[float]]] = {
    each.__name__: each for each in (quotes, brackets, depth, column, word, capitals, comment)
}
