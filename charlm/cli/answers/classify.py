"""The answers of a classifier: the likeliest labels, or all that are likely enough."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from charlm.cli.answers import Answer, Answers, Measured
from charlm.settings import check_count, check_range
from charlm.wording import for_terminal

if TYPE_CHECKING:
    from charlm.examples.reading import Examples, Inputs
    from charlm.tasks.labels.classifier import Classifier

_AT_ONCE = 4096  # texts that are answered before the answers are written


@dataclass(frozen=True)
class Labels(Answers):
    """Labels with their probabilities."""

    top_k: int | None = field(
        default=None,
        metadata={
            "help": "classify: print this many labels at most, the likeliest first (default: 1, or all if a text may"
            " have several).",
            "short": "-k",
            "only": "predict",
        },
    )
    threshold: float | None = field(
        default=None,
        metadata={
            "help": "classify: print no label that is less probable (default: 0, or 0.5 if a text may have several).",
            "only": "predict",
        },
    )

    def __post_init__(self) -> None:
        check_count("top_k", self.top_k, 1)
        check_range("threshold", self.threshold, 0, 1)

    def answers(self, model: "Classifier", inputs: "Inputs | None") -> Iterator[Answer]:
        from charlm.examples import Labeled
        from charlm.tasks.labels.evaluation import THRESHOLD

        several = model.config.multi_label
        least = self.threshold if self.threshold is not None else THRESHOLD if several else 0.0
        count = self.top_k or (None if several else 1)
        texts = [each.text for each in (inputs.items if inputs else ()) if isinstance(each, Labeled)]
        for first in range(0, len(texts), _AT_ONCE):
            some = texts[first : first + _AT_ONCE]
            for text, answer in zip(some, model.predict(some), strict=True):
                best = [(label, share) for label, share in answer.probabilities.items() if share >= least][:count]
                cells = [each for label, share in best for each in (for_terminal(label), f"{share:.4f}")]
                values = {"text": text, "label": answer.label, "probability": answer.probability}
                if several:
                    values["labels"] = [label for label, _ in best]
                yield Answer("\t".join(cells), {**values, "probabilities": answer.probabilities}, cells)

    def evaluate(self, model: "Classifier", examples: "Examples") -> Measured:
        from charlm.tasks.labels.evaluation import measures_of, naive_measures
        from charlm.tasks.labels.targets import labels_of, separated, texts_of, unknown_labels

        examples = separated(examples, model.config)
        truth = labels_of(examples, model.config)
        measures = measures_of(truth, model.labels, model.log_probabilities(texts_of(examples)), model.config)
        naive = {"majority": naive_measures(truth, model.majority, model.config)}
        notes = unknown_labels(examples, model.labels, "the model does not know")
        return Measured(measures, naive, measures.figures().get("log_loss"), notes)
