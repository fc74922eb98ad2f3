"""charlm compare: compare two models on one text, or a model with an n-gram."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charlm.checkpoints import model_paths
from charlm.cli.answers import CONTRACT, PACKAGE
from charlm.cli.examples import compare_answers
from charlm.cli.inputs import (
    files_or_stdin,
    hint_at_names,
    parts_in_words,
    read_files,
    read_stdin,
    require_in_memory,
    warn_learned,
)
from charlm.cli.models import load_model, takes_any_bytes, verb_of
from charlm.cli.options import Json, Quiet, model_names, option_name
from charlm.cli.output import say, write_json, write_lines
from charlm.cli.variant_options import NONE, Given, OptionsOf, with_variant_options
from charlm.cli.view.progress import token_bar
from charlm.cli.waiting import COMPARING, loading, waiting
from charlm.data.corpus import STDIN, Corpus
from charlm.data.documents import Document
from charlm.errors import ConfigError, CorpusError, CorpusNotFoundError

if TYPE_CHECKING:
    from charlm.comparison.compare import ComparedModel, Floats
    from charlm.data.sequences import Lines, Streams
    from charlm.language_model import LanguageModel
    from charlm.tokenizers import Ids

_NGRAM = "kn"  # the name of an n-gram is this and its order
_MAX_CHARACTERS = 2**23  # each takes about 100 bytes of memory
_NAME_TEXT = "name the text that the n-gram learns from with --train"


@with_variant_options
def compare(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="Name or path of a model; or kn5, a Kneser-Ney n-gram of order 5.",
            autocompletion=model_names,
        ),
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="The second model, or an n-gram.", autocompletion=model_names)],
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="Texts to compare on; - reads stdin.")
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option("--file", metavar="FILE", help="Compare on the text in this file; may be repeated."),
    ] = None,
    pairs: Annotated[
        str | None,
        typer.Option(metavar="FILE", help='Compare the accuracy on minimal pairs, one "good TAB bad" per line.'),
    ] = None,
    train: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CORPUS", help="Let the n-gram learn from this text; may be repeated. [the model's corpus]"
        ),
    ] = None,
    options: Annotated[Given, OptionsOf(PACKAGE, contract=CONTRACT, command="evaluate")] = NONE,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare two models on one text, or a model with an n-gram.

    Prints the bits per character of each, their difference with a 95 % interval (paired bootstrap over lines), and the
    stretches of text where the models differ most. The n-gram has the model's tokens. It learns from the model's
    corpus, without the part that was held out.

    For two models of another task, TEXT is a file of examples, such as test.tsv. Prints the figures of each, their
    difference with a 95 % interval (paired bootstrap over examples), and how often each alone is right.

    Example: charlm compare poems kn5 --file unseen.txt
    """
    folders = [None if _is_ngram(name) else model_paths.existing_folder(name) for name in (a, b)]
    if folders == [None, None]:
        raise ConfigError("an n-gram uses the tokens of a model; name a model as A or B")
    if train and None not in folders:
        raise ConfigError("--train is the text of an n-gram, and A and B are both models; leave --train out")
    if pairs is not None and (texts or file):
        raise ConfigError("give a text or --pairs, not both")
    answering = [folder for folder in folders if folder and verb_of(folder) == "predict"]
    if answering:
        if len(answering) < 2:
            raise ConfigError("one of the models answers questions, and the other predicts text; name two of one kind")
        if pairs or train or (texts and file):
            raise ConfigError("models that answer questions are compared on files of examples; give only these files")
        return compare_answers(answering, (a, b), files_or_stdin(texts or file), options, json, quiet)
    if options:
        raise ConfigError(f"{option_name(next(iter(options)))} is for models that answer questions; leave it out")
    hint_at_names(texts or (), "--file {}", quiet)
    arguments = texts if texts or file or pairs else files_or_stdin(None)
    any_bytes = all(takes_any_bytes(folder) for folder in folders if folder)
    documents = [
        read_stdin(quiet, any_bytes=any_bytes) if text == STDIN else Document("text", text) for text in arguments or ()
    ]
    named = read_files([pairs] if pairs else file or [], quiet, any_bytes=any_bytes) if pairs or file else None
    documents += named.documents if named else ()
    held = [require_in_memory(document, "compare") for document in documents]
    characters = sum(document.characters for document in held)
    if characters > _MAX_CHARACTERS:
        raise CorpusError(
            f"the text has {characters:,} characters, too many to compare; give at most {_MAX_CHARACTERS:,}"
        )

    with loading(quiet):
        from charlm.checkpoints.checkpoint import describe_text
        from charlm.cli import comparison
        from charlm.cli.pairs import compare_pairs
        from charlm.comparison.compare import compare as compare_models
        from charlm.comparison.learned import learned_from

    models = [load_model(folder, quiet) if folder else None for folder in folders]
    for name, folder, model in zip((a, b), folders, models, strict=True):
        if folder and model and named and not pairs:
            with waiting(COMPARING, quiet):
                learned = learned_from(describe_text(folder, model.config), named.documents)
            warn_learned(named.documents, learned, quiet, name)
    ngram_text = _ngram_text(folders, train, named, quiet) if None in folders else None
    compared = _compared((a, b), models, ngram_text, quiet)
    if pairs:
        compare_pairs(compared, held[0], json=json, quiet=quiet)
        return
    result = compare_models(*compared, [each.text for each in held])
    if json:
        write_json(comparison.values(compared, result))
    else:
        write_lines(comparison.table(compared, result))


