"""A map of the symbols as a picture: each stands at the place of its vector, and is its own mark."""

import io
from collections.abc import Sequence
from html import unescape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charlm.analysis.projection import Map
from charlm.analysis.symbol_classes import CLASSES, class_of
from charlm.errors import ConfigError
from charlm.files.atomic import write_atomic
from charlm.pages.style import LIGHT, NO_NETWORK, mark, safe, sheet

SUFFIXES = (".svg", ".html", ".png")
WIDTH, HEIGHT, _EDGE = 720, 480, 36  # of a picture, and of what stays free around the points


def write(found: Map, path: Path) -> None:
    """As the suffix says. Raises ConfigError for another one, or for a .png without matplotlib; OSError."""
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path} ends in no picture's suffix; it must be one of {', '.join(SUFFIXES)}")
    if path.suffix == ".png":
        _write_png(found, path)
        return
    picture = svg(found) if path.suffix == ".svg" else page(found)
    write_atomic(path, picture.encode())


def svg(found: Map) -> str:
    """The map as a picture of its own."""
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + 24}" font-family="{_FONT}">
<style>
{sheet()}</style>
<rect class="ground" width="100%" height="100%"/>
{drawing(found)}
<text class="dim" x="{WIDTH / 2}" y="{HEIGHT + 12}" font-size="12" text-anchor="middle">{safe(found.caption)}</text>
</svg>
"""


def page(found: Map) -> str:
    """The map as a page by itself, which fetches nothing and runs nothing."""
    legend = " ".join(f'<b class="k-{kind}">{kind}</b>' for kind in found.classes())
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{NO_NETWORK}<title>charlm embed map</title>
<style>
{sheet()}:root {{ color-scheme: light dark }}
body {{ font: 15px/1.5 {_FONT}; max-width: 75em; margin: 1em auto; padding: 0 1em }}
div {{ overflow-x: auto }} svg {{ width: 100%; min-width: 38rem; height: auto }}
b {{ font-weight: 600; margin-right: .8em }}
</style>
</head>
<body>
<div><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="A map of the symbols">
{drawing(found)}
</svg></div>
<p>{safe(found.caption)}</p>
<p>{legend}</p>
</body>
</html>
"""


_FONT = "system-ui, sans-serif"


def drawing(found: Map) -> str:
    """The marks, in a field of WIDTH × HEIGHT; the more there are, the smaller they are."""
    size = _size(found.symbols)
    marks = (
        f'<text class="k-{class_of(name)}" x="{x:.1f}" y="{y + size / 3:.1f}">{mark(name)}'
        f"<title>{safe(repr(name))}</title></text>"
        for name, (x, y) in zip(found.symbols, _placed(found.points).tolist(), strict=True)
    )
    return f'<g font-size="{size}" text-anchor="middle">\n' + "\n".join(marks) + "\n</g>"


def _size(symbols: Sequence[str]) -> int:
    count = sum(map(len, symbols))
    return 18 if count <= 60 else 14 if count <= 150 else 10


def _placed(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where each lies in the field (n, 2): the plane is scaled to fill it, its second axis upward."""
    low, high = points.min(0, initial=0.0), points.max(0, initial=0.0)
    share = (points - low) / np.maximum(high - low, np.finfo(float).tiny)
    share[:, 1] = 1 - share[:, 1]
    placed: NDArray[np.float64] = _EDGE + share * (np.array([WIDTH, HEIGHT]) - 2 * _EDGE)
    return placed


def _write_png(found: Map, path: Path) -> None:
    try:
        from matplotlib.figure import Figure  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        need = "a PNG is drawn by matplotlib, which is not installed"
        raise ConfigError(f"{need}: pip install matplotlib, or write {path.with_suffix('.svg')}") from None
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=200)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    axes.set_axis_off()
    for name, (x, y) in zip(found.symbols, _placed(found.points).tolist(), strict=True):
        colour = LIGHT[CLASSES.index(class_of(name))]
        text = unescape(mark(name))
        points = 0.72 * _size(found.symbols)
        axes.text(x, y, text, color=colour, size=points, ha="center", va="center", parse_math=False)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    write_atomic(path, drawn.getvalue())
