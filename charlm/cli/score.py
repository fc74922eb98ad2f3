"""charlm score: the probability of texts by the chain rule."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charlm.checkpoints.model_paths import existing_folder
from charlm.cli.examples import score_answers
from charlm.cli.inputs import (
    document_sequences,
    files_or_stdin,
    hint_at_names,
    read_files,
    read_stdin,
    report_unknown,
    stdin_lines,
    warn_learned,
)
from charlm.cli.models import load_model, say_model, takes_any_bytes, verb_of
from charlm.cli.options import OUTPUT, Model, Overwrite, Quiet, Unknown, optional, output_option
from charlm.cli.output import result_in, say, say_renamed
from charlm.cli.variant_options import NONE, Given, OptionsOf, chosen, with_variant_options
from charlm.cli.view.progress import text_bar
from charlm.cli.waiting import COMPARING, loading, waiting
from charlm.config import TextMode
from charlm.data.corpus import STDIN
from charlm.data.documents import AnyDocument, Document
from charlm.errors import ConfigError
from charlm.files.atomic import check_output
from charlm.registry import declarations
from charlm.settings import check_choice

if TYPE_CHECKING:
    from charlm.language_model import LanguageModel
    from charlm.scoring.score import Score, ScoreOptions

_ADAPTATIONS, _WRITERS = "scoring.adaptation", "cli.formats"
_FORMATS = tuple(each.name for each in declarations(_WRITERS))
_MEASURE, _ADAPTATION = "What to score", "Adaptation"  # headings of the help
_DEFAULT_FORMAT, _PAIR_FORMATS = "table", ("table", "json")
_AT_ONCE = 4096  # the most texts, and characters, to score before the results are written
_CHARACTERS = 1 << 19


@with_variant_options
def score(
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="Texts to score; - reads stdin.")] = None,
    file: Annotated[
        list[str] | None, typer.Option("--file", metavar="FILE", help="Score the text in this file; may be repeated.")
    ] = None,
    model: Model = None,
    lines: Annotated[
        bool,
        typer.Option(
            "--lines", help="Score each line as a text of its own, also with a stream model.", rich_help_panel=_MEASURE
        ),
    ] = False,
    bos: Annotated[
        bool | None,
        optional(
            "Condition on the start token; if not, the first token is context.",
            "yes",
            "--bos/--no-bos",
            panel=_MEASURE,
        ),
    ] = None,
    eos: Annotated[
        bool | None,
        optional(
            "Include the end of the text in the score.",
            "yes for lines, no for a stream",
            "--eos/--no-eos",
            panel=_MEASURE,
        ),
    ] = None,
    context: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Read this before each text without scoring it.", rich_help_panel=_MEASURE),
    ] = None,
    unit: Annotated[
        str | None,
        optional("Unit of the scores: char, token or word.", "token", panel=_MEASURE),
    ] = None,
    base: Annotated[
        str | None,
        optional("Base of logarithms: e, 2 or 10.", "e, and 2 for surprisal", choices=("e", "2", "10"), panel=OUTPUT),
    ] = None,
    adaptations: Annotated[Given, OptionsOf(_ADAPTATIONS, _ADAPTATION)] = NONE,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Also print the entropy before each token, and its rank. For a model with counts, also print the"
            " weight of the counts (gate) and their share of each probability.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    unknown: Unknown = "unk",
    format: Annotated[
        str | None, optional(f"Output format: {', '.join(_FORMATS)}.", _DEFAULT_FORMAT, choices=_FORMATS, panel=OUTPUT)
    ] = None,
    writers: Annotated[Given, OptionsOf(_WRITERS, OUTPUT)] = NONE,
    output: Annotated[Path | None, output_option("File to write. Default: stdout.")] = None,
    overwrite: Overwrite = False,
    html: Annotated[Path | None, typer.Option("--html", hidden=True)] = None,
    pairs: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help='Print the accuracy on minimal pairs, one "good TAB bad" per line.',
            rich_help_panel=_MEASURE,
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Print how likely a text is, token by token.

    The score is the probability of each token given the tokens before it. By the chain rule, their product is the
    probability of the text.

    Example: charlm score --json "the cat sat" "sat cat the"
    """
    if html is not None:
        say_renamed("--html FILE", "--format html --output FILE", quiet)
        writers, output = {**writers, "html": True}, output or html
    name, fields = _format(format, writers)
    if output is not None:
        check_output(output, overwrite)  # before the work
    folder = existing_folder(model)
    if file and not texts and verb_of(folder) == "predict":
        return score_answers(folder, model, file, json=name == "json", quiet=quiet)
    methods = tuple(chosen(_ADAPTATIONS, adaptations))
    if pairs is not None and (texts or file or unit or base or full or lines or name not in _PAIR_FORMATS):
        raise ConfigError("--pairs takes no other text, and prints a table or --json; leave the other options out")
    if pairs is not None and methods:
        names = " and ".join(f"--{option.replace('_', '-')}" for option in adaptations)
        raise ConfigError(f"--pairs scores both sentences with the same model; leave {names} out")
    hint_at_names(texts or (), "--file {}", quiet, model)
    arguments = texts if texts or file or pairs else files_or_stdin(None)
    any_bytes, named = takes_any_bytes(folder), [pairs] if pairs else file or []
    documents = read_files(named, quiet, any_bytes=any_bytes).documents if named else ()

    with loading(quiet):
        from charlm.batching import batches
        from charlm.checkpoints.checkpoint import describe_text
        from charlm.cli.formats import Request, ScoreWriter, in_sentence, logarithms
        from charlm.comparison.learned import Learned, learned_from
        from charlm.registry import find
        from charlm.scoring import units
        from charlm.scoring.score import ScoreConfig

        writer = find(ScoreWriter, name)(**fields)
    writer.check(Request(base, unit, unknown, full))
    language_model = load_model(folder, quiet)
    if methods:
        language_model = language_model.adapted(*methods)
    tokenizer = language_model.tokenizer
    unit = unit or writer.unit(tokenizer)
    units.check(tokenizer, unit)
    settings = {
        "bos": bos,
        "context": context,
        "unknown": unknown,
        "unit": unit,
        "alternatives": writer.alternatives(tokens=units.is_token(tokenizer, unit), full=full),
    }
    how: ScoreOptions = {name: value for name, value in settings.items() if value is not None}  # type: ignore[assignment]
    ends = language_model.line if eos is None else eos
    in_base = logarithms(writer.base or base)
    ambiguous = tokenizer.AMBIGUOUS
    convention = in_sentence(ScoreConfig(ends, **how), in_base, one_tokenization=ambiguous, methods=methods)
    say_model(folder, model, quiet)
    if pairs is not None:
        from charlm.cli.pairs import score_pairs

        with result_in(output):
            score_pairs(language_model, documents[0], ends, how, json=name != _DEFAULT_FORMAT, quiet=quiet)
        return
    if documents:
        with waiting(COMPARING, quiet):
            learned = learned_from(describe_text(folder, language_model.config), documents)
        warn_learned(documents, learned, quiet)
        total = Learned.total(learned, [document.size for document in documents])
        writer.of_files = {"trained_on": total.trained_on, "trained_on_share": total.share}
    note = writer.note(convention, one_tokenization=ambiguous)
    say(note, quiet or not note)
    mode = TextMode.LINE if lines or writer.by_line else language_model.mode
    singles = map(writer.prepare, _singles(arguments or (), documents, mode, quiet, any_bytes=any_bytes))
    remarks = _Remarks()
    piped = STDIN in (arguments or ())
    with result_in(output), text_bar((piped or bool(file)) and not quiet, piped) as on_progress:
        writer.model, writer.has_counts = language_model.name, bool(language_model.network.part_names) and not methods
        writer.begin(in_base, convention)
        for group in ([text] for text in singles) if methods else batches(singles, len, _CHARACTERS, _AT_ONCE):
            for result in language_model.score_many(group, eos=ends, **how):
                remarks.add(result)
                writer.add(result)
            on_progress(len(group))
        writer.end()
    remarks.report(language_model, unknown, quiet)


