"""A map of the vocabulary as a picture: each token is its own mark, at the position of its vector."""

import io
from collections.abc import Sequence
from html import unescape
from pathlib import Path

from charlm.analysis.projection import Map
from charlm.analysis.token_classes import CLASSES, token_class
from charlm.errors import ConfigError
from charlm.files.atomic import write_atomic
from charlm.markup import safe
from charlm.pages.style import FONT, LIGHT, document, mark, sheet, titled

SUFFIXES = (".svg", ".html", ".png")
WIDTH, HEIGHT = 720, 480  # of the picture
_MARGIN = 36  # around the points


def write(token_map: Map, path: Path, model: str = "") -> None:
    """Write the map in the format of the file's suffix.

    Raises ConfigError for another suffix, or for .png without matplotlib; and OSError.
    """
    if path.suffix not in SUFFIXES:
        *others, last = SUFFIXES
        raise ConfigError(f"cannot write {path}: use {', '.join(others)} or {last}")
    if path.suffix == ".png":
        _write_png(token_map, path)
        return
    picture = svg(token_map) if path.suffix == ".svg" else page(token_map, model)
    write_atomic(path, picture.encode(errors="backslashreplace"))


def svg(token_map: Map) -> str:
    """The map as a stand-alone SVG picture."""
    caption = safe(token_map.caption)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + 24}" font-family="{FONT}">
<style>
{sheet()}</style>
<rect class="ground" width="100%" height="100%"/>
{marks(token_map)}
<text class="dim" x="{WIDTH / 2}" y="{HEIGHT + 12}" font-size="12" text-anchor="middle">{caption}</text>
</svg>
"""


def page(token_map: Map, model: str = "") -> str:
    """The map as a self-contained HTML page with a legend. model: its name, for the heading and the title."""
    style = f"""{sheet()}:root {{ color-scheme: light dark }}
body {{ font: 15px/1.5 {FONT}; max-width: 75em; margin: 1em auto; padding: 0 1em }}
div {{ overflow-x: auto }} svg {{ width: 100%; min-width: 38rem; height: auto }}
b {{ font-weight: 600; margin-right: .8em }}
h1 {{ font-size: 1.5em; line-height: 1.2 }}
"""
    body = f"""<h1>{safe(f"The tokens of the model {model}" if model else "The tokens")}</h1>
<div><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="A map of the tokens">
{marks(token_map)}
</svg></div>
<p>{safe(token_map.caption)}</p>
<p>{legend(token_map)}</p>
"""
    return document(titled(model, "charlm embed map"), style, body)


def legend(token_map: Map) -> str:
    """The names of the token classes on the map, each in its color, as HTML."""
    return " ".join(f'<b class="k-{name}">{name}</b>' for name in token_map.classes())


def marks(token_map: Map) -> str:
    """The tokens as SVG text in a field of WIDTH × HEIGHT; the more there are, the smaller they are."""
    size = _font_size(token_map.tokens)
    texts = (
        f'<text class="k-{token_class(token)}" x="{x:.1f}" y="{y + size / 3:.1f}">{mark(token)}'
        f"<title>{safe(repr(token))}</title></text>"
        for token, (x, y) in zip(token_map.tokens, _positions(token_map), strict=True)
    )
    return f'<g font-size="{size}" text-anchor="middle">\n' + "\n".join(texts) + "\n</g>"


def _font_size(tokens: Sequence[str]) -> int:
    characters = sum(map(len, tokens))
    return 18 if characters <= 60 else 14 if characters <= 150 else 10


def _positions(token_map: Map) -> list[tuple[float, float]]:
    """The positions of the tokens in the field: the points are scaled to fill it, and their second axis goes up."""
    axes = []
    for size, values, up in zip((WIDTH, HEIGHT), token_map.points.T.tolist(), (False, True), strict=True):
        low, high = min([0.0, *values]), max([0.0, *values])
        shares = ((value - low) / ((high - low) or 1.0) for value in values)
        axes.append([_MARGIN + (1 - share if up else share) * (size - 2 * _MARGIN) for share in shares])
    return list(zip(*axes, strict=True))


def _write_png(token_map: Map, path: Path) -> None:
    try:
        from matplotlib.figure import Figure  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        problem = "PNG files need matplotlib, which is not installed"
        raise ConfigError(f"{problem}; pip install matplotlib, or write {path.with_suffix('.svg')}") from None
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=200)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    axes.set_axis_off()
    points = 0.72 * _font_size(token_map.tokens)  # from pixels
    for token, (x, y) in zip(token_map.tokens, _positions(token_map), strict=True):
        color, text = LIGHT[CLASSES.index(token_class(token))], unescape(mark(token))
        axes.text(x, y, text, color=color, size=points, ha="center", va="center", parse_math=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_atomic(path, buffer.getvalue())
