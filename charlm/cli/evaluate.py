"""charlm evaluate: how well a model predicts files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charlm.checkpoints.model_paths import existing_folder
from charlm.cli.answers import CONTRACT, PACKAGE
from charlm.cli.examples import evaluate_answers
from charlm.cli.inputs import check_not_models, files_or_stdin, read_files, report_unknown, warn_learned
from charlm.cli.models import load_model, say_model, takes_any_bytes, verb_of
from charlm.cli.options import Json, Model, Quiet, Unknown, option_name, optional
from charlm.cli.output import say, write_json, write_lines
from charlm.cli.variant_options import NONE, Given, OptionsOf, chosen, with_variant_options
from charlm.cli.view.progress import ReadingLine, token_bar
from charlm.cli.waiting import COMPARING, loading, waiting
from charlm.config import TextMode
from charlm.data.documents import Document
from charlm.errors import ConfigError, CorpusError
from charlm.wording import each_alone, figure, plural

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
    held_out: Annotated[
        bool, typer.Option("--held-out", help="Measure the part of its corpus that the model was not trained on.")
    ] = False,
    window: Annotated[
        int | None,
        typer.Option(help="Read windows of this many tokens, each from a zero state, instead of one running text."),
    ] = None,
    streams: Annotated[int | None, optional("Number of parts of a stream to read in parallel.", "auto")] = None,
    adaptations: Annotated[Given, OptionsOf(_ADAPTATIONS)] = NONE,
    options: Annotated[Given, OptionsOf(PACKAGE, contract=CONTRACT, command="evaluate")] = NONE,
    unknown: Unknown = "unk",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure how well a model predicts files.

    Prints nats per token, perplexity, and bits per character and per byte of the text, as training does for the
    held-out part. For text that the model was trained on, a warning says that the figures are too good.

    Example: charlm evaluate unseen.txt --model poems
    """
    if held_out and files:
        raise ConfigError("--held-out measures a part of the model's own corpus; leave the files out")
    folder = existing_folder(model)
    if verb_of(folder) == "predict":
        if held_out or window or streams or adaptations:
            raise ConfigError("this model answers questions, and is measured on files of examples; give only files")
        return evaluate_answers(folder, model, files_or_stdin(files), options, json, quiet)
    if options:
        raise ConfigError(f"{option_name(next(iter(options)))} is for models that answer questions; leave it out")
    check_not_models(files or ())
    any_bytes = takes_any_bytes(folder)
    documents = () if held_out else read_files(files_or_stdin(files), quiet, any_bytes=any_bytes).documents

    with loading(quiet):
        from charlm.checkpoints.checkpoint import describe_text
        from charlm.cli.formats import ONE_TOKENIZATION
        from charlm.comparison.learned import Learned, learned_from
        from charlm.comparison.long_documents import evaluate_documents
        from charlm.scoring.evaluation import Evaluation

    language_model = load_model(folder, quiet)
    if held_out:
        documents, whole = _held_out(folder, quiet)
        say_model(folder, model, quiet)
        learned = [Learned(False, 0.0)] * len(documents)
    else:
        say_model(folder, model, quiet)
        described, whole = describe_text(folder, language_model.config), "total"
        with waiting(COMPARING, quiet):
            learned = learned_from(described, documents)
        warn_learned(documents, learned, quiet)
    methods = tuple(chosen(_ADAPTATIONS, adaptations))
    settings = {"window": window, "streams": streams, "unknown": unknown}
    in_memory = all(isinstance(document, Document) for document in documents)  # progress through others is printed
    with (
        waiting("evaluating", quiet or bool(methods) or not in_memory),
        token_bar(bool(methods) and not quiet, "adapting") as on_progress,
    ):
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
    results = list(zip(names, evaluations, learned, strict=True))
    if held_out or len(results) > 1:
        sizes = [document.size for document in documents]
        results = [*([] if held_out else results), (whole, total, Learned.total(learned, sizes))]
    for name, evaluation, known in results:
        if json:
            of_text = {"trained_on": known.trained_on, "trained_on_share": known.share}
            write_json({**_values(evaluation), **of_text})
        else:
            write_lines(_lines(name, evaluation))


def _held_out(folder: Path, quiet: bool) -> tuple[tuple[Document, ...], str]:
    """Return the held-out part of a model's corpus, and where it is from, in words.

    Raises CorpusError if the corpus cannot be read again, or has no such part.
    """
    from charlm.checkpoints.checkpoint import describe
    from charlm.comparison.own_text import NoTextError, held_out_split

    try:
        split, name = held_out_split(describe(folder), ReadingLine(quiet))
    except NoTextError as error:
        raise CorpusError(f"the held-out part of {folder} cannot be read again: {error}; name a file") from None
    if not split.held_out:
        raise CorpusError(f"{folder} has no held-out part: its corpus was too short; name a file it was not trained on")
    texts = ["".join(f"{line}\n" for line in split.valid)] if split.mode == TextMode.LINE else split.valid
    return tuple(Document(name, text) for text in texts), name


_TOGETHER = "both"  # parts of a model
_FIGURES = ("nats_per_token", "bits_per_char", "bits_per_byte", "perplexity")
_KEYS = (
    *_FIGURES,
    *("tokens", "characters", "bytes", "unknown", "streams", "window"),
)


def _values(evaluation: "Evaluation") -> dict[str, Any]:
    """Return the values of the JSON object."""
    known = ("bits_per_char_known", "unknown_tokens") if evaluation.unknown else ()
    adapting = ("adapting",) if evaluation.adapting else ()
    values = {name: getattr(evaluation, name) for name in (*_KEYS, *known, *adapting)}
    if evaluation.by_part:
        figures = (*_FIGURES, *known[:1])
        parts = {**evaluation.by_part, _TOGETHER: evaluation}
        values["parts"] = {name: {key: getattr(part, key) for key in figures} for name, part in parts.items()}
    return values


def _lines(name: str, evaluation: "Evaluation") -> str:
    """Return the figures of a file, for people."""
    from charlm.scoring.adapting import in_words

    head = f"{name}: {plural(evaluation.tokens, 'token')}, {plural(evaluation.characters, 'character')},"
    head += f" {evaluation.bytes:,} byte{'s' * (evaluation.bytes != 1)}"
    if evaluation.window:
        head += f", windows of {plural(evaluation.window, 'token')}"
    elif evaluation.streams is not None:
        head += f", {plural(evaluation.streams, 'stream')}"
    adapting = f"  {in_words(evaluation.adapting)}\n" if evaluation.adapting else ""
    known = f" (of the {plural(evaluation.known_characters, 'known character')})" if evaluation.unknown else ""
    if evaluation.unknown_tokens:
        known += f", {plural(evaluation.unknown_tokens, 'unknown token')}"
    return (
        f"{head}\n{adapting}"
        f"  {figure(evaluation.nats_per_token)} nats per token, perplexity {figure(evaluation.perplexity)}\n"
        f"  {figure(evaluation.bits_per_char_known)} bits per character{known},"
        f" {figure(evaluation.bits_per_byte)} bits per byte\n{_parts(evaluation)}"
    )


def _parts(evaluation: "Evaluation") -> str:
    """Return a line with the figures of each part of the model, "" if it has one part."""
    if not evaluation.parts:
        return ""
    together = f"{_TOGETHER} {figure(evaluation.bits_per_char_known)}"
    return f"  bits per character: {each_alone(evaluation.parts)}, {together}\n"
