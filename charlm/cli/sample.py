"""charlm sample: new text from a model."""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charlm.checkpoints import model_paths
from charlm.cli.inputs import hint_at_names, read_files, read_stdin, report_unknown, require_in_memory
from charlm.cli.interactive import edit_with_model
from charlm.cli.models import load_model, takes_any_bytes
from charlm.cli.options import OUTPUT, Json, Model, Quiet, optional
from charlm.cli.output import fitted, say, write
from charlm.cli.targets import sample_targets
from charlm.cli.variant_options import NONE, Given, OptionsOf, check_required, with_variant_options
from charlm.cli.view.samples import JsonPrinter, SamplePrinter, separator
from charlm.data.corpus import STDIN
from charlm.data.documents import Document
from charlm.errors import ConfigError
from charlm.wording import figure

if TYPE_CHECKING:
    from charlm.comparison.novelty import Novelty
    from charlm.generation.generate import Piece, Sample
    from charlm.language_model import LanguageModel

_SAMPLERS = "generation.samplers"
_FILTERS, _SAMPLES = "Filters, applied in this order", "Samples"  # headings of the help
_INTERACTIVE = {"temperature", "top_p", "allow_unk"}  # options that the editor has too
_TARGETS = ("temperature", "count", "seed")  # options that go with --source
_BEAM = {"length", "count", "stop", "unknown", "allow_unk"}  # options that beam search has too
_OPTIONAL = ("taken_back", "unk_share")  # keys of JSON that are absent if they have no value


