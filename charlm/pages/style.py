"""What pages and pictures share: the skeleton of a page, and colors for light and dark.

The hues are those of Okabe & Ito (2008), which color-blind people can tell apart, dark or light enough for letters on
their background. Color is never the only carrier of a meaning.
"""

from charlm.analysis.token_classes import CLASSES
from charlm.markup import safe

LIGHT = ("#b84e00", "#0069a6", "#00725a", "#9b3a7d", "#0069a6", "#9b3a7d", "#776000", "#5c5c5c", "#767676", "#767676")
DARK = ("#f29a63", "#74bdf0", "#54cca6", "#e39ccb", "#74bdf0", "#e39ccb", "#d9bd52", "#b4b4b4", "#9a9a9a", "#9a9a9a")
GROUND = {"light": ("#ffffff", "#1d2127", "#5f6670", "#d9dce1"), "dark": ("#15181d", "#e6e8eb", "#9aa2ad", "#343a43")}
FONT = "system-ui, sans-serif"
WHITESPACE_SIGNS = str.maketrans({"\n": "↵", "\t": "⇥"})  # for text in which a space is seen between words
_ALL_SIGNS = {**WHITESPACE_SIGNS, ord(" "): "␣"}
_LONGEST_MARK = 16  # characters


def document(title: str, style: str, body: str) -> str:
    """A self-contained HTML page, light or dark like the reader's system; it may load nothing and run no script."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{safe(title)}</title>
<style>
{style}</style>
</head>
<body>
{body}</body>
</html>
"""


def titled(model: str, command: str) -> str:
    """The title of a page: the name of the model, and the command that wrote the page."""
    return f"{model}: {command}" if model else command


def section(title: str, explanation: str, inside: str) -> str:
    """A section of a page. explanation: a text below the title; "" for none."""
    words = f'<p class="what">{safe(explanation)}</p>\n' if explanation else ""
    return f"<section>\n<h2>{title}</h2>\n{words}{inside}\n</section>\n"


def sheet() -> str:
    """CSS for a picture: .ground, .ink, .dim and .rule, the lines .a and .b, and .k- with the name of a token class."""
    dark = _rules(*GROUND["dark"], DARK)
    return f"{_rules(*GROUND['light'], LIGHT)}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"


def _rules(ground: str, ink: str, dim: str, rule: str, colors: tuple[str, ...]) -> str:
    classes = "".join(
        f".k-{name} {{ fill: {color}; color: {color} }}\n" for name, color in zip(CLASSES, colors, strict=True)
    )
    first, second = (f"stroke: {colors[index]}; color: {colors[index]}" for index in (1, 0))
    return (
        f".ground {{ fill: {ground} }} .ink {{ fill: {ink} }} .dim {{ fill: {dim} }} .rule {{ stroke: {rule} }}\n"
        f".a {{ {first} }} .b {{ {second} }}\n{classes}"
    )


def mark(token: str) -> str:
    """A token as a mark in a picture, escaped: signs for whitespace, codes for what cannot be printed, cut if long."""
    short = token if len(token) <= _LONGEST_MARK else f"{token[: _LONGEST_MARK - 1]}…"
    return safe(short.translate(_ALL_SIGNS))
