"""charlm compare: two models on one text, or a model and an n-gram."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charlm.checkpoints import model_paths
from charlm.cli.inputs import files_or_stdin, read_files, read_stdin, require_in_memory
from charlm.cli.options import Json, Quiet, model_names
from charlm.cli.output import say, write, write_json
from charlm.cli.view.progress import token_bar
from charlm.data.corpus import STDIN, Corpus
from charlm.data.documents import Document
from charlm.errors import ConfigError, CorpusError, CorpusNotFoundError
from charlm.interrupts import importing

if TYPE_CHECKING:
    from charlm.comparison.compare import ComparedModel, Floats
    from charlm.data.sequences import Lines, Streams
    from charlm.language_model import LanguageModel
    from charlm.tokenizers import Ids

_NGRAM = "kn"  # and its order
_MOST = 2**23  # characters: of each some 100 bytes are in memory at once
_HELP = "A model's name or path; or kn5, an n-gram of order 5 by Kneser-Ney."


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=_HELP, autocompletion=model_names)],
    b: Annotated[str, typer.Argument(metavar="B", help="Another.", autocompletion=model_names)],
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="Texts; - is stdin.")] = None,
    file: Annotated[list[str] | None, typer.Option("--file", help="A file of text; may be repeated.")] = None,
    pairs: Annotated[
        str | None, typer.Option(metavar="FILE", help="Good, tab, bad: how often each finds the good one likelier.")
    ] = None,
    train: Annotated[
        list[str] | None,
        typer.Option(metavar="CORPUS", help="What an n-gram learns; may be repeated. Default: the model's corpus."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Two models on one text, or a model and an n-gram.

    Bits per character of each, the difference with its 95 % interval (paired bootstrap over lines), and the places
    where they differ most. The n-gram has the model's tokens, and learns what the model learned: the text held out
    while training is held out from it too.

    Example: charlm compare poems kn5 --file unseen.txt
    """
    folders = [None if _is_ngram(name) else model_paths.existing_folder(name) for name in (a, b)]
    if folders == [None, None]:
        raise ConfigError("an n-gram reads the tokens of a model: name a model beside it")
    if train and None not in folders:
        raise ConfigError("--train is what an n-gram learns, and both are models")
    if pairs is not None and (texts or file):
        raise ConfigError("give a text or pairs, not both")
    arguments = texts if texts or file or pairs else files_or_stdin(None)
    documents = [read_stdin(quiet) if text == STDIN else Document("text", text) for text in arguments or ()]
    named = read_files([pairs] if pairs else file or [], quiet) if pairs or file else None
    documents += named.documents if named else ()
    read = [require_in_memory(document, "compare") for document in documents]
    characters = sum(document.characters for document in read)
    if characters > _MOST:
        raise CorpusError(f"the text has {characters:,} characters, too many to compare; give {_MOST:,} at most")

    with importing():
        from charlm.checkpoints.checkpoint import load
        from charlm.cli import comparison
        from charlm.cli.pairs import compare_pairs
        from charlm.comparison.compare import compare as compare_readers

    models = [load(folder) if folder else None for folder in folders]
    texts_counted = _counted(folders, train, named, quiet) if None in folders else None
    readers = _readers((a, b), models, texts_counted, quiet)
    if pairs:
        compare_pairs(readers, read[0], json=json, quiet=quiet)
        return
    found = compare_readers(*readers, [each.text for each in read])
    if json:
        write_json(comparison.values(readers, found))
    else:
        write(comparison.table(readers, found))


def _is_ngram(name: str) -> bool:
    """Whether this is `kn` and an order; a model of that name is `checkpoints/kn5`."""
    return name.startswith(_NGRAM) and name.removeprefix(_NGRAM).isdecimal()


def _counted(
    folders: Sequence[Path | None], train: list[str] | None, named: Corpus | None, quiet: bool
) -> "Streams | Lines":
    """What the n-gram learns, which is said: the files given, or those of the model where they are as they were."""
    from charlm.checkpoints.checkpoint import describe
    from charlm.comparison.baseline import learned

    folder = next(each for each in folders if each)
    told = describe(folder)
    paths = train or told["corpus"]["files"]
    if not train and STDIN in paths:
        raise ConfigError(f"{folder} was trained on what came through a pipe: say with --train what the n-gram learns")
    try:
        corpus = read_files(paths, quiet)
    except CorpusNotFoundError as error:
        raise error if train else CorpusNotFoundError(f"{error}; say with --train what the n-gram learns") from None
    texts, same = learned(told, corpus)
    names = ", ".join(paths)
    if not same and not train:
        raise CorpusError(f"{names} is not the text that {folder} was trained on any more; name that with --train")
    what = f"those that {folder} learned" if same else f"which is not the text of {folder}"
    say(f"the n-gram learns {texts.characters:,} characters of {names}, {what}", quiet)
    if named and same and named.fingerprint() == corpus.fingerprint():
        say("the text is the one they learned from, and an n-gram remembers: compare on another", quiet)
    return texts


def _readers(
    names: tuple[str, str], models: Sequence["LanguageModel | None"], texts: "Streams | Lines | None", quiet: bool
) -> tuple["ComparedModel", "ComparedModel"]:
    """The two; an n-gram has the tokens of the model beside it."""
    from charlm.comparison.baseline import baseline
    from charlm.comparison.compare import ComparedModel
    from charlm.nn import probability

    def logprobs(name: str, model: "LanguageModel", rows: "Sequence[Ids]") -> "list[Floats]":
        with token_bar(not quiet, name, sum(map(len, rows)) - len(rows)) as told:
            return probability.log_probabilities(model.network, rows, told)

    def reader(name: str, model: "LanguageModel | None", other: "LanguageModel | None") -> ComparedModel:
        if model:
            return ComparedModel(name, model.tokenizer, model.line, partial(logprobs, name, model))
        assert other is not None and texts is not None
        with token_bar(not quiet, f"counting for {name}") as told:
            ngram = baseline(other, int(name.removeprefix(_NGRAM)), texts, told)
        return ComparedModel(name, other.tokenizer, other.line, ngram.log_probabilities)

    first, second = models
    return reader(names[0], first, second), reader(names[1], second, first)
