"""charlm evaluate: how well a model predicts files."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from charlm.checkpoints import model_paths
from charlm.cli.inputs import files_or_stdin, read_files, report_unknown
from charlm.cli.options import Cache, Dynamic, Json, Model, Quiet, Unknown, defaulted, ways
from charlm.cli.output import figure, say, write, write_json
from charlm.cli.view.progress import Plain, reading
from charlm.interrupts import importing

if TYPE_CHECKING:
    from charlm.scoring.evaluation import Evaluation


def evaluate(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE", help="Text files, folders of them, .gz, or - (stdin).")
    ] = None,
    model: Model = None,
    window: Annotated[
        int | None, typer.Option(help="Windows of so many tokens, each from a zero state, in place of streams.")
    ] = None,
    streams: Annotated[int | None, defaulted("Pieces of a stream read side by side.", "auto")] = None,
    dynamic: Dynamic = False,
    cache: Cache = False,
    unknown: Unknown = "unk",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """How well a model predicts files.

    Nats per token, perplexity, bits per character and per byte of the text; the same figures as training prints.

    Example: charlm evaluate unseen.txt --model poems
    """
    folder = model_paths.existing_folder(model)
    documents = read_files(files_or_stdin(files), quiet).documents

    with importing():
        from charlm.checkpoints.checkpoint import load
        from charlm.cli.formats import ONE_WAY
        from charlm.scoring.evaluation import Evaluation
    from charlm.comparison.long_documents import evaluate_documents

    language_model = load(folder)
    adapting = ways(dynamic=dynamic, cache=cache)
    say(f"model {folder}", quiet or model is not None)
    settings = {"window": window, "streams": streams, "unknown": unknown}
    with reading(bool(adapting) and not quiet, "adapting") as told:
        if adapting:
            language_model = language_model.adapting(*adapting, told=told)
        found = list(evaluate_documents(language_model, documents, on_progress=Plain(quiet), **settings))  # type: ignore[arg-type]
    total = Evaluation.total(found)
    report_unknown(language_model, documents, total.unknown, unknown, quiet)
    if language_model.tokenizer.AMBIGUOUS:
        say(f"the figures are {ONE_WAY}", quiet)
    names = [document.name for document in documents]
    if len(found) > 1:
        found.append(total)
        names.append("total")
    for name, evaluation in zip(names, found, strict=True):
        if json:
            write_json(_values(evaluation))
        else:
            write(_lines(name, evaluation))


def _values(found: "Evaluation") -> dict[str, Any]:
    names = (
        "nats_per_token",
        "bits_per_char",
        "bits_per_byte",
        "perplexity",
        "tokens",
        "characters",
        "bytes",
        "unknown",
    )
    known = ("bits_per_char_known", "unknown_tokens") if found.unknown else ()
    adapting = ("adapting",) if found.adapting else ()
    return {name: getattr(found, name) for name in (*names, "streams", "window", *known, *adapting)}


def _lines(name: str, found: "Evaluation") -> str:
    from charlm.scoring.adapting import in_words

    several = "s" * (found.streams != 1)
    protocol = f"windows of {found.window:,} tokens" if found.window else f"{found.streams} stream{several}"
    adapting = f"  {in_words(found.adapting)}\n" if found.adapting else ""
    known = f" (of the {found.known_characters:,} known characters)" if found.unknown else ""
    known += f", {found.unknown_tokens:,} tokens unknown" if found.unknown_tokens else ""
    return (
        f"{name}: {found.tokens:,} tokens, {found.characters:,} characters, {found.bytes:,} bytes"
        f"{'' if found.streams is None and found.window is None else f', {protocol}'}\n"
        f"{adapting}"
        f"  {figure(found.nats_per_token)} nats per token, perplexity {figure(found.perplexity)}\n"
        f"  {figure(found.bits_per_char_known)} bits per character{known}, {figure(found.bits_per_byte)} per byte\n"
    )