@dataclass
class _Remarks:
    """What to print on stderr after the scores; the first text of each kind comes with its number, from 1."""

    texts: int = 0
    unknown: int = 0  # characters
    first_unknown: tuple[int, str] | None = None
    moved: int = 0  # texts whose score includes the end of the context
    first_moved: tuple[int, str] | None = None  # with that end

    def add(self, score: "Score") -> None:
        self.texts += 1
        self.unknown += score.unknown
        if score.unknown and self.first_unknown is None:
            self.first_unknown = self.texts, score.text
        if score.scored_context is not None:
            self.moved += 1
            self.first_moved = self.first_moved or (self.texts, score.scored_context)

    def report(self, model: "LanguageModel", policy: str, quiet: bool) -> None:
        if self.first_unknown is not None:
            number, text = self.first_unknown
            report_unknown(model, [Document("", text)], self.unknown, policy, quiet, start=number)
        if self.first_moved is not None:
            number, part = self.first_moved
            those = f", for {self.moved:,} of {self.texts:,} texts" if self.texts > 1 else ""
            why = f"the end of the context has other tokens with the text after it{those}"
            say(f"{why}: text {number:,} is scored from {part!r} on", quiet)


def _format(name: str | None, given: Given) -> tuple[str, dict[str, Any]]:
    """Return the format that the options choose, and the values of its fields.

    Raises ConfigError for an unknown name, or if two formats are chosen.
    """
    formats = chosen(_WRITERS, given)
    if name is not None:
        check_choice("format", name, _FORMATS)
        formats = {name: {}, **formats}
    if len(formats) > 1:
        raise ConfigError(f"{' and '.join(formats)} are two output formats; choose one")
    return next(iter(formats.items()), (_DEFAULT_FORMAT, {}))


def _singles(
    texts: Iterable[str], documents: Iterable[AnyDocument], mode: TextMode, quiet: bool, *, any_bytes: bool
) -> Iterator[str]:
    """Yield the sequences in the texts; in line mode, a text with newlines holds several."""
    for text in texts:
        if text == STDIN and mode == TextMode.LINE:
            yield from stdin_lines(quiet, any_bytes=any_bytes)
        elif text == STDIN:
            yield from document_sequences(read_stdin(quiet, any_bytes=any_bytes), mode)
        else:
            yield from document_sequences(Document("the text", text), mode)
    for document in documents:
        yield from document_sequences(document, mode)
