"""charlm gradients: how the gradient changes on its way back, in trained and in fresh networks."""

import shutil
import string
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from charlm.cli.inputs import load_model_and_text, read_text
from charlm.cli.options import Json, Model, Quiet, option_name, optional
from charlm.cli.output import say, write, write_json
from charlm.cli.view.plot import plot
from charlm.cli.waiting import loading, waiting
from charlm.config import ModelConfig, TrainConfig
from charlm.errors import ConfigError
from charlm.registry import names
from charlm.settings import check_count
from charlm.wording import plural

if TYPE_CHECKING:
    from charlm.analysis.gradient_curves import GradientCurve

FRESH = ModelConfig(sequence="stream", embedding_size=64, hidden_size=128, layers=1, dropout=0.0)
_FARTHEST = 50
_MARKS = string.ascii_letters
_VERDICTS = {  # verdict of a curve → what it means
    "vanishes": "too little is left to learn from",
    "fades": "some is left, but less at every step",
    "carries": "it arrives nearly unchanged",
    "explodes": "it grows at every step, until the loss becomes NaN",
}


def gradients(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="A text, or - for stdin.")] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="Read the first 10,000 tokens of this file.")
    ] = None,
    model: Model = None,
    cell: Annotated[
        list[str] | None,
        optional(
            "Measure fresh networks of this cell instead of a model (repeatable).", "none", choices=names("nn.cells")
        ),
    ] = None,
    activation: Annotated[str | None, optional("Activation of a fresh rnn or jordan network.", "tanh")] = None,
    hidden_size: Annotated[int | None, optional("Width of a fresh network.", FRESH.hidden_size)] = None,
    layers: Annotated[int | None, optional("Number of layers of a fresh network.", FRESH.layers)] = None,
    distance: Annotated[int, typer.Option(help="Largest distance, in tokens.")] = _FARTHEST,
    seed: Annotated[int, typer.Option(help="Random seed of the fresh networks.")] = TrainConfig.seed,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure how far back the gradient of the loss reaches.

    The norm of ∂loss<t>/∂state<t-k> is plotted against k, for a trained model and for fresh networks of its shape with
    several initializations. With some the gradient vanishes, with some it explodes; an open gate carries it.

    Example: charlm gradients --cell rnn --cell lstm "the cats, which ate the fish, were full"
    """
    check_count("distance", distance, 2, 10_000)
    check_count("seed", seed, 0, 2**63 - 1)
    sizes = {"activation": activation, "hidden_size": hidden_size, "layers": layers}
    shape = {name: value for name, value in sizes.items() if value is not None}
    if cell and model is not None:
        raise ConfigError("give --model or --cell, not both")
    if shape and not cell:
        raise ConfigError(f"{option_name(next(iter(shape)))} needs --cell: a trained model has its own shape")
    curves: Iterator[GradientCurve]
    if cell:
        content = read_text(text, file, quiet)
        with loading(quiet):
            from charlm.analysis.gradient_curves import MOST, curves_of_cell

        configs = [replace(FRESH, cell=each, **shape) for each in dict.fromkeys(cell)]  # type: ignore[arg-type]
        curves = (curve for config in configs for curve in curves_of_cell(config, content, distance, seed))
    else:
        trained, content = load_model_and_text(model, text, file, quiet)

        from charlm.analysis.gradient_curves import MOST, curves_of_model

        curves = curves_of_model(trained, content, distance, seed)
    say(f"only the first {MOST:,} tokens are read", quiet or len(content) <= MOST)
    if json:
        for curve in curves:
            norms = curve.norms
            write_json({"cell": curve.cell, "start": curve.start, "distance": norms.distance, "norm": norms.norm})
    else:
        with waiting("measuring the gradient", quiet):
            measured = list(curves)
        _show(measured)


def _show(curves: "Sequence[GradientCurve]") -> None:
    width = shutil.get_terminal_size().columns
    marked = dict(zip(_MARKS, curves, strict=False))
    lines = ["norm of the gradient of loss<t> at state<t-k>, log scale"]
    lines += plot({mark: curve.norms.norm for mark, curve in marked.items()}, width, "k, tokens back")
    lines.append("")
    wide = max(len(_name(curve)) for curve in curves)
    lines += [f"{mark} {_name(curve):<{wide}}  {_rate(curve)}" for mark, curve in marked.items()]
    for line in ["", *_sentences(marked)]:
        lines += textwrap.wrap(line, width, subsequent_indent="  ") or [""]
    write("\n".join(lines) + "\n")


def _sentences(marked: "dict[str, GradientCurve]") -> Iterator[str]:
    """What the plot shows."""
    for verdict, meaning in _VERDICTS.items():
        marks = [mark for mark, curve in marked.items() if curve.norms.verdict == verdict]
        if marks:
            yield f"{verdict}: {', '.join(marks)}; {meaning}"
    steepest = max(marked.values(), key=lambda curve: curve.clipping.gradient)
    clipping = steepest.clipping
    yield (
        f"clipping: in {_name(steepest)}, the gradient of all weights has norm {clipping.gradient:.2g}, and the weights"
        f" have norm {clipping.weights:.2g}. Clipping reduces the gradient to {clipping.clipped:.2g}. It scales all of"
        " the gradient by one factor, so it keeps a step small, but does not restore what vanished."
    )
    targets = plural(steepest.norms.targets, "value")
    yield f"Norms are medians over {targets} of t. The number is the share that is left after one more step."


def _name(curve: "GradientCurve") -> str:
    return f"{curve.cell} {curve.start}".replace("forget bias", "bias")


def _rate(curve: "GradientCurve") -> str:
    return f"{curve.norms.rate or 0:.3f} {curve.norms.verdict}"
