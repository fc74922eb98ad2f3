"""Text in Markdown: nothing in it leaves its block, and no control character is left."""

import re

# Line ends, marks that change the direction of writing, and what UTF-8 or YAML cannot hold.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def printable(text: str, but: str = "") -> str:
    """Replace control characters, except those in `but`, by their code in Python and YAML."""
    return _CONTROL.sub(lambda match: match[0] if match[0] in but else ascii(match[0])[1:-1], text)


def block(text: str, language: str) -> str:
    """Return a code block whose fence nothing in the text closes."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def code_span(text: str) -> str:
    """Return a code span that nothing in the text closes."""
    ticks, space = "`" * (_longest_run(text) + 1), " " * (text.strip("`") != text)
    return ticks + space + text + space + ticks


def _longest_run(text: str) -> int:
    """Return the length of the longest run of backticks."""
    return max(map(len, re.findall("`+", text)), default=0)
