"""The task of a classifier: one label for each text, or several."""

from collections import Counter
from dataclasses import replace
from typing import Any

from charlm.config import ModelConfig, TrainConfig
from charlm.errors import CorpusError
from charlm.examples.holding_out import hold_out
from charlm.model import BadFileError, Contents, Record, rebuilt_tokenizer
from charlm.numpy_classifier import Classifier as Program
from charlm.progress import OnProgress, ignore
from charlm.tasks import Task
from charlm.tasks._examples import ExampleSource, learned_tokenizer
from charlm.tasks._program import program
from charlm.tasks.labels.classifier import Classifier, LabelNetwork, check_labels, encoded
from charlm.tasks.labels.dataset import LabeledTexts
from charlm.tasks.labels.evaluation import METRICS
from charlm.tasks.labels.targets import labels_of, separated, targets_of, texts_of
from charlm.tokenizers import Tokenizer
from charlm.wording import plural


class Classify(Task):
    """Learns one label for each text, or several."""

    kind = "classifier"
    files = ("tokenizer.json", "labels.json")
    verb = "predict"
    figure = (("accuracy", "accuracy"),)
    settings = (
        "text_column",
        "label_column",
        "multi_label",
        "class_weights",
        "metric",
        "bidirectional",
        "pooling",
        "features",
    )

    @classmethod
    def read(
        cls,
        source: Any,
        valid: Any | None,
        model: ModelConfig,
        *,
        tokenizer: Tokenizer | None = None,
        on_progress: OnProgress = ignore,
    ) -> ExampleSource:
        read = ExampleSource.read(source, valid, model, tokenizer, METRICS)
        return replace(read, train=separated(read.train, model), valid=read.valid and separated(read.valid, model))

    @classmethod
    def prepare(
        cls,
        source: ExampleSource,
        model: ModelConfig,
        config: TrainConfig,
        *,
        tokenizer: Tokenizer | None = None,
        on_progress: OnProgress = ignore,
    ) -> LabeledTexts:
        train, valid = (source.train, source.valid) if source.valid else hold_out(source.train, config.valid_fraction)
        answers = labels_of(train, model, "several_labels")
        counts = Counter(label for labels in answers for label in labels)
        labels = tuple(sorted(counts))
        if len(labels) < 2 or not len(valid):
            few = f"{plural(len(train), 'text')} with {plural(len(labels), 'label')}, {len(valid):,} held out"
            raise CorpusError(f"{few}: a classifier needs two labels, and a text of each to hold out")
        texts = texts_of(train)
        tokenizer = tokenizer or learned_tokenizer(texts, model, on_progress)
        return LabeledTexts(
            config=model,
            source=source,
            train=train,
            valid=valid,
            tokenizer=tokenizer,
            labels=labels,
            rows=tuple(encoded(tokenizer, texts)),
            targets=targets_of(answers, labels, model),
            majority=max(labels, key=lambda label: counts[label]),
            sha256=source.fingerprint(config.valid_fraction),
            reason=train.reason,
        )

    @classmethod
    def program(cls, config: ModelConfig) -> str:
        return program(Program)

    @classmethod
    def empty_model(
        cls, config: ModelConfig, contents: Contents, *, name: str = "", record: Record | None = None
    ) -> Classifier:
        tokenizer = rebuilt_tokenizer(config, contents)
        labels, majority = check_labels(contents.files["labels.json"])
        if contents.stated.get("labels") != len(labels):
            raise BadFileError("labels.json", "does not have the number of labels that config.json states")
        network = LabelNetwork(config, tokenizer.size, len(labels))
        return Classifier(config, tokenizer, labels, majority, network.eval(), name=name, record=record)
