"""A trained classifier, and its network: encoder → pooling → one score for each label, and scores of n-grams."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charlm.config import ModelConfig
from charlm.errors import ConfigError
from charlm.examples.source import MOST_LABELS
from charlm.model import BadFileError, Contents, Model, Record, text_contents
from charlm.nn.encoder import NetworkState, make_embedding
from charlm.nn.native.threads import computing
from charlm.nn.poolings import Pooling
from charlm.nn.probability import fit_temperature, log_softmax, log_yes_no
from charlm.nn.text_ngrams import NgramScores, rows_of_texts, table_rows
from charlm.nn.trainable import Read, Trainable
from charlm.registry import find
from charlm.settings import check_range
from charlm.tasks._batches import padded
from charlm.tasks.labels.evaluation import THRESHOLD
from charlm.tokenizers import Ids, Tokenizer
from charlm.wording import plural

_LONGEST_LABEL = 1000  # characters
LONGEST_TEXT = 2000  # tokens that are read of a text
_ROWS_AT_ONCE = 64
_LEAST_TEMPERATURE = 1e-3
_WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # of the n-grams; the best one is chosen
POOLING = "attention"  # the best on the held-out parts of TREC and SST-2, by half a point


class Prediction(NamedTuple):
    """An answer: the likeliest label, its probability, and the probability of every label, the likeliest first.

    labels: the answer of a model for several labels, which may be none; otherwise the likeliest label alone.
    """

    label: str
    probability: float
    probabilities: dict[str, float]
    labels: tuple[str, ...]


class TextRow(NamedTuple):
    """A text, and what the network reads of it: START, its first tokens, and EOS."""

    text: str
    ids: Ids


class LabelNetwork(Trainable):
    """A recurrent network that gives each text a score for each label, and a table with scores of n-grams.

    The network and the table learn as if each were alone, so each of them may learn what the other knows already. The
    score of a label is a weighted sum of both scores.
    """

    temperature: Tensor

    @computing()
    def __init__(self, config: ModelConfig, vocabulary_size: int, labels: int) -> None:
        settings = [name for name in ("tie_weights", "readout") if getattr(config, name) not in (False, "auto")]
        if settings:
            raise ConfigError(
                f"a classifier predicts no tokens, so it has no {settings[0]}", remedy="leave_out", settings=settings
            )
        embedding = make_embedding(config, vocabulary_size)
        super().__init__(config, embedding, bidirectional=config.bidirectional is not False)
        self.several = config.multi_label
        self.pooling = find(Pooling, config.pooling or POOLING)(self.width, self.hidden_size)
        width = self.pooling.width
        self.dense = nn.ModuleList(nn.Linear(width, width) for _ in range(config.readout_layers - 1))
        self.readout = nn.Linear(width, labels)
        self.ngrams = NgramScores(labels) if config.features == "ngrams" else None
        # Fitted to held-out answers, so that probabilities are not too bold. Training does not use it.
        self.register_buffer("temperature", torch.ones(()))

    @property
    def choices(self) -> int:
        """The number of labels: K."""
        return self.readout.out_features

    @property
    def scores_per_text(self) -> int:
        """The length of what `scores` returns for a row: K, or 2 K with n-grams."""
        return 2 * self.choices if self.ngrams else self.choices

    def read(self, batch: Any, state: NetworkState | None, generator: torch.Generator | None = None) -> Read:
        """Read a batch of texts."""
        vectors = self.pooled(batch.ids, batch.lengths, generator)
        if self.ngrams is not None:
            vectors = torch.cat((vectors, self.ngrams(batch.ngrams)), dim=1)
        return Read(vectors, batch.labels, None)

    @computing()
    def pooled(self, ids: Tensor, lengths: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return a vector for each text from ids (T, B) and their lengths (B,): (B, D)."""
        pooled: Tensor = self.pooling(self.encode(ids, lengths, generator), lengths)
        return pooled

    @computing()
    def target_log_probability(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return log P of the label of each vector: (N, D) and (N,) → (N,).

        With n-grams, the last K numbers of a vector are their scores, and the result is the mean of log P by the
        network and by the n-grams. With targets (N, K), return the sum over the labels, each times its weight. If a
        text may have several labels, the absence of a label has the weight 1.
        """
        if self.ngrams is None:
            return self._target_log_probability(self._label_scores(outputs), targets)
        vectors, scores = torch.split(outputs, [self.pooling.width, self.choices], dim=1)
        by_network = self._target_log_probability(self._label_scores(vectors), targets)
        return (by_network + self._target_log_probability(scores, targets)) / 2

    def _target_log_probability(self, scores: Tensor, targets: Tensor) -> Tensor:
        if self.several:
            logprobs = log_yes_no(scores)
            return torch.where(targets > 0, targets * logprobs[..., 0], logprobs[..., 1]).sum(1)
        if targets.dim() == 2:
            return (log_softmax(scores) * targets).sum(1)
        return log_softmax(scores).gather(1, targets[:, None])[:, 0]

    def _label_scores(self, vectors: Tensor) -> Tensor:
        """Return the score of every label from vectors of texts: (N, D) → (N, K)."""
        for layer in self.dense:
            vectors = torch.tanh(layer(vectors))
        scores: Tensor = self.readout(vectors)
        return scores

    @torch.inference_mode()
    def scores(self, rows: Sequence[TextRow]) -> list[NDArray[np.float64]]:
        """Return the score of every label for each row, (K,), or by the network and by the n-grams, (2 K,).

        Rows of similar length are read together.
        """
        results: list[NDArray[np.float64]] = [np.empty(0)] * len(rows)
        by_length = sorted(range(len(rows)), key=lambda index: len(rows[index].ids))
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            chosen = by_length[first : first + _ROWS_AT_ONCE]
            ids, lengths = padded([rows[index].ids for index in chosen])
            scores = self._label_scores(self.pooled(ids.to(self.device), lengths.to(self.device)))
            if self.ngrams is not None:
                texts = [rows[index].text for index in chosen]
                rows_of_ngrams = rows_of_texts(texts, table_rows(self.choices)).to(self.device)
                scores = torch.cat((scores, self.ngrams(rows_of_ngrams)), dim=1)
            for index, values in zip(chosen, scores.double().cpu().numpy(), strict=True):
                results[index] = values
        return results

    def log_probabilities(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return log P of every label from what `scores` returned, at the fitted temperature: (N, K)."""
        temperature = max(float(self.temperature), _LEAST_TEMPERATURE)  # a file may have any number
        given = self._sum(torch.from_numpy(scores))
        logprobs = log_yes_no(given, temperature)[..., 0] if self.several else log_softmax(given, temperature)
        values: NDArray[np.float64] = logprobs.numpy()
        return values

    def fit(self, scores: NDArray[np.float64], truth: Sequence[Sequence[int]]) -> None:
        """Fit the temperature, and the weight of the n-grams, to `scores` of rows and the labels of each of them."""
        fits = []
        for weight in _WEIGHTS if self.ngrams else (1.0,):
            if self.ngrams:
                self.ngrams.weight.fill_(weight)
            logits, answers = self._choices(self._sum(torch.from_numpy(scores)), truth)
            temperature = fit_temperature(logits, answers)
            logprobs = log_softmax(logits, temperature).gather(1, answers[:, None])
            fits.append((-float(logprobs.mean()), weight, temperature))
        _, weight, temperature = min(fits)
        if self.ngrams:
            self.ngrams.weight.fill_(weight)
        self.temperature.fill_(temperature)

    def _sum(self, scores: Tensor) -> Tensor:
        """Return the weighted sum of the scores of both parts: (N, 2 K) → (N, K)."""
        if self.ngrams is None:
            return scores
        by_network, by_ngrams = torch.split(scores, self.choices, dim=1)
        return by_network + float(self.ngrams.weight) * by_ngrams

    def _choices(self, scores: Tensor, truth: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Return scores (N, K) and labels as choices, each with the index of the right one; if a text may have several,
        N K choices of two."""
        if not self.several:
            return scores, torch.tensor([label for (label,) in truth])
        answers = torch.ones(scores.shape, dtype=torch.long)  # of each label: 0 for yes, 1 for no
        for row, columns in zip(answers, truth, strict=True):
            row[list(columns)] = 0
        return log_yes_no(scores).flatten(0, 1), answers.flatten()


@dataclass(frozen=True, repr=False)
class Classifier(Model):
    """A trained network that gives a text one of its labels, or several.

    config: the shape of the network.
    tokenizer: maps text to token ids.
    labels: all labels, sorted.
    majority: the most frequent label in training.
    network: a torch module that maps ids (T, B) and lengths to a vector for each text.
    name: the name of its folder, or of its data if it was trained without a folder.
    record: how the model was trained, which `save` writes.
    """

    config: ModelConfig
    tokenizer: Tokenizer
    labels: tuple[str, ...]
    majority: str
    network: LabelNetwork
    name: str = ""
    record: Record | None = None

    def __repr__(self) -> str:
        name = f" {repr(self.name)[1:-1]}" if self.name else ""  # without characters that control a terminal
        parameters = plural(self.network.parameter_count(), "parameter")
        return f"<Classifier{name}: {plural(len(self.labels), 'label')}, {self.config.brief_shape}, {parameters}>"

    def contents(self) -> Contents:
        """Return what the folder of this model has of its task."""
        return label_contents(self.tokenizer, self.labels, self.majority)

    def predict(self, texts: Iterable[str], threshold: float = THRESHOLD) -> list[Prediction]:
        """Return the answer to each text, in order. The probabilities of an answer sum to 1.

        If a text may have several labels, each has a probability of its own, and a text gets those whose probability is
        `threshold` or more.
        """
        check_range("threshold", threshold, 0, 1)
        answers = []
        for logprobs in self.log_probabilities(texts):
            order = np.argsort(-logprobs, kind="stable")
            shares = {self.labels[index]: float(np.exp(logprobs[index])) for index in order}
            first = self.labels[order[0]]
            several = tuple(label for label, share in shares.items() if share >= threshold)
            labels = several if self.config.multi_label else (first,)
            answers.append(Prediction(first, shares[first], shares, labels))
        return answers

    def log_probabilities(self, texts: Iterable[str]) -> NDArray[np.float64]:
        """Return log P of each label for each text, in the order of `labels`: (n, K)."""
        scores = self.network.eval().scores(encoded(self.tokenizer, list(texts)))
        return self.network.log_probabilities(np.array(scores).reshape(-1, self.network.scores_per_text))


def encoded(tokenizer: Tokenizer, texts: Sequence[str]) -> list[TextRow]:
    """Return each text with its ids."""
    start, end = np.array([tokenizer.START], dtype=np.int32), np.array([tokenizer.EOS], dtype=np.int32)
    return [TextRow(text, np.concatenate((start, tokenizer.encode(text)[:LONGEST_TEXT], end))) for text in texts]


def label_contents(tokenizer: Tokenizer, labels: Sequence[str], majority: str) -> Contents:
    """Return what the folder of a classifier has of its task."""
    stated, files = text_contents(tokenizer)
    own = {"labels.json": {"labels": list(labels), "majority": majority}}
    return Contents({**stated, "labels": len(labels)}, {**files, **own})


def check_labels(values: Any) -> tuple[tuple[str, ...], str]:
    """Return the labels in a labels.json, and the most frequent one. Raises BadFileError for anything else."""
    known = isinstance(values, dict) and set(values) == {"labels", "majority"}
    labels = values["labels"] if known else None
    if not isinstance(labels, list) or not all(isinstance(each, str) for each in labels):
        raise BadFileError("labels.json", "is not a list of labels")
    if labels != sorted(set(labels)) or not 2 <= len(labels) <= MOST_LABELS:
        raise BadFileError(
            "labels.json", f"has {len(labels):,} labels; there should be at least 2, sorted and different"
        )
    if any(len(each) > _LONGEST_LABEL for each in labels):
        raise BadFileError("labels.json", f"has a label of more than {_LONGEST_LABEL:,} characters")
    if values["majority"] not in labels:
        raise BadFileError("labels.json", "has a most frequent label that is not one of the labels")
    return tuple(labels), str(values["majority"])
