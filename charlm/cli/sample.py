"""charlm sample: novel sequences."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charlm.checkpoints import model_paths
from charlm.cli.inputs import read_files, read_stdin, report_unknown, require_in_memory
from charlm.cli.interactive import converse
from charlm.cli.options import Json, Model, Quiet, defaulted
from charlm.cli.output import figure, say, write, write_json
from charlm.cli.view.pages import Pages
from charlm.data.documents import Document
from charlm.errors import ConfigError
from charlm.interrupts import importing

if TYPE_CHECKING:
    from charlm.comparison.novelty import Novelty
    from charlm.generation.generate import Piece, Sample
    from charlm.language_model import LanguageModel

_OF_A_PERSON = {"temperature", "top_p"}  # settings that keys move
_OF_A_SEARCH = {"length", "count", "stop", "unknown"}  # settings that a beam has too


def sample(
    model: Model = None,
    prompt: Annotated[str, typer.Option("--prompt", "-p", help="What the text begins with; - is stdin.")] = "",
    must_match: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Only texts, after the prompt, that this matches as a whole.")
    ] = None,
    repetition_penalty: Annotated[
        float | None, typer.Option(help="Make a repetition less likely: 1.3 a little, 3 much.")
    ] = None,
    repetition_ngram: Annotated[int | None, defaulted("So many symbols make a repetition.", "8")] = None,
    no_repeat: Annotated[int | None, typer.Option(metavar="N", help="No N symbols in a row twice.")] = None,
    temperature: Annotated[float | None, defaulted("Below 1 is safer, above 1 wilder; 0 is greedy.", "1")] = None,
    top_k: Annotated[int | None, typer.Option(help="Only the k likeliest symbols.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Only the likeliest symbols that reach p together.")] = None,
    min_p: Annotated[
        float | None, typer.Option(help="Only symbols p times as likely as the likeliest, or more.")
    ] = None,
    typical: Annotated[
        float | None, typer.Option(help="Only the symbols of nearly average surprise that reach p together.")
    ] = None,
    mirostat: Annotated[
        float | None, typer.Option(metavar="TAU", help="Hold the surprise at TAU bits a symbol (mirostat 2).")
    ] = None,
    length: Annotated[int | None, defaulted("Most tokens drawn.", "500 of a stream, 1000 of a line")] = None,
    stop: Annotated[str | None, typer.Option(help="End before this text.")] = None,
    whole: Annotated[
        str | None,
        defaulted("Finish the word, line or sentence that --length cuts.", "no", choices=("word", "line", "sentence")),
    ] = None,
    count: Annotated[int | None, defaulted("How many samples.", "1")] = None,
    unique: Annotated[bool, typer.Option("--unique", help="All of them different.")] = False,
    seed: Annotated[int | None, defaulted("The same seed draws the same.", "a new one")] = None,
    unknown: Annotated[
        str | None,
        defaulted("What an unknown character of the prompt becomes: error, unk or skip.", "error"),
    ] = None,
    beam: Annotated[
        int | None, typer.Option(metavar="N", help="Draw nothing; search the likeliest text, N beginnings at a time.")
    ] = None,
    scores: Annotated[
        bool, typer.Option("--scores", help="Log-probability and perplexity below each text; --json has them always.")
    ] = False,
    novelty: Annotated[
        list[str] | None,
        typer.Option(metavar="CORPUS", help="What of each text stands in this corpus; may be repeated."),
    ] = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="Type, and see what may follow; Tab takes the likeliest.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw new text from a model.

    A model of lines ends each by itself (<EOS>); of running text comes as much as --length says. What narrows the
    draw is applied in the order it has here, from --must-match to --mirostat.

    Example: charlm sample --prompt "Once " --temperature 0.7 --seed 42
    """
    settings = {
        "must_match": must_match,
        "repetition_penalty": repetition_penalty,
        "repetition_ngram": repetition_ngram,
        "no_repeat": no_repeat,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "typical": typical,
        "mirostat": mirostat,
        "length": length,
        "stop": stop,
        "whole": whole,
        "count": count,
        "unique": unique or None,
        "seed": seed,
        "unknown": unknown,
    }
    given: dict[str, Any] = {name: value for name, value in settings.items() if value is not None}
    if interactive:
        others = {"beam": beam, "scores": scores, "novelty": novelty, "json": json}
        asked = [*given, *(name for name, value in others.items() if value)]
        _refuse(asked, _OF_A_PERSON, "--interactive draws nothing by itself")
    if repetition_ngram is not None and repetition_penalty is None:
        raise ConfigError("--repetition-ngram is of --repetition-penalty; give that too, or leave it out")
    folder = model_paths.existing_folder(model)
    prompt = require_in_memory(read_stdin(quiet), "begin with").text if prompt == "-" else prompt

    with importing():
        from charlm.checkpoints.checkpoint import load

    corpus = read_files(novelty, quiet).documents if novelty else ()
    language_model = load(folder)
    if interactive:
        write(converse(language_model, prompt, **given) + "\n")
        return
    if beam is None:
        events, told = _drawn(language_model, prompt, given)
    else:
        events, told = _searched(language_model, prompt, beam, given)
    told = [*([] if model else [f"model {folder}"]), *told]
    say(", ".join(told), quiet or not told)
    if must_match is not None:
        say("symbols that cannot lead to a match are left out one by one; logprob is the free model's", quiet)
    report_unknown(language_model, [Document("", prompt)], language_model.unknown(prompt), unknown or "", quiet)
    compared = (
        _compared(events, (document.pieces() for document in corpus)) if corpus else ((event, None) for event in events)
    )
    pages = None if json else Pages(prompt, blank="" if language_model.line else "\n")
    texts = _show(compared, pages, scores, in_order=unique)
    if unique and texts < (count or 1):
        say(f"different texts found: {texts:,}, and then no other in 1,000 samples", quiet)


