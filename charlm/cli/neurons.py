"""charlm neurons: activations of single units and gates while a text is read."""

import itertools
import shutil
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charlm.analysis.probes import PROBES
from charlm.cli.inputs import load_model_and_text
from charlm.cli.options import Json, Model, Overwrite, Quiet, one_of, output_option
from charlm.cli.output import say, say_renamed, write, write_json, write_lines
from charlm.errors import ConfigError
from charlm.files.atomic import check_output
from charlm.wording import plural

if TYPE_CHECKING:
    from charlm.analysis.gates import Saturation
    from charlm.analysis.neurons import UnitCorrelation
    from charlm.language_model import LanguageModel
    from charlm.tokenizers import Ids

_MOST = 20_000  # tokens that are read
_RANKED = 10  # units in a ranking


def neurons(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="A text, or - for stdin.")] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help=f"Read the first {_MOST:,} tokens of this file.")
    ] = None,
    model: Model = None,
    unit: Annotated[
        int | None, typer.Option(help="Unit to show, counted from 1. Default: the one that varies most.")
    ] = None,
    layer: Annotated[
        int | None, typer.Option(help="Layer to show, counted from 1, the lowest. Default: the highest.")
    ] = None,
    find: Annotated[
        str | None,
        typer.Option(
            metavar="PROPERTY",
            help=f"Find the units of all layers that follow a property of the text: {', '.join(PROBES)}.",
            autocompletion=one_of(list(PROBES)),
        ),
    ] = None,
    gates: Annotated[bool, typer.Option("--gates", help="Show how often each gate is shut, and open.")] = False,
    output: Annotated[
        Path | None, output_option("With --gates: draw a mark for each unit's gates into this .svg file.")
    ] = None,
    overwrite: Overwrite = False,
    saturation: Annotated[Path | None, typer.Option("--saturation", hidden=True)] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what single units do while the model reads a text.

    By default, the text is colored by the activation of one unit. --find ranks the units by their correlation with a
    property of the text, such as being inside brackets. --gates shows how far the gates are open.

    Example: charlm neurons --find brackets --file code.py
    """
    if saturation is not None:
        say_renamed("--saturation FILE", "--gates --output FILE", quiet)
        gates, output = True, output or saturation
    if output is not None:
        if not gates:
            raise ConfigError("--output draws the gates, so it needs --gates")
        check_output(output, overwrite)  # before the work
    if (find is not None) + gates + (unit is not None) > 1 or (layer is not None and (gates or find is not None)):
        raise ConfigError("give one of --unit (with --layer), --find and --gates; --find and --gates read all layers")
    if find is not None and find not in PROBES:
        raise ConfigError(f"no property is named {find!r}; choose from {', '.join(PROBES)}")
    language_model, content = load_model_and_text(model, text, file, quiet)

    from charlm.analysis.gates import saturations
    from charlm.analysis.neurons import find_units
    from charlm.analysis.token_rows import token_rows
    from charlm.pages import gates_picture

    rows = token_rows(language_model.tokenizer, content, language_model.mode, _MOST)
    if not rows:
        raise ConfigError("the text is empty; give at least one character")
    tokens = sum(map(len, rows))
    say(f"only the first {_MOST:,} tokens are read", quiet or tokens < _MOST)
    if gates:
        measured = saturations(language_model.network, rows)
        if not measured:
            raise ConfigError(f"the cell of this model, {language_model.config.cell}, has no gates")
        if output is not None:
            gates_picture.write(measured, output)
            say(f"a mark for each unit in {output}", quiet)
        _show_gates(measured, json)
    elif find is not None:
        ranking = find_units(language_model.network, language_model.tokenizer, rows, find, _RANKED)
        _show_ranking(ranking, find, tokens, json)
    else:
        _show_unit(language_model, rows, layer, unit, json)


def _show_unit(model: "LanguageModel", rows: "list[Ids]", layer: int | None, unit: int | None, json: bool) -> None:
    from charlm.analysis.neurons import activations
    from charlm.analysis.token_rows import display_texts
    from charlm.cli.view.heat_text import STYLES, HeatText

    layer = _number("layer", layer, model.config.layers or 1)
    values = activations(model.network, rows)[:, layer - 1]  # (n, H)
    unit = int(values.var(axis=0).argmax()) + 1 if unit is None else _number("unit", unit, values.shape[1])
    activation = values[:, unit - 1].tolist()
    tokens = [display_texts(model.tokenizer, row) for row in rows]
    if json:
        write_json({"layer": layer, "unit": unit, "tokens": list(itertools.chain(*tokens)), "activations": activation})
        return
    low, high = min(activation), max(activation)
    levels = iter(int((each - low) / ((high - low) or 1.0) * len(STYLES)) for each in activation)
    page = HeatText()
    for line in tokens:
        for token in line:
            page.put(token, min(next(levels), len(STYLES) - 1))
        page.end()
    page.legend(f"unit {unit} of layer {layer}")
    write_lines(f"0 is {low:.2f}, the least in this text; {len(STYLES) - 1} is {high:.2f}, the most\n")


def _number(name: str, asked: int | None, count: int) -> int:
    """Return the number asked for, by default the last. Raises ConfigError for one that the model does not have."""
    if asked is None or 1 <= asked <= count:
        return asked or count
    numbers = f"{name}s are 1 to {count}" if count > 1 else f"it has one {name}"
    raise ConfigError(f"this model has no {name} {asked}; {numbers}")


def _show_ranking(ranking: "list[UnitCorrelation]", find: str, tokens: int, json: bool) -> None:
    if json:
        write_json({"find": find, "symbols": tokens, "units": list(map(_values, ranking))})
        return
    lines = [f"{'layer':>5} {'unit':>6} {'r, found':>10} {'r, confirmed':>14} {'by chance':>11}  follows"]
    for each in ranking:
        figures = f"{each.first_half:>10.3f} {each.second_half:>14.3f} {each.chance:>11.3f}"
        lines.append(f"{each.layer:>5} {each.unit:>6} {figures}  {'yes' if each.follows else 'no'}")
    _write_with(
        lines,
        f"r is Pearson's correlation of a unit with {find}. The first half of {plural(tokens, 'token')} selects the"
        " units, the second half confirms them. By chance: 99 of 100 shifts of the property along the text stay below.",
    )


def _values(each: "UnitCorrelation") -> dict[str, Any]:
    numbers = {"found": each.first_half, "confirmed": each.second_half, "chance": each.chance}
    return {"layer": each.layer, "unit": each.unit, **numbers, "follows": each.follows}


def _show_gates(measured: "list[Saturation]", json: bool) -> None:
    from charlm.cli.view.plot import histogram, scatter

    if json:
        for each in measured:
            write_json(asdict(each))
        return
    lines = ["layer gate  0    values    1   below 0.1  above 0.9"]
    for each in measured:
        left, right = (sum(side) / len(side) for side in (each.left, each.right))
        lines.append(f"{each.layer:>5} {each.gate:<4}  {histogram(each.histogram)}  {left:>9.1%}  {right:>9.1%}")
    width = shutil.get_terminal_size().columns
    for layer, parts in itertools.groupby(measured, lambda each: each.layer):
        fields = {f"{each.gate}, layer {layer}": list(zip(each.right, each.left, strict=True)) for each in parts}
        lines += ["", *scatter(fields, width)]
    _write_with(
        lines,
        "Below 0.1, a gate lets almost nothing through (left-saturated); above 0.9, almost everything"
        " (right-saturated). The percentages are shares of all units and tokens. In the fields, a digit is a number of"
        " units, and + is ten or more: across, the share of tokens above 0.9; upward, the share below 0.1.",
    )


def _write_with(lines: list[str], explanation: str) -> None:
    width = shutil.get_terminal_size().columns
    write("\n".join([*lines, "", *textwrap.wrap(explanation, width, break_on_hyphens=False)]) + "\n")
