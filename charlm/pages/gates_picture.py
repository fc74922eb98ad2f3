"""The saturation of gates as a picture: a field for each gate and layer, a mark for each unit (Karpathy et al. 2015).

The horizontal axis is the share of the tokens at which a unit's gate is open, the vertical axis the share at which it
is shut. Bottom left: never saturated; bottom right: always open; top: always shut. The two shares sum to at most 1, so
there are no marks above the diagonal.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from charlm.analysis.gates import LEFT, RIGHT, Saturation
from charlm.errors import ConfigError
from charlm.files.atomic import write_atomic
from charlm.markup import safe
from charlm.pages.style import GROUND, LIGHT

_SIDE, _GAP, _EDGE, _TOP, _BOTTOM = 180, 44, 76, 34, 56  # of a field, between two, and around them all
_GROUND, _INK, _DIM, _RULE = GROUND["light"]
_ACROSS = f"open: share of the tokens at which the gate is above {RIGHT:g}"
_UP = f"shut: share of the tokens at which it is below {LEFT:g}"


def write(saturations: Sequence[Saturation], path: Path) -> None:
    """Write the picture. Raises ConfigError if the file's name does not end in .svg, and OSError."""
    if path.suffix != ".svg":
        raise ConfigError(f"cannot write {path}; the picture is SVG, so use a name that ends in .svg")
    write_atomic(path, svg(saturations).encode(errors="backslashreplace"))


def svg(saturations: Sequence[Saturation]) -> str:
    """The picture as SVG: a column for each gate, a row for each layer, the lowest layer first."""
    gates = list(dict.fromkeys(each.gate for each in saturations))
    layers = list(dict.fromkeys(each.layer for each in saturations))
    width = _EDGE + len(gates) * (_SIDE + _GAP)
    height = _TOP + len(layers) * (_SIDE + _GAP) + _BOTTOM - _GAP
    parts = []
    for each in saturations:
        column, row = gates.index(each.gate), layers.index(each.layer)
        parts.append(f'<g transform="translate({_EDGE + column * (_SIDE + _GAP)} {_TOP + row * (_SIDE + _GAP)})">')
        parts += [*_field(each), "</g>"]
    fields = "\n".join(parts)
    middle = _TOP + (height - _TOP - _BOTTOM) / 2
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"
 font-size="12" fill="{_INK}" text-anchor="middle">
<rect width="100%" height="100%" fill="{_GROUND}"/>
{fields}
<text x="{(_EDGE + width - _GAP) / 2}" y="{height - 10}">{safe(_ACROSS)}</text>
<text transform="translate(18 {middle}) rotate(-90)">{safe(_UP)}</text>
</svg>
"""


def _field(gate: Saturation) -> Iterator[str]:
    yield f'<text x="{_SIDE / 2}" y="-10" font-size="13">{safe(gate.gate)}, layer {gate.layer}</text>'
    yield f'<path d="M0 0H{_SIDE}V{_SIDE}H0ZM0 0L{_SIDE} {_SIDE}" fill="none" stroke="{_RULE}"/>'
    for tick in (0.0, 0.5, 1.0):
        yield f'<text x="{tick * _SIDE}" y="{_SIDE + 16}" fill="{_DIM}">{tick:g}</text>'
        yield f'<text x="-8" y="{(1 - tick) * _SIDE + 4}" fill="{_DIM}" text-anchor="end">{tick:g}</text>'
    yield f'<g fill="{LIGHT[1]}" fill-opacity="0.4">'
    for unit, (shut, opened) in enumerate(zip(gate.left, gate.right, strict=True), start=1):
        yield (
            f'<circle cx="{opened * _SIDE:.1f}" cy="{(1 - shut) * _SIDE:.1f}" r="3.5">'
            f"<title>unit {unit}: open {opened:.1%}, shut {shut:.1%}</title></circle>"
        )
    yield "</g>"
