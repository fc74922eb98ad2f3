"""The task of a classifier: one label for each text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from charlm.config import ModelConfig, TrainConfig
from charlm.data import corpus, vocabulary
from charlm.errors import CorpusError
from charlm.examples import columns_of
from charlm.examples.holding_out import hold_out, overlap
from charlm.examples.reading import Examples, read_examples
from charlm.model import BadFileError, Contents, Record, rebuilt_tokenizer
from charlm.nn.probability import fit_temperature
from charlm.nn.random_numbers import Seeded
from charlm.plan import Plan
from charlm.progress import OnProgress, ignore
from charlm.settings import from_mapping
from charlm.tasks import (
    About,
    Batches,
    Card,
    Dataset,
    DataWarning,
    MapRows,
    Metrics,
    Task,
    Unit,
    map_alone,
)
from charlm.tasks.labels.batches import LabelBatches
from charlm.tasks.labels.classifier import Classifier, LabelNetwork, check_labels, encoded, label_contents
from charlm.tasks.labels.evaluation import LabelEvaluation, evaluation_of
from charlm.tasks.labels.preparation import LabeledSource, learned_tokenizer, one_label_each
from charlm.tokenizers import Ids, Tokenizer, reads_any_bytes
from charlm.wording import plural, quoted, vocabulary_size

_PREVIEWS, _PREVIEW_LENGTH = 3, 60  # number of examples, and characters of each
_UNIT = Unit("label", "", "", "accuracy", 1.0, "texts", "texts/s", 1.0)
_LARGE_MAJORITY = 0.8  # share of the examples


@dataclass(frozen=True, kw_only=True)
class LabeledTexts(Dataset):
    """Texts with one label each, as rows of token ids."""

    source: LabeledSource
    train: Examples
    valid: Examples
    tokenizer: Tokenizer
    labels: tuple[str, ...]
    rows: tuple[Ids, ...]  # of the training part
    targets: tuple[int, ...]
    sha256: str
    reason: str

    @property
    def name(self) -> str:
        return "".join(map(corpus.stem, self.source.files[:1]))

    @property
    def unit(self) -> Unit:
        return _UNIT

    @property
    def validation(self) -> Sequence[tuple[str, str]]:
        """Each text that is held out, with its label."""
        return one_label_each(self.valid)

    @property
    def validation_size(self) -> int:
        return len(self.valid)

    def first_examples(self, size: int) -> tuple[Sequence[tuple[str, str]], int]:
        some = self.validation[: max(1, size // 20)]
        return some, len(some)

    @property
    def identity(self) -> str:
        return f"{self.sha256} {vocabulary.sha256(self.tokenizer)}"

    @property
    def blind_guess(self) -> float:
        return float(np.log(len(self.labels)))

    def repeated(self, reason: str) -> "LabeledTexts":
        return replace(self, reason=reason)

    def complete(self, model: ModelConfig) -> ModelConfig:
        return replace(model, sequence="line")

    def choose_readout(self, model: ModelConfig) -> ModelConfig:
        return model

    def batches(self, config: TrainConfig, rows: Callable[[int], slice] = slice) -> LabelBatches:
        return LabelBatches(self.rows, self.targets, config.batch_size, config.seed, rows)

    def shape(self, model: ModelConfig) -> LabelNetwork:
        return LabelNetwork(model, self.tokenizer.size, len(self.labels))

    def network(self, model: ModelConfig, device: torch.device, seed: int) -> LabelNetwork:
        with Seeded(seed):
            return self.shape(model).to(device)

    def evaluate(self, network: Any, examples: Sequence[tuple[str, str]], map_rows: MapRows = map_alone) -> Metrics:
        """Evaluate texts with their labels. The temperature of the network is fitted to them."""
        rows, truth = encoded(self.tokenizer, [text for text, _ in examples]), [label for _, label in examples]
        scores = np.array(map_rows(rows, network.scores, [len(self.labels)] * len(rows)))
        known = [index for index, label in enumerate(truth) if label in self.labels]
        if known and np.isfinite(scores).all():
            answers = torch.tensor([self.labels.index(truth[index]) for index in known])
            network.temperature.fill_(fit_temperature(torch.from_numpy(scores[known]), answers))
        return evaluation_of(truth, self.labels, network.log_probabilities(scores), self.majority)

    @property
    def majority(self) -> str:
        """The most frequent label of the training part."""
        return self.labels[int(np.bincount(self.targets).argmax())]

    def metrics_from(self, values: object) -> LabelEvaluation:
        return from_mapping(LabelEvaluation, values, "best")

    def previews(self, model: ModelConfig, network: Any, seed: int) -> tuple[str, ...]:
        """Show the answers to the first texts that are held out, beside the truth."""
        some = self.validation[:_PREVIEWS]
        answers = self.model(model, network.eval(), name="", record=None).predict([text for text, _ in some])
        if not all(np.isfinite(answer.probability) for answer in answers):
            return ()
        return tuple(
            f"{answer.label} ({answer.probability:.2f}), truth {label}: {text[:_PREVIEW_LENGTH]}"
            for answer, (text, label) in zip(answers, some, strict=True)
        )

    def about(self, batches: Batches, model: ModelConfig, config: TrainConfig) -> About:
        first = self.train.items[0]
        text, label = one_label_each(replace(self.train, items=(first,)))[0]
        extent = (
            f"{plural(len(self.train) + len(self.valid), 'text')}, vocabulary of {vocabulary_size(self.tokenizer.size)}"
        )
        held_out = "a separate file" if self.source.valid else "chosen by the text, so the same for every seed"
        return About(
            before=(
                ("corpus", f"{extent}, {plural(len(self.labels), 'label')}"),
                ("task", f"{model.task}: {self.reason}"),
                ("example", f"text = {quoted(text, 40)}, label = {quoted(label, 20)}"),
                ("split", f"{len(self.train):,} texts for training, {len(self.valid):,} held out: {held_out}"),
            ),
            after=(),
            of_step=plural(batches.batch_size, "text"),
            unit=_UNIT,
            notes=(*self.train.notes, *self.valid.notes),
            warnings=tuple(self._warnings()),
            shrunk=plural(config.batch_size, "text") if batches.batch_size < config.batch_size else "",
        )

    def _warnings(self) -> list[DataWarning]:
        warnings = []
        share = self.targets.count(self.labels.index(self.majority)) / len(self.targets)
        if share > _LARGE_MAJORITY:
            warnings.append(DataWarning(f"{share:.0%} of the texts have the label {quoted(self.majority, 20)}"))
        if both := overlap(self.train, self.valid):
            occur = "occurs" if both == 1 else "occur"
            warnings.append(DataWarning(f"{plural(both, 'held-out text')} also {occur} in the training part"))
        new = [each for each in self.valid.items if set(each.labels) - set(self.labels)]  # type: ignore[union-attr]
        if new:
            where = f"{new[0].where} is the first"
            warnings.append(
                DataWarning(f"{plural(len(new), 'held-out text')} with a label that no training text has; {where}")
            )
        return warnings

    def describe(self) -> dict[str, Any]:
        return {
            "files": list(self.source.files),
            "held_out": list(self.source.valid_files),
            "characters": sum(len(text) for text, _ in one_label_each(self.source.train)),
            "sequences": len(self.train) + len(self.valid),
            "sha256": self.source.train.sha256,
            "format": self.train.format,
            "columns": self.train.columns.given(),
        }

    def contents(self) -> Contents:
        return label_contents(self.tokenizer, self.labels, self.majority)

    def model(self, model: ModelConfig, network: Any, *, name: str, record: Record | None) -> Classifier:
        return Classifier(model, self.tokenizer, self.labels, self.majority, network, name=name, record=record)

    def card(self, plan: Plan, metrics: Metrics | None, previews: Sequence[str]) -> Card:
        return Card(
            pipeline="text-classification",
            purpose="This classifier was trained on labeled texts with charlm (`charlm-rnn` on the Python Package"
            " Index).",
            rows={
                "tokens": f"{self.tokenizer.size:,} ({plan.model.tokenizer}), {plan.model.embedding} input",
                "labels": f"{len(self.labels):,}",
                "fingerprint": f"SHA-256 {self.source.train.sha256}",
                "trained on": plural(len(self.train), "text"),
                "held out": plural(len(self.valid), "text"),
            },
            after_table="The fingerprint covers all examples in order.",
            figures=metrics.sentence if metrics else "This model was not validated: its run was stopped before that.",
            results="",
            examples="",
            commands=(("predict", "a text"),),
            python='charlm.load("folder").predict(["a text"])',
            program="",
            limits="The model knows its training texts and nothing else. It answers with one of its labels, also where"
            " none fits.",
        )


class Classify(Task):
    """Learns one label for each text."""

    kind = "classifier"
    files = ("tokenizer.json", "labels.json")
    verb = "predict"
    figure = ("accuracy",)
    figure_name = "accuracy"
    settings = ("text_column", "label_column")

    @classmethod
    def read(
        cls,
        source: Any,
        valid: Any | None,
        model: ModelConfig,
        *,
        tokenizer: Tokenizer | None = None,
        on_progress: OnProgress = ignore,
    ) -> LabeledSource:
        any_bytes = tokenizer.READS_ANY_BYTES if tokenizer else reads_any_bytes(model.tokenizer)
        columns = columns_of(model)
        train = read_examples(source, model.task, columns, any_bytes=any_bytes)
        held_out = None if valid is None else read_examples(valid, model.task, columns, any_bytes=any_bytes)
        return LabeledSource.of(source, train, valid, held_out)

    @classmethod
    def prepare(
        cls,
        source: LabeledSource,
        model: ModelConfig,
        config: TrainConfig,
        *,
        tokenizer: Tokenizer | None = None,
        on_progress: OnProgress = ignore,
    ) -> LabeledTexts:
        train, valid = (source.train, source.valid) if source.valid else hold_out(source.train, config.valid_fraction)
        pairs = one_label_each(train)
        labels = tuple(sorted({label for _, label in pairs}))
        if len(labels) < 2 or not len(valid):
            few = f"{plural(len(pairs), 'text')} with {plural(len(labels), 'label')}, {len(valid):,} held out"
            raise CorpusError(f"{few}: a classifier needs two labels, and a text of each to hold out")
        texts = [text for text, _ in pairs]
        tokenizer = tokenizer or learned_tokenizer(texts, model, on_progress)
        number = {label: index for index, label in enumerate(labels)}
        return LabeledTexts(
            source=source,
            train=train,
            valid=valid,
            tokenizer=tokenizer,
            labels=labels,
            rows=tuple(encoded(tokenizer, texts)),
            targets=tuple(number[label] for _, label in pairs),
            sha256=source.fingerprint(config.valid_fraction),
            reason=train.reason,
        )

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
