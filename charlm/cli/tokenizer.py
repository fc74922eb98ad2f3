"""charlm tokenizer: build a vocabulary file, or show how a vocabulary divides a text."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charlm.checkpoints.model_paths import existing_folder
from charlm.cli.config_options import TOKENIZER_OPTIONS, configured, with_options
from charlm.cli.help_page import HelpPage, command_group
from charlm.cli.inputs import files_or_stdin, hint_at_names, read_files, read_stdin, read_vocabulary
from charlm.cli.models import load_model, say_model
from charlm.cli.options import Json, Model, Overwrite, Quiet, output_option
from charlm.cli.output import say, write, write_json, write_lines
from charlm.cli.variant_options import NONE, Given
from charlm.cli.view.progress import ReadingLine
from charlm.cli.waiting import loading
from charlm.config import ModelConfig
from charlm.data.corpus import STDIN
from charlm.data.documents import AnyDocument, Document
from charlm.errors import ConfigError
from charlm.pages.style import WHITESPACE_SIGNS
from charlm.wording import figure, for_terminal, plural, shell_word, vocabulary_size

if TYPE_CHECKING:
    from charlm.tokenizers import Tokenizer

_SHOWN = 2_000  # characters of a text that are shown as tokens
_BACKGROUNDS = ("black on #a6cee3", "black on #fdbf6f")

app = command_group("Build or show a vocabulary.")


@app.command(cls=HelpPage)
@configured(TOKENIZER_OPTIONS)
def build(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="CORPUS", help="Text files, gzip files, folders, or - for stdin.")
    ] = None,
    output: Annotated[Path | None, output_option("File to write.")] = None,
    options: Given = NONE,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Learn a vocabulary from a complete text, for charlm train --tokenizer-file.

    Example: charlm tokenizer build corpus.txt --tokenizer word --output words.json
    """
    if output is None:
        raise ConfigError("no output file given; name one with --output")
    config = with_options(ModelConfig(), options)
    with loading(quiet):
        from charlm.data import vocabulary
        from charlm.files.atomic import check_output
        from charlm.tokenizers import reads_any_bytes

    check_output(output, overwrite)  # before the work
    any_bytes = reads_any_bytes(config.tokenizer)
    documents = read_files(files_or_stdin(texts), quiet, any_bytes=any_bytes).documents
    learned = vocabulary.learn_all(documents, config, ReadingLine(quiet))
    vocabulary.write(output, learned, overwrite)
    if json:
        write_json({"path": str(output), **_about(learned)})
    else:
        write(f"{output}\n")
        say(f"{learned.size:,} tokens; next: charlm train --tokenizer-file {shell_word(str(output))}", quiet)


@app.command(cls=HelpPage)
def show(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE] [TEXT]", help="Vocabulary file, unless --model is given, and a text (- for stdin)."
        ),
    ] = None,
    model: Model = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show a vocabulary, and how it divides a text into tokens.

    Example: charlm tokenizer show words.json "the cat sat"
    """
    given = arguments or []
    if len(given) > (1 if model else 2):
        raise ConfigError("too many arguments: give a vocabulary file or --model, and one text in quotes")
    file = None if model or not given else Path(given[0])
    text = given[-1] if len(given) > (file is not None) else None

    loaded = read_vocabulary(file, quiet) if file else _tokenizer_of(model, quiet)
    about, fitted = _about(loaded), {}
    if text is not None:
        hint_at_names([text], "- < {}", quiet)
        is_piped = text == STDIN
        document = read_stdin(quiet, any_bytes=loaded.READS_ANY_BYTES) if is_piped else Document("text", text)
        fitted = _fitted(loaded, document)
    if json:
        write_json(about | fitted)
    else:
        write_lines("".join(f"{name:<12} {value}\n" for name, value in _rows(about | fitted)), indent=13)
        _print_colored(fitted.get("cut", []))


def _tokenizer_of(model: str | None, quiet: bool) -> "Tokenizer":
    folder = existing_folder(model)
    tokenizer = load_model(folder, quiet).tokenizer
    say_model(folder, model, quiet)
    return tokenizer


def _about(tokenizer: "Tokenizer") -> dict[str, Any]:
    from charlm.registry import name_of

    longest = max((each for each in tokenizer.token_texts(range(tokenizer.size)) if each), key=len, default="")
    return {"tokenizer": name_of(tokenizer), "symbols": tokenizer.size, "longest": longest}


def _fitted(tokenizer: "Tokenizer", document: AnyDocument) -> dict[str, Any]:
    """Return how a vocabulary fits a text, and the first tokens of the text."""
    from charlm.data.vocabulary import Fit

    fit = Fit()
    for piece in document.pieces():
        fit.add(tokenizer, piece)
    ids = tokenizer.encode(document.head(_SHOWN)).tolist()
    names = [
        tokenizer.CONTROL[index] if name is None else name
        for index, name in zip(ids, tokenizer.token_texts(ids), strict=True)
    ]
    return {
        **asdict(fit),
        "characters_per_token": fit.characters_per_token,
        "coverage": fit.coverage,
        "cut": [list(each) for each in zip(ids, names, strict=True)],
    }


def _rows(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "tokenizer", values["tokenizer"]
    yield "vocabulary", f"{vocabulary_size(values['symbols'])}, the longest {values['longest']!r}"
    if "cut" in values:
        each = figure(values["characters_per_token"])
        yield "text", f"{plural(values['characters'], 'character')}, {plural(values['tokens'], 'token')}"
        yield "per token", f"{each} characters"
        unknown = "no unknown tokens"
        if values["unknown_tokens"]:
            characters = plural(values["unknown_characters"], "character")
            unknown = f"{plural(values['unknown_tokens'], 'unknown token')} of {characters}"
        yield "coverage", f"{values['coverage'] or 0:.2%}; {unknown}"


def _print_colored(tokens: Iterable[tuple[int, str]]) -> None:
    """Print tokens on two alternating backgrounds, with a bar between them for terminals without color."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.text import Text

    console, line = Console(file=sys.stdout, highlight=False), Text()
    for (_, name), background in zip(tokens, cycle(_BACKGROUNDS), strict=False):
        shown = for_terminal(name.translate(WHITESPACE_SIGNS))
        if line and line.cell_len + cell_len(shown) >= console.width:
            console.print(line, soft_wrap=True)
            line = Text()
        if line:
            line.append("│")
        line.append(shown, background)
        if name.endswith("\n"):
            console.print(line, soft_wrap=True)
            line = Text()
    if line:
        console.print(line, soft_wrap=True)
