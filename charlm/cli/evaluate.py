"""charlm evaluate: how well a model predicts files."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from charlm.cli.inputs import files_or_stdin, read_files, report_unknown
from charlm.cli.models import find_model, load_model
from charlm.cli.options import Json, Model, Quiet, Unknown, optional
from charlm.cli.output import say, write, write_json
from charlm.cli.variant_options import NONE, Given, OptionsOf, chosen, with_variant_options
from charlm.cli.view.progress import ReadingLine, token_bar
from charlm.interrupts import importing
from charlm.wording import figure

if TYPE_CHECKING:
    from charlm.scoring.evaluation import Evaluation

_ADAPTATIONS = "scoring.adaptation"


@with_variant_options
def evaluate(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="Text files, folders of text files, .gz files, or - for stdin."),
    ] = None,
    model: Model = None,
    window: Annotated[
        int | None,
        typer.Option(help="Read windows of this many tokens, each from a zero state, instead of one running text."),
    ] = None,
    streams: Annotated[int | None, optional("Number of parts of a stream to read in parallel.", "auto")] = None,
    adaptations: Annotated[Given, OptionsOf(_ADAPTATIONS)] = NONE,
    unknown: Unknown = "unk",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure how well a model predicts files.

    Prints nats per token, perplexity, and bits per character and per byte of the text, as training does for the
    held-out part.

    Example: charlm evaluate unseen.txt --model poems
    """
    folder = find_model(model, quiet)
    documents = read_files(files_or_stdin(files), quiet).documents

    with importing():
        from charlm.cli.formats import ONE_TOKENIZATION
        from charlm.comparison.long_documents import evaluate_documents
        from charlm.scoring.evaluation import Evaluation

    language_model = load_model(folder)
    methods = tuple(chosen(_ADAPTATIONS, adaptations))
    settings = {"window": window, "streams": streams, "unknown": unknown}
    with token_bar(bool(methods) and not quiet, "adapting") as on_progress:
        if methods:
            language_model = language_model.adapted(*methods, on_progress=on_progress)
        evaluations = list(
            evaluate_documents(language_model, documents, on_progress=ReadingLine(quiet), **settings)  # type: ignore[arg-type]
        )
    total = Evaluation.total(evaluations)
    report_unknown(language_model, documents, total.unknown, unknown, quiet)
    if language_model.tokenizer.AMBIGUOUS:
        say(f"the figures are {ONE_TOKENIZATION}", quiet)
    names = [document.name for document in documents]
    if len(evaluations) > 1:
        evaluations.append(total)
        names.append("total")
    for name, evaluation in zip(names, evaluations, strict=True):
        if json:
            write_json(_values(evaluation))
        else:
            write(_lines(name, evaluation))


_KEYS = (
    *("nats_per_token", "bits_per_char", "bits_per_byte", "perplexity"),
    *("tokens", "characters", "bytes", "unknown", "streams", "window"),
)


def _values(evaluation: "Evaluation") -> dict[str, Any]:
    """Return the values of the JSON object."""
    known = ("bits_per_char_known", "unknown_tokens") if evaluation.unknown else ()
    adapting = ("adapting",) if evaluation.adapting else ()
    return {name: getattr(evaluation, name) for name in (*_KEYS, *known, *adapting)}


def _lines(name: str, evaluation: "Evaluation") -> str:
    """Return the figures of a file, for people."""
    from charlm.scoring.adapting import in_words

    head = f"{name}: {evaluation.tokens:,} tokens, {evaluation.characters:,} characters, {evaluation.bytes:,} bytes"
    if evaluation.window:
        head += f", windows of {evaluation.window:,} tokens"
    elif evaluation.streams is not None:
        head += f", {evaluation.streams} stream{'s' * (evaluation.streams != 1)}"
    adapting = f"  {in_words(evaluation.adapting)}\n" if evaluation.adapting else ""
    known = f" (of the {evaluation.known_characters:,} known characters)" if evaluation.unknown else ""
    if evaluation.unknown_tokens:
        known += f", {evaluation.unknown_tokens:,} unknown token{'s' * (evaluation.unknown_tokens != 1)}"
    return (
        f"{head}\n{adapting}"
        f"  {figure(evaluation.nats_per_token)} nats per token, perplexity {figure(evaluation.perplexity)}\n"
        f"  {figure(evaluation.bits_per_char_known)} bits per character{known},"
        f" {figure(evaluation.bits_per_byte)} bits per byte\n"
    )
