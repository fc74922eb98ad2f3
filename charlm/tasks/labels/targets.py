"""The labels of texts as what a network has to predict, and what each label counts for."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from charlm.config import ModelConfig
from charlm.errors import ConfigError, CorpusError
from charlm.examples import Labeled, Place
from charlm.examples.reading import Examples
from charlm.wording import nearest, plural, quoted

_MOST_NOTES, _SHOWN = 3, 40  # number of labels that are named, and characters of each


def texts_of(examples: Examples) -> list[str]:
    """Return the text of each example."""
    return [example.text for example in examples.items if isinstance(example, Labeled)]


def separated(examples: Examples, config: ModelConfig) -> Examples:
    """Return examples with the labels of a field apart, `a;b` as a and b, if a text may have several labels."""
    if not config.multi_label:
        return examples
    items = [
        replace(each, labels=tuple(dict.fromkeys(label for field in each.labels for label in _in_field(field))))
        for each in examples.items
        if isinstance(each, Labeled)
    ]
    return replace(examples, items=tuple(items))


def _in_field(field: str) -> list[str]:
    return [label for each in field.split(";") if (label := each.strip())]


def labels_of(examples: Examples, config: ModelConfig, remedy: str = "") -> list[tuple[str, ...]]:
    """Return the labels of each text: one, or several if the model is for that.

    Raises CorpusError, with file and line, for a text that does not have one label; `remedy` is for several.
    """
    labels = []
    for example in examples.items:
        assert isinstance(example, Labeled)
        if len(example.labels) > 1 and not config.multi_label:
            raise CorpusError(f"{example.where} has {len(example.labels)} labels; give each text one", remedy=remedy)
        if not example.labels and not config.multi_label:
            raise CorpusError(f"{example.where} has no label; give each text one, or remove the line")
        labels.append(example.labels)
    return labels


def unknown_labels(examples: Examples, labels: Sequence[str], relation: str) -> list[str]:
    """Name the labels of examples that are not among `labels`, each with its first place; `relation` says why."""
    first: dict[str, Place] = {}
    counts: Counter[str] = Counter()
    for example in examples.items:
        for label in set(example.labels) - set(labels) if isinstance(example, Labeled) else ():
            first.setdefault(label, example.where)
            counts[label] += 1
    notes = [
        f"{relation} the label {quoted(label, _SHOWN)}, which {plural(counts[label], 'text')} {_has(counts[label])}"
        f" ({where}); this counts as an error"
        for label, where in list(first.items())[:_MOST_NOTES]
    ]
    if (further := len(first) - _MOST_NOTES) > 0:
        notes.append(f"{relation} {plural(further, 'more label')}")
    return notes


def _has(count: int) -> str:
    return "has" if count == 1 else "have"


def targets_of(
    labels_of_texts: Sequence[Sequence[str]], labels: Sequence[str], config: ModelConfig
) -> NDArray[np.int64] | NDArray[np.float32]:
    """Return the index of the label of each text: (n,).

    For several labels, or if labels have weights, return what each label of a text counts for, and 0 for each label
    that the text does not have: (n, K). Raises ConfigError for the weight of a label that no text has.
    """
    number = {label: index for index, label in enumerate(labels)}
    chosen = [[number[label] for label in each] for each in labels_of_texts]
    if not config.multi_label and config.class_weights == "none":
        return np.array(chosen, dtype=np.int64)[:, 0]
    targets = np.zeros((len(chosen), len(labels)), dtype=np.float32)
    for row, columns in zip(targets, chosen, strict=True):
        row[columns] = 1
    return targets * _weights(targets.sum(0), labels, config)


def _weights(counts: NDArray[np.float32], labels: Sequence[str], config: ModelConfig) -> NDArray[np.float32]:
    """Return what each label counts for, (K,), with a mean of 1 over the labels of all texts."""
    weights = np.ones(len(labels))
    if config.class_weights == "balanced":
        weights = 1 / counts.astype(np.float64)
    for label, weight in config.weights_by_label().items():
        if label not in labels:
            near = nearest(label, labels)
            hint = f"did you mean {near[0]!r}?" if near else f"the texts have {plural(len(labels), 'other label')}"
            raise ConfigError(f"class_weights has the label {label[:40]!r}, which no text has; {hint}")
        weights[labels.index(label)] = weight
    weights *= counts.sum() / (weights * counts).sum()
    return weights.astype(np.float32)