@with_variant_options
def sample(
    model: Model = None,
    prompt: Annotated[
        str, typer.Option("--prompt", "-p", metavar="TEXT", help="Text to continue; - reads stdin.")
    ] = "",
    source: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Draw targets of this source, or label, with a model of pairs."),
    ] = None,
    interactive: Annotated[
        bool,
        typer.Option("--interactive", "-i", help="Type text and see the most likely next tokens; Tab takes the first."),
    ] = False,
    count: Annotated[int | None, optional("Number of samples.", "1", "--count", "-n", panel=_SAMPLES)] = None,
    length: Annotated[
        int | None,
        optional("Maximum length of a sample, in tokens.", "500 for a stream, 1000 for a line", panel=_SAMPLES),
    ] = None,
    whole: Annotated[
        str | None,
        optional(
            "Finish the word, line or sentence that --length cuts.",
            "no",
            choices=("word", "line", "sentence"),
            metavar="UNIT",
            panel=_SAMPLES,
        ),
    ] = None,
    stop: Annotated[
        str | None, typer.Option(metavar="TEXT", help="End a sample before this text.", rich_help_panel=_SAMPLES)
    ] = None,
    unique: Annotated[
        bool, typer.Option("--unique", help="Make all samples different.", rich_help_panel=_SAMPLES)
    ] = False,
    seed: Annotated[
        int | None, optional("Random seed; repeat it to get the same samples.", "a new one", panel=_SAMPLES)
    ] = None,
    beam: Annotated[
        int | None,
        typer.Option(metavar="N", help="Use beam search of width N instead of sampling.", rich_help_panel=_SAMPLES),
    ] = None,
    unknown: Annotated[
        str | None,
        optional(
            "What to do with unknown characters of the prompt: error, unk (read as <UNK>) or skip (leave out).",
            "error",
            choices=("error", "unk", "skip"),
            metavar="ACTION",
            panel=_SAMPLES,
        ),
    ] = None,
    allow_unk: Annotated[
        bool,
        typer.Option(
            "--allow-unk",
            help="Also draw <UNK>, which is shown as \ufffd and stands for any text outside the vocabulary.",
            rich_help_panel=_SAMPLES,
        ),
    ] = False,
    must_match: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help="Generate only text that fully matches this regular expression (prompt excluded).",
            rich_help_panel=_FILTERS,
        ),
    ] = None,
    samplers: Annotated[Given, OptionsOf(_SAMPLERS, _FILTERS)] = NONE,
    scores: Annotated[
        bool,
        typer.Option(
            "--scores",
            help="Print log-probability and perplexity below each sample; --json always has them.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    novelty: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CORPUS",
            help="Report how much of each sample is copied from this corpus; repeatable.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    json: Json = False,
    unordered: Annotated[
        bool,
        typer.Option(
            "--unordered", help="With --json: print each sample as it ends, not in order.", rich_help_panel=OUTPUT
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Generate text from a model.

    A line model stops at <EOS>; a stream model stops after --length tokens.

    Example: charlm sample --prompt "Once " --temperature 0.7 --seed 42
    """
    settings = {
        "must_match": must_match,
        **samplers,
        "length": length,
        "stop": stop,
        "whole": whole,
        "count": count,
        "unique": unique or None,
        "seed": seed,
        "unknown": unknown,
        "allow_unk": allow_unk or None,
    }
    given: dict[str, Any] = {name: value for name, value in settings.items() if value is not None}
    if interactive:
        others = {"beam": beam, "scores": scores, "novelty": novelty, "json": json}
        used = [*given, *(name for name, value in others.items() if value)]
        _refuse(used, _INTERACTIVE, "--interactive generates no samples")
    check_required(_SAMPLERS, samplers)
    if unordered and not json:
        raise ConfigError("--unordered is for --json; text is always printed in order")
    folder = model_paths.existing_folder(model)
    if source is not None:
        _refuse([*given, *(["prompt"] if prompt else [])], _TARGETS, "--source draws whole targets")
        return sample_targets(folder, model, source, given, json, quiet)
    hint_at_names([prompt], "--prompt - < {}", quiet, model)
    any_bytes = takes_any_bytes(folder)
    if prompt == STDIN:
        prompt = require_in_memory(read_stdin(quiet, any_bytes=any_bytes), "begin with").text

    corpus = read_files(novelty, quiet, any_bytes=any_bytes).documents if novelty else ()
    language_model = load_model(folder, quiet)
    if interactive:
        write(edit_with_model(language_model, prompt, **given) + "\n")
        return
    if beam is None:
        events, remarks = _sampled(language_model, prompt, given)
    else:
        events, remarks = _searched(language_model, prompt, beam, given)
    remarks = [*([] if model else [f"model {folder}"]), *remarks]
    say(", ".join(remarks), quiet or not remarks)
    if must_match is not None:
        say("--must-match excludes tokens one by one; logprob is that of the model without it", quiet)
    compared = (
        _compared(events, (document.pieces() for document in corpus)) if corpus else ((event, None) for event in events)
    )
    printer = JsonPrinter(not unordered) if json else SamplePrinter(prompt, separator(language_model.line))
    shown = _show(compared, printer, scores, one_by_one=unique)
    if unique and shown.samples < (count or 1):
        several = "s" * (shown.samples != 1)
        say(f"found only {shown.samples:,} different sample{several}; 1,000 more brought no new one", quiet)
    shown.report(quiet)
    read = prompt.removesuffix(shown.taken_back)  # what was drawn again is not unknown
    report_unknown(language_model, [Document("", read)], language_model.unknown(read), unknown or "", quiet)


def _sampled(
    model: "LanguageModel", prompt: str, given: Mapping[str, Any]
) -> tuple[Iterable["Piece | Sample"], list[str]]:
    """Return the events of generation, and what to report before them."""
    from charlm.randomness import new_seed

    seed = given.get("seed", new_seed())
    return model.generate(prompt, **{**given, "seed": seed}), [f"seed {seed}"]


def _searched(
    model: "LanguageModel", prompt: str, width: int, given: Mapping[str, Any]
) -> tuple[Iterable["Piece | Sample"], list[str]]:
    """Return the results of beam search as events, and what to report before them."""
    from charlm.generation.generate import Piece

    _refuse(given, _BEAM, "--beam searches for the most likely text and samples nothing")
    samples = model.beam(prompt, width, **given)
    return [event for each in samples for event in (Piece(each.index, each.text), each)], []


def _refuse(given: Iterable[str], allowed: Collection[str], why: str) -> None:
    if others := [f"--{name.replace('_', '-')}" for name in given if name not in allowed]:
        raise ConfigError(f"{why}; leave {' and '.join(others)} out")


def _compared(
    events: Iterable["Piece | Sample"], corpus: Iterable[Iterable[str]]
) -> Iterator[tuple["Piece | Sample", "Novelty | None"]]:
    """Pair each Sample with its novelty. The corpus is read once, when all samples are complete."""
    from charlm.comparison.novelty import novelty
    from charlm.generation.generate import Sample

    every = list(events)
    samples = [event for event in every if isinstance(event, Sample)]
    novelties = iter(novelty([sample.text for sample in samples], corpus))
    for event in every:
        yield event, next(novelties) if isinstance(event, Sample) else None


def _show(
    events: Iterable[tuple["Piece | Sample", "Novelty | None"]],
    printer: SamplePrinter | JsonPrinter,
    scores: bool,
    *,
    one_by_one: bool,
) -> "_Shown":
    """Write the samples, as text or as JSON.

    one_by_one: the samples follow one another, and their indices may have gaps.
    """
    from charlm.generation.generate import Piece

    shown = _Shown()
    for event, news in events:
        index = shown.samples if one_by_one else event.index
        if isinstance(event, Piece):
            if isinstance(printer, SamplePrinter):
                printer.add(index, event.text)
            continue
        shown.add(event)
        if isinstance(printer, SamplePrinter):
            notes = (_score(event) if scores else "") + (_news(news) if news else "")
            printer.end(index, fitted(notes, sys.stdout))
        else:
            values = {
                name: value for name, value in asdict(event).items() if value is not None or name not in _OPTIONAL
            }
            printer.end(index, {**values, "perplexity": event.perplexity, **(asdict(news) if news else {})})
    return shown


@dataclass
class _Shown:
    """The number of samples so far, and what to print on stderr after them."""

    samples: int = 0
    tokens: int = 0
    left_out: float = 0.0  # sum of P(<UNK>) over the tokens
    taken_back: str = ""  # the end of the prompt that was drawn again

    def add(self, sample: "Sample") -> None:
        self.samples += 1
        self.taken_back = sample.taken_back or ""
        if sample.unk_share is not None:
            self.tokens += sample.tokens
            self.left_out += sample.unk_share * sample.tokens

    def report(self, quiet: bool) -> None:
        if self.tokens:
            share = f"it had {self.left_out / self.tokens:.2%} of the probability on average"
            say(f"<UNK> was left out of the draw: {share}; --allow-unk draws it too", quiet)
        if self.taken_back:
            end = f"its end {self.taken_back!r} was drawn again, as the beginning of a token"
            say(f"the prompt may end inside a token: {end}", quiet)


def _score(sample: "Sample") -> str:
    return f"  log-probability {figure(sample.logprob)} nats, perplexity {figure(sample.perplexity)}\n"


def _news(news: "Novelty") -> str:
    several = "s" * (news.longest_copied != 1)
    shares = [(4, news.novel_4grams), (8, news.novel_8grams)]
    new = "".join(f", {share:.0%} of its {n}-grams are new" for n, share in shares if share is not None)
    return f"  longest copied stretch: {news.longest_copied:,} character{several} {news.copied_text[:60]!r}{new}\n"
