"""The answers of a classifier: the likeliest labels."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from charlm.cli.answers import Answer, Answers, Measured
from charlm.settings import check_count
from charlm.wording import for_terminal

if TYPE_CHECKING:
    from charlm.examples.reading import Examples, Inputs
    from charlm.tasks.labels.classifier import Classifier

_AT_ONCE = 4096  # texts that are answered before the answers are written


@dataclass(frozen=True)
class Labels(Answers):
    """Labels with their probabilities."""

    top_k: int = field(
        default=1,
        metadata={"help": "Print this many labels, the likeliest first.", "short": "-k", "only": "predict"},
    )

    def __post_init__(self) -> None:
        check_count("top_k", self.top_k, 1)

    def answers(self, model: "Classifier", inputs: "Inputs | None") -> Iterator[Answer]:
        from charlm.examples import Labeled

        texts = [each.text for each in (inputs.items if inputs else ()) if isinstance(each, Labeled)]
        for first in range(0, len(texts), _AT_ONCE):
            some = texts[first : first + _AT_ONCE]
            for text, answer in zip(some, model.predict(some), strict=True):
                best = list(answer.probabilities.items())[: self.top_k]
                cells = [each for label, share in best for each in (for_terminal(label), f"{share:.4f}")]
                values = {"text": text, "label": answer.label, "probability": answer.probability}
                yield Answer("\t".join(cells), {**values, "probabilities": answer.probabilities}, cells)

    def evaluate(self, model: "Classifier", examples: "Examples") -> Measured:
        from charlm.measures.classification import LabelMeasures
        from charlm.tasks.labels.preparation import one_label_each

        pairs = one_label_each(examples)
        truth = [label for _, label in pairs]
        answers = model.predict([text for text, _ in pairs])
        shares = [[answer.probabilities[label] for label in model.labels] for answer in answers]
        measures = LabelMeasures(truth, [answer.label for answer in answers], model.labels, shares)
        naive = {"majority": LabelMeasures(truth, [model.majority] * len(truth), model.labels)}
        return Measured(measures, naive, measures.figures().get("log_loss"))
