"""charlm why: which earlier tokens a prediction depends on."""

from dataclasses import asdict
from typing import Annotated

import typer

from charlm.cli.inputs import load_model_and_text
from charlm.cli.options import Json, Model, Quiet, optional
from charlm.cli.output import write_json
from charlm.settings import check_choice

_METHODS = ("deletion", "gradient")


def why(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="A text, or - for stdin.")] = None,
    file: Annotated[str | None, typer.Option("--file", metavar="FILE", help="Read the text from this file.")] = None,
    model: Model = None,
    by: Annotated[
        str, optional("Method: deletion, or gradient (times input).", _METHODS[0], choices=_METHODS, metavar="METHOD")
    ] = _METHODS[0],
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show which earlier tokens each prediction depends on.

    Each row is a predicted token, and each column an earlier one. A digit says how much the earlier token raised the
    probability, a letter how much it lowered it. JSON has both methods, in nats.

    Example: charlm why "the cats were"
    """
    check_choice("by", by, _METHODS)
    language_model, content = load_model_and_text(model, text, file, quiet)

    from charlm.analysis.attribution import attribute
    from charlm.cli.view.attribution_map import show

    attribution = attribute(language_model, content)
    if json:
        write_json(asdict(attribution))
    else:
        show(attribution, by, language_model.line)