def _is_ngram(name: str) -> bool:
    """Return whether the name is `kn` and an order; a model with such a name is given as `checkpoints/kn5`."""
    return name.startswith(_NGRAM) and name.removeprefix(_NGRAM).isdecimal()


def _ngram_text(
    folders: Sequence[Path | None], train: list[str] | None, named: Corpus | None, quiet: bool
) -> "Streams | Lines":
    """Return the text that the n-gram learns from, and print what it is: `train`, or the corpus of the model.

    Raises CorpusError if the corpus of the model has changed, CorpusNotFoundError if it is missing.
    """
    from charlm.checkpoints.checkpoint import describe
    from charlm.comparison.baseline import training_text
    from charlm.comparison.learned import measured
    from charlm.comparison.shared_text import shared_text

    folder = next(each for each in folders if each)
    description = describe(folder)
    paths = train or description["corpus"]["files"]
    if not train and STDIN in paths:
        raise ConfigError(f"{folder} was trained on piped text, which is not stored; {_NAME_TEXT}")
    try:
        corpus = read_files(paths, quiet, any_bytes=takes_any_bytes(folder))
    except CorpusNotFoundError as error:
        raise error if train else CorpusNotFoundError(f"{error}; {_NAME_TEXT}") from None
    texts, same = training_text(description, corpus)
    names = ", ".join(paths)
    if not same and not train:
        raise CorpusError(f"{names} has changed since {folder} was trained on it; {_NAME_TEXT}")
    which = f"the training text of {folder}" if same else f"which is not the training text of {folder}"
    say(f"the n-gram learns from {texts.characters:,} characters of {names}, {which}", quiet)
    if named:
        same_text = named.fingerprint() == corpus.fingerprint()
        learned = [measured(shared, same_text) for shared in shared_text(texts, named.documents)]
        if memorized := parts_in_words(named.documents, learned):
            say(f"warning: the n-gram was trained on {memorized}, which it has memorized; use held-out text")
    return texts


def _compared(
    names: tuple[str, str], models: Sequence["LanguageModel | None"], texts: "Streams | Lines | None", quiet: bool
) -> tuple["ComparedModel", "ComparedModel"]:
    """Return the two models to compare; None in `models` is an n-gram, which gets the tokens of the other model."""
    from charlm.comparison.baseline import train_ngram
    from charlm.comparison.compare import ComparedModel
    from charlm.nn import probability

    def logprobs(name: str, model: "LanguageModel", rows: "Sequence[Ids]") -> "list[Floats]":
        with token_bar(not quiet, name, sum(map(len, rows)) - len(rows)) as advance:
            return probability.log_probabilities(model.network, rows, advance)

    def compared(name: str, model: "LanguageModel | None", other: "LanguageModel | None") -> ComparedModel:
        if model:
            return ComparedModel(name, model.tokenizer, model.line, partial(logprobs, name, model))
        assert other is not None and texts is not None
        with token_bar(not quiet, f"counting for {name}") as advance:
            ngram = train_ngram(other, int(name.removeprefix(_NGRAM)), texts, advance)
        return ComparedModel(name, other.tokenizer, other.line, ngram.log_probabilities)

    first, second = models
    return compared(names[0], first, second), compared(names[1], second, first)
