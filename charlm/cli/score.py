"""charlm score: the probability of texts by the chain rule."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from charlm.checkpoints import model_paths
from charlm.cli.inputs import document_sequences, files_or_stdin, read_files, read_stdin, report_unknown, stdin_lines
from charlm.cli.options import Cache, Dynamic, Json, Model, Quiet, Unknown, defaulted, one_of, ways
from charlm.cli.output import say
from charlm.cli.view.progress import progress
from charlm.config import check_choice
from charlm.data.corpus import STDIN
from charlm.data.documents import AnyDocument, Document
from charlm.errors import ConfigError
from charlm.interrupts import importing

if TYPE_CHECKING:
    from charlm.scoring.score import How

_FORMATS = ("table", "json", "tsv", "kenlm", "heat")
_AT_ONCE = 4096  # texts, and characters, scored before their results are written
_CHARACTERS = 1 << 19


def score(
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="Texts; - is stdin.")] = None,
    file: Annotated[list[str] | None, typer.Option("--file", help="A file of text; may be repeated.")] = None,
    model: Model = None,
    lines: Annotated[bool, typer.Option("--lines", help="Each line is a text, in a model of a stream too.")] = False,
    bos: Annotated[
        bool | None,
        defaulted("Start at the start; without, the first token is context.", "yes", "--bos/--no-bos"),
    ] = None,
    eos: Annotated[
        bool | None,
        defaulted("Score the end too.", "yes for lines, no for a stream", "--eos/--no-eos"),
    ] = None,
    context: Annotated[str | None, typer.Option(help="P(text | context): read before each text, not scored.")] = None,
    unit: Annotated[
        str | None,
        defaulted("What is scored: char, token or word.", "token"),
    ] = None,
    base: Annotated[
        str | None,
        defaulted("Of logarithms: e, 2 or 10.", "e, and 2 for surprisal", choices=("e", "2", "10")),
    ] = None,
    dynamic: Dynamic = False,
    cache: Cache = False,
    full: Annotated[bool, typer.Option("--full", help="Entropy before each token, and its rank, too.")] = False,
    unknown: Unknown = "unk",
    format: Annotated[
        str | None,
        typer.Option(
            help="table, json, tsv, kenlm (what KenLM's query prints) or heat.", autocompletion=one_of(_FORMATS)
        ),
    ] = None,
    json: Json = False,
    tsv: Annotated[bool, typer.Option("--tsv", help="Tab-separated values, a row a token.")] = False,
    heat: Annotated[bool, typer.Option("--heat", help="The text, coloured by surprisal.")] = False,
    html: Annotated[str | None, typer.Option(metavar="FILE", help="A page with the same, and more on hover.")] = None,
    pairs: Annotated[
        str | None, typer.Option(metavar="FILE", help="Good, tab, bad: how often the good one is the likelier.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """How likely a text is, token by token.

    The probability of each token given those before it, and of the whole by the chain rule.

    Example: charlm score --json "the cat sat" "sat cat the"
    """
    name = _format(format, json=json, tsv=tsv, heat=heat, html=html is not None)
    _check(name, base, unit, unknown, full)
    folder = model_paths.existing_folder(model)
    if pairs is not None and (texts or file or unit or base or full or lines or name not in ("table", "json")):
        raise ConfigError("with --pairs whole sentences of that file are compared, as a table or with --json")
    if pairs is not None and (dynamic or cache):
        raise ConfigError("one model compares both of a pair; leave --dynamic and --cache out")
    arguments = texts if texts or file or pairs else files_or_stdin(None)
    documents = read_files([pairs] if pairs else file or [], quiet).documents if pairs or file else ()

    with importing():
        from charlm.checkpoints.checkpoint import load
        from charlm.cli import formats as forms
        from charlm.scoring import units
        from charlm.scoring.batching import batches
        from charlm.scoring.score import Convention

    language_model = load(folder)
    if adapting := ways(dynamic=dynamic, cache=cache):
        language_model = language_model.adapting(*adapting)
    tokenizer = language_model.tokenizer
    say(f"model {folder}", quiet or model is not None)
    if unit is None and name in ("heat", "html"):
        unit = units.for_reading(tokenizer)
    settings = {
        "bos": bos,
        "context": context,
        "unknown": unknown,
        "unit": unit,
        "alternatives": forms.alternatives(name, units.is_token(tokenizer, unit or units.TOKEN), full),
    }
    how: How = {name: value for name, value in settings.items() if value is not None}  # type: ignore[assignment]
    ends = language_model.line if eos is None else eos
    if pairs is not None:
        from charlm.cli.pairs import score_pairs

        score_pairs(language_model, documents[0], ends, how, json=json, quiet=quiet)
        return
    in_base = "10" if name == "kenlm" else base
    convention = forms.words(Convention(ends, **how), in_base, tokenizer.AMBIGUOUS, adapting)
    form = forms.form(name, forms.logarithms(base), convention, html)
    say(convention, quiet or name not in ("tsv", "kenlm"))  # the others say it in their result
    say(f"the scores are {forms.ONE_WAY}", quiet or name != "json" or not tokenizer.AMBIGUOUS)
    kind = "line" if lines or name == "kenlm" else language_model.config.sequence
    singles = _singles(arguments or (), documents, kind, quiet)
    if name == "kenlm":
        singles = map(forms.sentence, singles)
    unknowns, numbered, first_unknown = 0, 0, None
    piped = STDIN in (arguments or ())
    with progress((piped or bool(file)) and not quiet, piped) as told:
        for some in ([text] for text in singles) if adapting else batches(singles, len, _CHARACTERS, _AT_ONCE):
            for found in language_model.score_many(some, eos=ends, **how):
                numbered += 1
                unknowns += found.unknown
                if found.unknown and first_unknown is None:
                    first_unknown = numbered, found.text
                form.add(found)
            told(len(some))
    form.end()
    if first_unknown is not None:
        number, text = first_unknown
        report_unknown(language_model, [Document("", text)], unknowns, unknown, quiet, start=number)


def _format(given: str | None, **flags: bool) -> str:
    """The one form that is asked for. Raises ConfigError for two, or for one that there is not."""
    asked = [name for name, wanted in flags.items() if wanted]
    if given is not None:
        check_choice("format", given, _FORMATS)
    if given is not None and given not in asked:
        asked.append(given)
    if len(asked) > 1:
        raise ConfigError(f"give one of {' and '.join(asked)}: scores are written in one form")
    return asked[0] if asked else "table"


def _check(form: str, base: str | None, unit: str | None, unknown: str, full: bool) -> None:
    """Raise ConfigError for what a form would have to leave aside."""
    if form == "kenlm" and (base not in (None, "10") or unit is not None or unknown == "skip"):
        raise ConfigError("KenLM's logarithms are to base 10, its units are words, and it leaves no character out")
    if form in ("heat", "html") and base is not None:
        raise ConfigError("the colours are of surprisal in bits; leave out the base")
    if form in ("heat", "kenlm") and full:
        raise ConfigError("entropy and rank are in the table, the page, JSON and TSV; leave out --full")


def _singles(texts: Iterable[str], documents: Iterable[AnyDocument], kind: str, quiet: bool) -> Iterator[str]:
    """The sequences in the texts: of the kind line a text with newlines is several."""
    for text in texts:
        if text == STDIN and kind == "line":
            yield from stdin_lines(quiet)
        else:
            yield from document_sequences(read_stdin(quiet) if text == STDIN else Document("the text", text), kind)
    for document in documents:
        yield from document_sequences(document, kind)
