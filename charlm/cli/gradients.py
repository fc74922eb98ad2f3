"""charlm gradients: how far back a loss is felt, and what the start of a network does to it."""

import shutil
import string
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from charlm.cli.inputs import load_model_and_text, read_text
from charlm.cli.options import Json, Model, Quiet, optional
from charlm.cli.output import say, write, write_json
from charlm.cli.view.plot import plot
from charlm.config import ModelConfig, TrainConfig, check_range
from charlm.errors import ConfigError
from charlm.interrupts import importing
from charlm.registry import names

if TYPE_CHECKING:
    from charlm.analysis.gradient_curves import Curve

FRESH = ModelConfig(sequence="stream", embedding_size=64, hidden_size=128, layers=1, dropout=0.0)
_FARTHEST = 50
_MARKS = string.ascii_letters
_VERDICTS = {  # of a curve, as what is seen
    "vanishes": "too little is left to learn from",
    "fades": "some is left, but less at every step",
    "carries": "it arrives nearly as it left",
    "explodes": "it grows at every step, until a loss is no number",
}


def gradients(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="A text; - is stdin.")] = None,
    file: Annotated[str | None, typer.Option("--file", help="A file of text: its first 10,000 symbols.")] = None,
    model: Model = None,
    cell: Annotated[
        list[str] | None,
        optional("Fresh networks of this cell, in place of a model; repeatable.", "none", choices=names("nn.cells")),
    ] = None,
    activation: Annotated[str | None, optional("Of a fresh rnn or jordan.", "tanh")] = None,
    hidden_size: Annotated[int | None, optional("Width of a fresh network.", FRESH.hidden_size)] = None,
    layers: Annotated[int | None, optional("Layers of a fresh network.", FRESH.layers)] = None,
    distance: Annotated[int, typer.Option(help="How many symbols back.")] = _FARTHEST,
    seed: Annotated[int, typer.Option(help="Of the fresh weights.")] = TrainConfig.seed,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """How far back a loss is felt: its gradient at earlier states.

    The norm of ∂loss<t>/∂state<t-k> against k, for a trained model and for fresh networks of its shape from several
    starts: under some the gradient vanishes, under some it explodes, and an open gate carries it.

    Example: charlm gradients --cell rnn --cell lstm "the cats, which ate the fish, were full"
    """
    check_range("distance", distance, 2, 10_000)
    check_range("seed", seed, 0, 2**63 - 1)
    sizes = {"activation": activation, "hidden_size": hidden_size, "layers": layers}
    shape = {name: value for name, value in sizes.items() if value is not None}
    if cell and model is not None:
        raise ConfigError("give --model or --cell: a trained model, or fresh networks")
    if shape and not cell:
        raise ConfigError(f"a trained model has its shape; --{next(iter(shape)).replace('_', '-')} goes with --cell")
    curves: Iterator[Curve]
    if cell:
        read = read_text(text, file, quiet)
        with importing():
            from charlm.analysis.gradient_curves import MOST, of_cell

        configs = [replace(FRESH, cell=each, **shape) for each in dict.fromkeys(cell)]  # type: ignore[arg-type]
        curves = (curve for config in configs for curve in of_cell(config, read, distance, seed))
    else:
        trained, read = load_model_and_text(model, text, file, quiet)

        from charlm.analysis.gradient_curves import MOST, of_model

        curves = of_model(trained, read, distance, seed)
    say(f"of a text so long the first {MOST:,} symbols are read", quiet or len(read) <= MOST)
    if json:
        for curve in curves:
            flow = curve.flow
            write_json({"cell": curve.cell, "start": curve.start, "distance": flow.distance, "norm": flow.norm})
    else:
        _show(list(curves))


def _show(curves: "Sequence[Curve]") -> None:
    width = shutil.get_terminal_size().columns
    marked = dict(zip(_MARKS, curves, strict=False))
    lines = ["norm of the gradient of loss<t> at state<t-k>, log scale"]
    lines += plot({mark: curve.flow.norm for mark, curve in marked.items()}, width, "k, symbols back")
    lines.append("")
    wide = max(len(_name(curve)) for curve in curves)
    lines += [f"{mark} {_name(curve):<{wide}}  {_rate(curve)}" for mark, curve in marked.items()]
    for line in ["", *_sentences(marked)]:
        lines += textwrap.wrap(line, width, subsequent_indent="  ") or [""]
    write("\n".join(lines) + "\n")


def _sentences(marked: "dict[str, Curve]") -> Iterator[str]:
    """What is seen."""
    for verdict, words in _VERDICTS.items():
        marks = [mark for mark, curve in marked.items() if curve.flow.verdict == verdict]
        if marks:
            yield f"{verdict}: {', '.join(marks)}; {words}"
    steepest = max(marked.values(), key=lambda curve: curve.clipping.gradient)
    norms = steepest.clipping
    yield (
        f"clipping: in {_name(steepest)} the gradient of all weights has the norm {norms.gradient:.2g}, the weights"
        f" have {norms.weights:.2g}; clipped, the gradient has {norms.clipped:.2g}: a step stays small, but all of it"
        " shrinks by one factor, so that clipping brings nothing back that vanished"
    )
    places = steepest.flow.places
    yield f"median over {places:,} values of t; the number is what is left of the norm after one more step"


def _name(curve: "Curve") -> str:
    return f"{curve.cell} {curve.start}".replace("forget bias", "bias")


def _rate(curve: "Curve") -> str:
    return f"{curve.flow.rate or 0:.3f} {curve.flow.verdict}"
