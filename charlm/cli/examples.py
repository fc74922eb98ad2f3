"""Models that answer questions: their options, their files of examples, and the measure of their answers."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charlm.cli.answers import CONTRACT, PACKAGE, Answers
from charlm.cli.models import say_model
from charlm.cli.options import option_name
from charlm.cli.output import say, write, write_json, write_rows
from charlm.cli.variant_options import NONE, Given, chosen
from charlm.cli.waiting import loading, waiting
from charlm.config import ModelConfig
from charlm.errors import ConfigError, ModelError
from charlm.registry import find

if TYPE_CHECKING:
    from charlm.examples.detection import Detected
    from charlm.examples.reading import Examples
    from charlm.model import Model


def answers_of(task: str, given: Given) -> Answers:
    """Return how a task answers, with its options. Raises ConfigError for an option of another task."""
    options = chosen(PACKAGE, given, CONTRACT)
    for other, values in options.items():
        if other != task:
            raise ConfigError(f"{option_name(next(iter(values)))} is an option of the task {other}; leave it out")
    return find(Answers, task)(**options.get(task, {}))


def load_answering(folder: Path, quiet: bool) -> "Model":
    """Load a model that answers questions. Raises ModelError for a language model."""
    with loading(quiet):
        from charlm.checkpoints.checkpoint import load

    model = load(folder)
    if model.config.task == ModelConfig.task:
        raise ModelError(
            f"{model.name} is a language model, which answers no questions", remedy="other_task", verb="sample"
        )
    return model


def reads_any_bytes(model: "Model") -> bool:
    """Whether a model reads a text that is not UTF-8."""
    return bool(model.tokenizer and model.tokenizer.READS_ANY_BYTES)


def form_of(folder: Path, task: str) -> "Detected":
    """Return the form of the file that a model was trained on. Raises ModelError."""
    from charlm.checkpoints.checkpoint import corpus_of
    from charlm.examples import columns_from
    from charlm.examples.detection import Detected

    corpus = corpus_of(folder)
    try:
        columns = columns_from(corpus.get("columns", {}))
    except (AttributeError, TypeError, ConfigError):
        raise ModelError(f"{folder} does not describe the columns of its data") from None
    return Detected(task, str(corpus.get("format", "")), "as in training", columns=columns)


def _warn_learned(folder: Path, answers: Answers, examples: "Examples", files: Sequence[str], model: str) -> None:
    """Warn, also under --quiet, if the examples are all those that a model was trained on.

    Forecasts are left out: those of a whole series are of its last values, which training held out.
    """
    from charlm.checkpoints.checkpoint import corpus_of

    if not answers.answers_alone and corpus_of(folder)["sha256"] == examples.sha256:
        names = ", ".join(files)
        say(
            f"warning: {model} was trained on {names}, so its figures are too good; give a file that it was not"
            " trained on"
        )


def evaluate_answers(folder: Path, name: str | None, files: list[str], given: Given, json: bool, quiet: bool) -> None:
    """Measure a model on files of examples, and print the figures beside those of naive answers."""
    with loading(quiet):
        from charlm.examples.reading import read_examples
        from charlm.measures.reports import report

    model = load_answering(folder, quiet)
    task = model.config.task
    answers = answers_of(task, given)
    examples = read_examples(files, form_of(folder, task), any_bytes=reads_any_bytes(model))
    say_model(folder, name, quiet)
    _warn_learned(folder, answers, examples, files, "the model")
    with waiting("evaluating", quiet):
        measures, naive, nats, notes = answers.evaluate(model, examples)
    for note in (*examples.notes, *notes):
        say(note, quiet)
    if json:
        values: dict[str, Any] = {"task": task, "examples": measures.examples, "nats": nats}
        write_json({**values, **measures.values(naive)})
    else:
        write_rows(report(measures, naive))


def score_answers(folder: Path, name: str | None, files: Sequence[str], json: bool, quiet: bool) -> None:
    """Print how likely a model finds the answers in files. Raises ModelError for a task without scores."""
    with loading(quiet):
        from charlm.examples.reading import read_examples

    model = load_answering(folder, quiet)
    task = model.config.task
    examples = read_examples(files, form_of(folder, task), any_bytes=reads_any_bytes(model))
    scored = answers_of(task, NONE).score(model, examples)
    say_model(folder, name, quiet)
    for note in examples.notes:
        say(note, quiet)
    if scored.header and not json:
        write(f"{scored.header}\n")
    for each in scored.scores:
        if json:
            write_json(each.values)
        else:
            write(f"{each.text}\n")
    for note in scored.notes:
        say(note, quiet)


def compare_answers(
    folders: Sequence[Path], names: tuple[str, str], files: list[str], given: Given, json: bool, quiet: bool
) -> None:
    """Measure two models of one task on the same files of examples, and print who answers better."""
    with loading(quiet):
        from charlm.examples.reading import read_examples
        from charlm.measures.paired import compare
        from charlm.measures.reports import paired_lines

    models = [load_answering(folder, quiet) for folder in folders]
    tasks = [model.config.task for model in models]
    if tasks[0] != tasks[1]:
        raise ConfigError(
            f"{names[0]} and {names[1]} are models of the tasks {tasks[0]} and {tasks[1]}; name two of one"
        )
    any_bytes = all(map(reads_any_bytes, models))
    examples = read_examples(files, form_of(folders[0], tasks[0]), any_bytes=any_bytes)
    answers = answers_of(tasks[0], given)
    unlike = answers.unlike(*models)
    for folder, each in zip(folders, names, strict=True):
        _warn_learned(folder, answers, examples, files, each)
    with waiting("evaluating", quiet):
        measured = [answers.evaluate(model, examples) for model in models]
    for note in dict.fromkeys((*examples.notes, *unlike, *measured[0].notes, *measured[1].notes)):
        say(note, quiet)
    paired = compare(*(each.measures for each in measured))
    if json:
        sides = {
            side: {"model": name, **figures}
            for side, name, figures in zip("ab", names, (paired.first, paired.second), strict=True)
        }
        write_json({"task": tasks[0], "examples": paired.examples, **sides, **paired.values()})
    else:
        write_rows(paired_lines(names, paired))
