"""charlm score: the probability of texts by the chain rule."""

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from charlm import naming
from charlm.cli.options import Json, Model, Quiet, Unknown, defaulted
from charlm.cli.output import figure, say, write, write_json
from charlm.cli.texts import files_or_stdin, read_files, read_stdin, sequences_of, tell_unknown
from charlm.documents import AnyDocument, Document
from charlm.interrupts import importing

if TYPE_CHECKING:
    from charlm.language_model import LanguageModel
    from charlm.scoring import Score

_AT_ONCE = 1024  # texts scored before their results are written


def score(
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="Texts; - is stdin.")] = None,
    file: Annotated[list[str] | None, typer.Option("--file", help="A file of text; may be repeated.")] = None,
    model: Model = None,
    eos: Annotated[
        bool | None,
        defaulted("Score the end too.", "yes for lines, no for a stream", "--eos/--no-eos"),
    ] = None,
    unknown: Unknown = "unk",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """How likely a text is, token by token.

    The probability of each token given those before it, and of the whole by the chain rule.

    Example: charlm score --json "the cat sat" "sat cat the"
    """
    folder = naming.existing_folder(model)
    arguments = texts if texts or file else files_or_stdin(None)
    given = [read_stdin(quiet) if text == "-" else Document("", text) for text in arguments or ()]
    given += read_files(file, quiet).documents if file else ()

    with importing():
        from charlm.checkpoint import load

    language_model = load(folder)
    say(f"model {folder}", quiet or model is not None)
    unknowns = 0
    singles = _single(language_model, given)
    while some := list(itertools.islice(singles, _AT_ONCE)):
        for found in language_model.score_many(some, eos=eos, unknown=unknown):  # type: ignore[arg-type]
            unknowns += found.unknown
            if json:
                values = asdict(found)
                if not found.unknown:
                    del values["bits_per_char_known"]
                write_json(values)
            else:
                write(_table(found))
    every = (Document("", text) for text in _single(language_model, given))
    tell_unknown(language_model, every, unknowns, unknown, quiet)


def _single(model: "LanguageModel", documents: Iterable[AnyDocument]) -> Iterator[str]:
    """The sequences in the texts: in a model of lines a text with newlines is several."""
    for document in documents:
        yield from sequences_of(document, model.config.sequence)


def _table(found: "Score") -> str:
    rows = [f"{found.text!r}\n  {'token':>10}  {'probability':>11}  {'surprisal (bits)':>16}\n"]
    for token, logprob in zip(found.tokens, found.logprobs, strict=True):
        name = "<control>" if token is None else repr(token)
        rows.append(f"  {name:>10}  {math.exp(logprob):11.6f}  {0.0 - logprob / math.log(2):16.3f}\n")
    bits = found.bits_per_char_known if found.unknown else found.bits_per_char
    known = f" (of the known characters; {found.unknown:,} unknown)" if found.unknown else ""
    return "".join(rows) + (
        f"  log-probability {figure(found.logprob)} nats, perplexity {figure(found.perplexity)},"
        f" {figure(bits)} bits per character{known}\n"
    )
