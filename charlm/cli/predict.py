"""charlm predict: the answers of a model that is not a language model."""

from typing import Annotated

import typer

from charlm.checkpoints.model_paths import existing_folder
from charlm.cli.answers import CONTRACT, PACKAGE
from charlm.cli.examples import answers_of, form_of, load_answering, reads_any_bytes
from charlm.cli.inputs import hint_at_names
from charlm.cli.models import say_model
from charlm.cli.options import OUTPUT, Json, Model, Quiet
from charlm.cli.output import say, write, write_json
from charlm.cli.variant_options import NONE, Given, OptionsOf, with_variant_options
from charlm.cli.waiting import loading
from charlm.data.corpus import STDIN
from charlm.errors import ConfigError


@with_variant_options
def predict(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="Texts to answer. Without any, stdin has one per line.")
    ] = None,
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="FILE", help="Answer the texts in this file, one for each line or row."),
    ] = None,
    model: Model = None,
    options: Annotated[Given, OptionsOf(PACKAGE, contract=CONTRACT, command="predict")] = NONE,
    tsv: Annotated[
        bool, typer.Option("--tsv", help="Print a row for each answer, with tabs between.", rich_help_panel=OUTPUT)
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Answer each text: with a label, tags, another text, or a forecast.

    There is an answer to each text, in order, also to a blank one. The file may have the format of the training file;
    the answers in it are ignored.

    Example: charlm predict "a moving film" --model reviews
    """
    if texts and file:
        raise ConfigError("give texts or --file, not both")
    if tsv and json:
        raise ConfigError("give --tsv or --json, not both")
    folder = existing_folder(model)
    with loading(quiet):
        from charlm.examples.reading import read_inputs, texts_as_inputs

    answering = load_answering(folder, quiet)
    task = answering.config.task
    answers = answers_of(task, options)
    if texts:
        hint_at_names(texts, "--file {}", quiet, model)
        inputs = texts_as_inputs(texts, task)
    elif file or not answers.answers_alone:
        inputs = read_inputs(file or STDIN, form_of(folder, task), any_bytes=reads_any_bytes(answering))
    else:
        inputs = None
    say_model(folder, model, quiet)
    for note in inputs.notes if inputs else ():
        say(note, quiet)
    header = "" if tsv or json else answers.header()
    for number, answer in enumerate(answers.answers(answering, inputs)):
        if header and not number:  # nothing is printed before the first answer is known
            write(f"{header}\n")
        if json:
            write_json(answer.values)
        elif tsv:
            write("\t".join(answer.cells) + "\n")
        else:
            write(f"{answer.text}\n")
