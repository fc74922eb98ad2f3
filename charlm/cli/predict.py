"""charlm predict: the answers of a model that is not a language model."""

from typing import Annotated

import typer

from charlm.cli.examples import form_of
from charlm.cli.inputs import hint_at_files
from charlm.cli.models import find_model
from charlm.cli.options import Json, Model, Quiet
from charlm.cli.output import say, write, write_json
from charlm.cli.waiting import loading
from charlm.config import check_count
from charlm.data.corpus import STDIN
from charlm.errors import ConfigError
from charlm.wording import for_terminal

_AT_ONCE = 4096  # texts that are answered before the answers are written


def predict(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="Texts to answer. Without any, stdin has one per line.")
    ] = None,
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="FILE", help="Answer the texts in this file, one for each line or row."),
    ] = None,
    model: Model = None,
    top_k: Annotated[int, typer.Option("--top-k", "-k", help="Print this many labels, the likeliest first.")] = 1,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Give each text a label, with its probability.

    There is one line of output for each text, in order, also for a blank one. The file may have the format of the
    training file; its labels are ignored.

    Example: charlm predict "a moving film" --model reviews
    """
    if texts and file:
        raise ConfigError("give texts or --file, not both")
    check_count("top_k", top_k, 1)
    folder = find_model(model, quiet)
    with loading(quiet):
        from charlm.checkpoints.checkpoint import expect, load
        from charlm.examples import Labeled
        from charlm.examples.reading import read_inputs, texts_as_inputs
        from charlm.tasks.labels.classifier import Classifier

    classifier = expect(load(folder), Classifier)
    if texts:
        hint_at_files(texts, "--file {}", quiet)
        inputs = texts_as_inputs(texts, classifier.config.task)
    else:
        any_bytes = classifier.tokenizer.READS_ANY_BYTES
        inputs = read_inputs(file or STDIN, form_of(folder, classifier.config.task), any_bytes=any_bytes)
    for note in inputs.notes:
        say(note, quiet)
    asked = [each.text for each in inputs.items if isinstance(each, Labeled)]
    for first in range(0, len(asked), _AT_ONCE):
        some = asked[first : first + _AT_ONCE]
        for text, answer in zip(some, classifier.predict(some), strict=True):
            best = list(answer.probabilities.items())[:top_k]
            if json:
                values = {"text": text, "label": answer.label, "probability": answer.probability}
                write_json({**values, "probabilities": answer.probabilities})
            else:
                write("\t".join(f"{for_terminal(label)}\t{probability:.4f}" for label, probability in best) + "\n")