def _drawn(
    model: "LanguageModel", prompt: str, given: Mapping[str, Any]
) -> tuple[Iterable["Piece | Sample"], list[str]]:
    from charlm.language_model import new_seed

    seed = given.get("seed", new_seed())
    return model.draw(prompt, **{**given, "seed": seed}), [f"seed {seed}"]


def _searched(
    model: "LanguageModel", prompt: str, width: int, given: Mapping[str, Any]
) -> tuple[Iterable["Piece | Sample"], list[str]]:
    from charlm.generation.generate import Piece

    _refuse(given, _OF_A_SEARCH, "--beam searches the likeliest text and draws nothing")
    found = model.beam(prompt, width, **given)
    return [event for each in found for event in (Piece(each.index, each.text), each)], []


def _refuse(given: Iterable[str], allowed: Collection[str], why: str) -> None:
    if others := [f"--{name.replace('_', '-')}" for name in given if name not in allowed]:
        raise ConfigError(f"{why}; leave {' and '.join(others)} out")


def _compared(
    events: Iterable["Piece | Sample"], corpus: Iterable[Iterable[str]]
) -> Iterator[tuple["Piece | Sample", "Novelty | None"]]:
    """The corpus is read once, when all samples are complete."""
    from charlm.comparison.novelty import novelty
    from charlm.generation.generate import Sample

    every = list(events)
    samples = [event for event in every if isinstance(event, Sample)]
    found = iter(novelty([sample.text for sample in samples], corpus))
    for event in every:
        yield event, next(found) if isinstance(event, Sample) else None


def _show(
    events: Iterable[tuple["Piece | Sample", "Novelty | None"]], pages: Pages | None, scores: bool, *, in_order: bool
) -> int:
    """Write them on pages or as JSON; returns how many samples there were.

    in_order: they come one after the other, and their indices may have gaps.
    """
    from charlm.generation.generate import Piece

    samples = 0
    for event, news in events:
        place = samples if in_order else event.index
        if isinstance(event, Piece):
            if pages:
                pages.add(place, event.text)
            continue
        samples += 1
        if pages:
            pages.end(place, (_score(event) if scores else "") + (_news(news) if news else ""))
        else:
            write_json({**asdict(event), "perplexity": event.perplexity, **(asdict(news) if news else {})})
    return samples


def _score(sample: "Sample") -> str:
    return f"  log-probability {figure(sample.logprob)} nats, perplexity {figure(sample.perplexity)}\n"


def _news(news: "Novelty") -> str:
    shares = [(4, news.novel_4grams), (8, news.novel_8grams)]
    new = "".join(f", {share:.0%} of its {n}-grams are new" for n, share in shares if share is not None)
    return f"  longest copied stretch {news.longest_copied:,} characters {news.copied_text[:60]!r}{new}\n"
