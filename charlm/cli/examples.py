"""Files of examples, for the commands that ask a model of another task than a language model."""

from pathlib import Path
from typing import TYPE_CHECKING

from charlm.cli.output import say, write, write_json
from charlm.cli.waiting import loading

if TYPE_CHECKING:
    from charlm.examples.detection import Detected


def form_of(folder: Path, task: str) -> "Detected":
    """Return the form of the file that a model was trained on. Raises ModelError."""
    from charlm.checkpoints.checkpoint import corpus_of
    from charlm.examples.detection import Detected

    return Detected(task, str(corpus_of(folder).get("format", "")), "as in training")


def evaluate_labels(folder: Path, files: list[str], json: bool, quiet: bool) -> None:
    """Measure a classifier on files of labeled texts, and print the figures beside those of the naive answer."""
    with loading(quiet):
        from charlm.checkpoints.checkpoint import expect, load
        from charlm.examples.reading import read_examples
        from charlm.measures.classification import LabelMeasures
        from charlm.measures.reports import report
        from charlm.tasks.labels.classifier import Classifier
        from charlm.tasks.labels.preparation import one_label_each

    classifier = expect(load(folder), Classifier)
    any_bytes = classifier.tokenizer.READS_ANY_BYTES
    examples = read_examples(files, form_of(folder, classifier.config.task), any_bytes=any_bytes)
    for note in examples.notes:
        say(note, quiet)
    pairs = one_label_each(examples)
    truth = [label for _, label in pairs]
    answers = classifier.predict([text for text, _ in pairs])
    shares = [[answer.probabilities[label] for label in classifier.labels] for answer in answers]
    measures = LabelMeasures(truth, [answer.label for answer in answers], classifier.labels, shares)
    naive = {"majority": LabelMeasures(truth, [classifier.majority] * len(truth), classifier.labels)}
    if json:
        values = measures.values(naive)
        nats = {"task": classifier.config.task, "examples": len(truth), "nats": values.get("log_loss")}
        write_json({**nats, **values})
    else:
        write("\n".join(report(measures, naive)) + "\n")
