"""How pictures and pages look: colours for the classes of symbols, for light and dark, and text that is safe in XML.

The hues are those of Okabe & Ito (2008), which colour-blind people tell apart, as dark or as light as letters need to
be on their ground; no colour says what is not also written there.
"""

from html import escape

from charlm.analysis.symbol_classes import CLASSES

LIGHT = ("#b84e00", "#0069a6", "#00725a", "#9b3a7d", "#0069a6", "#9b3a7d", "#776000", "#5c5c5c", "#767676", "#767676")
DARK = ("#f29a63", "#74bdf0", "#54cca6", "#e39ccb", "#74bdf0", "#e39ccb", "#d9bd52", "#b4b4b4", "#9a9a9a", "#9a9a9a")
GROUND = {"light": ("#ffffff", "#1d2127", "#5f6670", "#d9dce1"), "dark": ("#15181d", "#e6e8eb", "#9aa2ad", "#343a43")}
_SIGNS = str.maketrans({" ": "␣", "\n": "↵", "\t": "⇥"})
_LONGEST = 16  # characters of a mark

NO_NETWORK = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    '<meta name="viewport" content="width=device-width">\n<meta name="color-scheme" content="light dark">\n'
)


def sheet() -> str:
    """The style of a picture: .ground, .ink, .dim, .rule, the lines .a and .b, and .k- with each class of symbols."""
    dark = _rules(*GROUND["dark"], DARK)
    return f"{_rules(*GROUND['light'], LIGHT)}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"


def _rules(ground: str, ink: str, dim: str, rule: str, colours: tuple[str, ...]) -> str:
    classes = "".join(
        f".k-{name} {{ fill: {colour}; color: {colour} }}\n" for name, colour in zip(CLASSES, colours, strict=True)
    )
    first, second = (f"stroke: {colours[place]}; color: {colours[place]}" for place in (1, 0))
    return (
        f".ground {{ fill: {ground} }} .ink {{ fill: {ink} }} .dim {{ fill: {dim} }} .rule {{ stroke: {rule} }}\n"
        f".a {{ {first} }} .b {{ {second} }}\n{classes}"
    )


def mark(symbol: str) -> str:
    """A symbol as its own mark, escaped: whitespace by signs, what is not printed by its code, a long one cut."""
    short = symbol if len(symbol) <= _LONGEST else f"{symbol[: _LONGEST - 1]}…"
    return safe(short.translate(_SIGNS))


def safe(text: str) -> str:
    """Text escaped for HTML and XML; what neither can hold, or what turns the direction of writing, by its code."""
    return escape("".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text))
