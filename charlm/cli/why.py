"""charlm why: which earlier tokens, or tokens of the source, a prediction depends on."""

from dataclasses import asdict
from typing import Annotated

import typer

from charlm.checkpoints import model_paths
from charlm.cli.inputs import load_model_and_text
from charlm.cli.options import Json, Model, Quiet, optional
from charlm.cli.output import write_json
from charlm.cli.targets import show_attention
from charlm.errors import ConfigError
from charlm.settings import check_choice

_METHODS = ("deletion", "gradient")


def why(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="A text, or - for stdin.")] = None,
    file: Annotated[str | None, typer.Option("--file", metavar="FILE", help="Read the text from this file.")] = None,
    model: Model = None,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Show the attention to this source, of TEXT or of the answer, with a model of pairs."
        ),
    ] = None,
    by: Annotated[
        str, optional("Method: deletion, or gradient (times input).", _METHODS[0], choices=_METHODS, metavar="METHOD")
    ] = _METHODS[0],
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show which earlier tokens each prediction depends on.

    Each row is a predicted token, and each column an earlier one. A digit says how much the earlier token raised the
    probability, a letter how much it lowered it. JSON has both methods, in nats.

    With --source and a model of pairs, each row is a token of the target, and each column one of the source.

    Example: charlm why "the cats were"
    """
    check_choice("by", by, _METHODS)
    if source is not None:
        if file is not None:
            raise ConfigError("--source shows one target; give it as TEXT, and leave --file out")
        return show_attention(model_paths.existing_folder(model), model, source, text, json, quiet)
    language_model, content = load_model_and_text(model, text, file, quiet)

    from charlm.analysis.attribution import attribute
    from charlm.cli.view.attribution_map import show

    attribution = attribute(language_model, content)
    if json:
        write_json(asdict(attribution))
    else:
        show(attribution, by, language_model.line)
