"""Labeled texts made ready for a run."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm import numpy_classifier
from charlm.config import ModelConfig, TrainConfig
from charlm.model import Contents, Record
from charlm.nn.text_ngrams import rows_of_texts, table_rows
from charlm.plan import Plan
from charlm.settings import from_mapping
from charlm.task_settings import FEATURES
from charlm.tasks import Card, MapRows, Metrics, Unit, map_alone
from charlm.tasks._examples import ExampleDataset
from charlm.tasks._program import program
from charlm.tasks.labels.batches import LabelBatches
from charlm.tasks.labels.classifier import (
    LONGEST_TEXT,
    POOLING,
    Classifier,
    LabelNetwork,
    TextRow,
    encoded,
    label_contents,
)
from charlm.tasks.labels.evaluation import METRICS, LabelEvaluation, evaluation_of
from charlm.tasks.labels.targets import labels_of, texts_of, unknown_labels
from charlm.wording import plural, quoted

_PREVIEWS, _PREVIEW_LENGTH = 3, 60  # number of examples, and characters of each
_UNIT = Unit("label", "", "", "accuracy", 1.0, "texts", "texts/s", 1.0)
_LARGE_MAJORITY = 0.8  # share of the examples


class HeldOut(NamedTuple):
    """A text that is held out, its labels, and what a network reads of it."""

    text: str
    labels: tuple[str, ...]
    row: TextRow


@dataclass(frozen=True, kw_only=True)
class LabeledTexts(ExampleDataset):
    """Texts with their labels, as rows of token ids.

    targets: of the training part, the index of each label (n,), or what each label counts for (n, K).
    """

    noun = "text"

    labels: tuple[str, ...]
    rows: tuple[TextRow, ...]  # of the training part
    targets: NDArray[np.int64] | NDArray[np.float32]
    majority: str  # the most frequent label of the training part

    @property
    def unit(self) -> Unit:
        return _UNIT._replace(target="text" if self.config.multi_label else "label")

    @cached_property
    def validation(self) -> Sequence[HeldOut]:
        """Each text that is held out, with its labels."""
        texts = texts_of(self.valid)
        rows = encoded(self.tokenizer, texts)
        return tuple(map(HeldOut, texts, labels_of(self.valid, self.config, "several_labels"), rows))

    @property
    def validation_size(self) -> int:
        return len(self.valid)

    def first_examples(self, size: int) -> tuple[Sequence[HeldOut], int]:
        some = self.validation[: max(1, size // 20)]
        return some, len(some)

    @property
    def blind_guess(self) -> float:
        several = self.config.multi_label
        return len(self.labels) * math.log(2) if several else math.log(len(self.labels))

    def complete(self, model: ModelConfig) -> ModelConfig:
        return replace(
            model,
            sequence="line",
            bidirectional=model.bidirectional is not False,
            pooling=model.pooling or POOLING,
            metric=model.metric or METRICS[0],
            features=model.features or FEATURES[0],
        )

    def batches(self, config: TrainConfig, rows: Callable[[int], slice] = slice) -> LabelBatches:
        count = table_rows(len(self.labels))
        ngrams = partial(rows_of_texts, count=count) if self.config.features != "none" else None
        return LabelBatches(self.rows, self.targets, config.batch_size, config.seed, rows, ngrams)

    def shape(self, model: ModelConfig) -> LabelNetwork:
        return LabelNetwork(model, self.tokenizer.size, len(self.labels))

    def evaluate(self, network: Any, examples: Sequence[HeldOut], map_rows: MapRows = map_alone) -> Metrics:
        """Evaluate texts with their labels. The temperature and the weight of the n-grams are fitted to them."""
        rows = [each.row for each in examples]
        scores = np.array(map_rows(rows, network.scores, [network.scores_per_text] * len(rows)))
        number = {label: index for index, label in enumerate(self.labels)}
        known = [row for row, each in enumerate(examples) if all(label in number for label in each.labels)]
        if known and np.isfinite(scores).all():
            network.fit(scores[known], [[number[label] for label in examples[row].labels] for row in known])
        truth = [each.labels for each in examples]
        return evaluation_of(truth, self.labels, network.log_probabilities(scores), self.majority, self.config)

    def metrics_from(self, values: object) -> LabelEvaluation:
        return from_mapping(LabelEvaluation, values, "best", optional={"metric", "target"})

    def previews(self, model: ModelConfig, network: Any, seed: int) -> tuple[str, ...]:
        """Show the answers to the first texts that are held out, beside the truth."""
        some = self.validation[:_PREVIEWS]
        answers = self.model(model, network.eval(), name="", record=None).predict([each.text for each in some])
        if not all(np.isfinite(answer.probability) for answer in answers):
            return ()
        return tuple(
            f"{_in_words(answer.labels)} ({answer.probability:.2f}), truth {_in_words(each.labels)}:"
            f" {each.text[:_PREVIEW_LENGTH]}"
            for answer, each in zip(answers, some, strict=True)
        )

    @property
    def kinds(self) -> str:
        return f", {plural(len(self.labels), 'label')}"

    def warnings(self) -> Iterator[str]:
        texts = labels_of(self.train, self.config)
        share = sum(self.majority in labels for labels in texts) / len(texts)
        if share > _LARGE_MAJORITY:
            yield f"{share:.0%} of the texts have the label {quoted(self.majority, 20)}"
        yield from self.repeated_in_training("text")
        if long := sum(len(row.ids) == LONGEST_TEXT + 2 for row in self.rows):
            yield f"of {plural(long, 'text')}, the first {LONGEST_TEXT:,} tokens are read, and not the rest"
        yield from unknown_labels(self.valid, self.labels, "no training text has")

    @property
    def characters(self) -> int:
        return sum(map(len, texts_of(self.source.train)))

    def contents(self) -> Contents:
        return label_contents(self.tokenizer, self.labels, self.majority)

    def model(self, model: ModelConfig, network: Any, *, name: str, record: Record | None) -> Classifier:
        return Classifier(model, self.tokenizer, self.labels, self.majority, network, name=name, record=record)

    def card(self, plan: Plan, metrics: Metrics | None, previews: Sequence[str]) -> Card:
        several = self.config.multi_label
        answer = "some of its labels, or none" if several else "one of its labels, also where none fits"
        return Card(
            pipeline="text-classification",
            purpose="This classifier was trained on labeled texts with charlm (`charlm-rnn` on the Python Package"
            " Index).",
            rows={
                "tokens": f"{self.tokenizer.size:,} ({plan.model.tokenizer}), {plan.model.embedding} input",
                "labels": f"{len(self.labels):,}",
                **self.facts_of_card,
            },
            after_table="The fingerprint covers all examples in order.",
            figures=metrics.sentence if metrics else "This model was not validated: its run was stopped before that.",
            results="",
            examples="",
            commands=(("predict", "a text"),),
            python='charlm.load("folder").predict(["a text"])',
            program=program(numpy_classifier.Classifier),
            limits=f"The model knows its training texts and nothing else. It answers with {answer}.",
        )


def _in_words(labels: Sequence[str]) -> str:
    return " and ".join(labels) or "no label"
