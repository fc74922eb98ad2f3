"""charlm neurons: what single units and gates do while a text is read."""

import itertools
import shutil
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charlm.analysis.probes import PROPERTIES
from charlm.cli.inputs import load_model_and_text
from charlm.cli.options import Json, Model, Quiet, one_of
from charlm.cli.output import say, write, write_json
from charlm.errors import ConfigError

if TYPE_CHECKING:
    from charlm.analysis.gates import Saturation
    from charlm.analysis.neurons import Follower
    from charlm.language_model import LanguageModel
    from charlm.tokenizers import Ids

_MOST = 20_000  # symbols read
_BEST = 10  # units in a ranking


def neurons(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="A text; - is stdin.")] = None,
    file: Annotated[str | None, typer.Option("--file", help="A file of text: its first 20,000 symbols.")] = None,
    model: Model = None,
    unit: Annotated[int | None, typer.Option(help="Which unit, from 1. Default: the one that varies most.")] = None,
    layer: Annotated[int | None, typer.Option(help="Which layer, from 1, the lowest. Default: the highest.")] = None,
    find: Annotated[
        str | None,
        typer.Option(
            metavar="PROPERTY",
            help=f"Which units of all layers follow it: {', '.join(PROPERTIES)}.",
            autocompletion=one_of(list(PROPERTIES)),
        ),
    ] = None,
    gates: Annotated[bool, typer.Option("--gates", help="How often each gate is shut, and open.")] = False,
    saturation: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it for each unit into this .svg.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """What single units do while a text is read.

    The text colored by the activation of one unit; or the units that follow a property of the text, such as being
    inside brackets or the column; or how far the gates are open.

    Example: charlm neurons --find brackets --file code.py
    """
    gates = gates or saturation is not None
    if (find is not None) + gates + (unit is not None) > 1 or (layer is not None and (gates or find is not None)):
        raise ConfigError("give one of --unit (and --layer), --find and --gates; the last two look at all layers")
    if find is not None and find not in PROPERTIES:
        raise ConfigError(f"no property is named {find!r}; there are: {', '.join(PROPERTIES)}")
    language_model, read = load_model_and_text(model, text, file, quiet)

    from charlm.analysis.gates import saturations
    from charlm.analysis.neurons import follow
    from charlm.analysis.reading import rows
    from charlm.pages import gates_picture

    texts = rows(language_model.tokenizer, read, language_model.config.sequence, _MOST)
    if not texts:
        raise ConfigError("the text is empty; give one with characters in it")
    symbols = sum(map(len, texts))
    say(f"the first {_MOST:,} symbols are read", quiet or symbols < _MOST)
    if gates:
        found = saturations(language_model.network, texts)
        if not found:
            raise ConfigError(f"the cell of this model, {language_model.config.cell}, has no gates")
        if saturation is not None:
            gates_picture.write(found, saturation)
            say(f"a mark for each unit in {saturation}", quiet)
        _show_gates(found, json)
    elif find is not None:
        best = follow(language_model.network, language_model.tokenizer, texts, find, _BEST)
        _show_followers(best, find, symbols, json)
    else:
        _show_unit(language_model, texts, layer, unit, json)


def _show_unit(model: "LanguageModel", texts: "list[Ids]", layer: int | None, unit: int | None, json: bool) -> None:
    from charlm.analysis.neurons import activations
    from charlm.analysis.reading import shown
    from charlm.cli.view.heat_text import STYLES, HeatText

    layer = _number("layer", layer, model.config.layers or 1)
    values = activations(model.network, texts)[:, layer - 1]  # (n, H)
    unit = int(values.var(axis=0).argmax()) + 1 if unit is None else _number("unit", unit, values.shape[1])
    activation = values[:, unit - 1].tolist()
    tokens = [shown(model.tokenizer, row) for row in texts]
    if json:
        write_json({"layer": layer, "unit": unit, "tokens": list(itertools.chain(*tokens)), "activations": activation})
        return
    low, high = min(activation), max(activation)
    steps = iter(int((each - low) / ((high - low) or 1.0) * len(STYLES)) for each in activation)
    page = HeatText()
    for line in tokens:
        for token in line:
            page.put(token, min(next(steps), len(STYLES) - 1))
        page.end()
    page.legend(f"unit {unit} of layer {layer}")
    write(f"0 is {low:.2f}, its least in this text, and {len(STYLES) - 1} is {high:.2f}, its most\n")


def _number(name: str, asked: int | None, there: int) -> int:
    """Raises ConfigError for one that the model does not have; without one it is the last."""
    if asked is None or 1 <= asked <= there:
        return asked or there
    last = f"{name}s are 1 to {there}" if there > 1 else f"it has one {name}"
    raise ConfigError(f"there is no {name} {asked} in this model; {last}")


def _show_followers(best: "list[Follower]", find: str, symbols: int, json: bool) -> None:
    if json:
        units = [{**asdict(each), "follows": each.follows} for each in best]
        write_json({"find": find, "symbols": symbols, "units": units})
        return
    lines = [f"{'layer':>5} {'unit':>6} {'r, found':>10} {'r, confirmed':>14} {'by chance':>11}  follows"]
    for each in best:
        figures = f"{each.found:>10.3f} {each.confirmed:>14.3f} {each.chance:>11.3f}"
        lines.append(f"{each.layer:>5} {each.unit:>6} {figures}  {'yes' if each.follows else 'no'}")
    _write_with(
        lines,
        f"r is Pearson's correlation of a unit with {find}: the first half of {symbols:,} symbols chose the units, the"
        " second confirms them; chance is what 99 of 100 shifts of the property along the text stay below",
    )


def _show_gates(found: "list[Saturation]", json: bool) -> None:
    from charlm.cli.view.plot import histogram, scatter

    if json:
        for each in found:
            write_json(asdict(each))
        return
    lines = ["layer gate  0    values    1   below 0.1  above 0.9"]
    for each in found:
        left, right = (sum(side) / len(side) for side in (each.left, each.right))
        lines.append(f"{each.layer:>5} {each.gate:<4}  {histogram(each.histogram)}  {left:>9.1%}  {right:>9.1%}")
    width = shutil.get_terminal_size().columns
    for layer, parts in itertools.groupby(found, lambda each: each.layer):
        fields = {f"{each.gate}, layer {layer}": list(zip(each.right, each.left, strict=True)) for each in parts}
        lines += ["", *scatter(fields, width)]
    _write_with(
        lines,
        "below 0.1 a gate lets nothing through (left-saturated), above 0.9 all (right-saturated); the shares are of all"
        " units and symbols; in the fields a digit is the number of units there, + ten and more: across the share of"
        " symbols above 0.9, upward of those below 0.1",
    )


def _write_with(lines: list[str], explanation: str) -> None:
    width = shutil.get_terminal_size().columns
    write("\n".join([*lines, "", *textwrap.wrap(explanation, width, break_on_hyphens=False)]) + "\n")
