"""A corpus made ready for training a language model: it knows its windows, its network and its evaluation."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from charlm.config import ModelConfig, TextMode, TrainConfig
from charlm.data import corpus
from charlm.data.documents import first_texts
from charlm.data.windows import TrainingWindows
from charlm.errors import ModelError
from charlm.language_model import PREVIEW_TEMPERATURE, LanguageModel
from charlm.model import Contents, Record, text_contents
from charlm.nn.mixed import MixedNetwork, figures_of_windows, network_of
from charlm.nn.network import Network
from charlm.nn.probability import LOGPROB
from charlm.nn.random_numbers import Seeded
from charlm.nn.readouts import choose
from charlm.plan import Plan
from charlm.scoring.evaluation import Evaluation, MixedEvaluation, evaluate
from charlm.scoring.passages import suitable_streams
from charlm.settings import from_mapping
from charlm.tasks import About, Batches, Candidate, Card, Dataset, MapRows, Metrics, Unit, map_alone
from charlm.tasks.text import about, card
from charlm.tasks.text.counting import with_choices
from charlm.tasks.text.fitted_reader import FittedReader, read_columns
from charlm.tasks.text.prepared import PreparedText
from charlm.tokenizers import Ids

_PREVIEWS, _PREVIEW_LENGTH = 3, 200  # number of samples, and tokens of each at most
_SHORTEST_PIECE = 64  # characters of a running text that are read to measure the speed


@dataclass(frozen=True, kw_only=True)
class TextDataset(PreparedText, Dataset):
    """A corpus made ready for training. Its text is not read again."""

    @property
    def name(self) -> str:
        return "".join(map(corpus.stem, self.corpus.names[:1]))

    @property
    def identity(self) -> str:
        """The text and the vocabulary."""
        return f"{self.sha256} {json.dumps(self.tokenizer.to_json())}"

    @property
    def validation(self) -> tuple[str, ...]:
        """The sequences that are held out."""
        return self.split.valid

    def first_examples(self, size: int) -> tuple[Sequence[str], int]:
        """Return the first lines, or the beginnings of the pieces in which running text is read."""
        if self.mode == TextMode.LINE:
            some = first_texts(self.split.valid, size)
            return some, self.split.characters(some)
        texts = self.split.valid
        pieces = [suitable_streams(int(len(text) / self.characters_per_token)) for text in texts]
        length = max(_SHORTEST_PIECE, size // sum(pieces))
        some = [
            text[len(text) * number // count :][:length]
            for text, count in zip(texts, pieces, strict=True)
            for number in range(count)
        ]
        return some, self.split.characters(some)

    @property
    def unit(self) -> Unit:
        per_token = self.characters_per_token
        per_nat = 1 / (math.log(2) * per_token)
        bits = "bits/char"
        return Unit("token", bits, "bits per character", bits, per_nat, "characters", "char/s", per_token)

    @property
    def blind_guess(self) -> float:
        """The loss of a uniform distribution over the vocabulary."""
        return math.log(self.tokenizer.size)

    def describe(self) -> dict[str, Any]:
        """Describe the corpus."""
        split = self.split
        return {
            "files": list(self.corpus.names),
            "held_out": list(self.valid_files),
            "characters": self.characters,
            "sequences": len(split.train) + (len(split.valid) if split.held_out else 0),
            "sha256": self.corpus.fingerprint(),
        }

    def contents(self) -> Contents:
        return text_contents(self.tokenizer, self.counted.counts if self.counted else None)

    def repeated(self, reason: str) -> "TextDataset":
        return replace(self, mode_reason=reason)

    def complete(self, model: ModelConfig) -> ModelConfig:
        """Fill in the text mode, the order of the counts, and the width that the vector file has."""
        if self.vectors:
            model = replace(model, embedding_size=self.vectors.matrix.shape[1])
        order = str(self.counted.settings.order) if self.counted else "none"
        return replace(model, sequence=self.mode.value, ngram=order)

    def complete_run(self, config: TrainConfig) -> TrainConfig:
        """Fill in the settings of the counts."""
        return with_choices(config, self.counted.settings if self.counted else None)

    def choose_readout(self, model: ModelConfig) -> ModelConfig:
        return choose(model, self.counts)

    def batches(self, config: TrainConfig, rows: Callable[[int], slice] = slice) -> TrainingWindows:
        return TrainingWindows(
            self.ring,
            config.batch_size,
            config.seq_len,
            config.seed,
            align_to_starts=self.mode == TextMode.LINE,
            line_ends=self.tokenizer.line_ends(),
            select_rows=rows,
            figures=self._figures if self.counted else None,
            context=self.counted.settings.order - 1 if self.counted else 0,
        )

    def _figures(self, offsets: NDArray[np.int64]) -> NDArray[np.float32]:
        assert self.counted
        return figures_of_windows(self.counted.figures.at(offsets), self.counted.settings.order)

    def shape(self, model: ModelConfig) -> Network:
        return network_of(model, self.tokenizer.size)

    def network(self, model: ModelConfig, device: torch.device, seed: int) -> Network:
        with Seeded(seed):
            network = self.shape(model)
        network.set_output_statistics(*map(torch.from_numpy, (self.allowed_tokens, self.counts)))
        if isinstance(network, MixedNetwork) and self.counted:
            network.counts = self.counted.counts
        if self.vectors:
            network.embedding.load_vectors(*map(torch.from_numpy, self.vectors[:2]))
        return network.to(device)

    def evaluate(self, network: Network, examples: Sequence[str], map_rows: MapRows = map_alone) -> Evaluation:
        """Evaluate sequences."""
        names = (LOGPROB, *network.scored_parts)
        read = partial(read_columns, network, names, map_rows)
        return evaluate(network, self.tokenizer, self.mode, [examples], read=read)[0]

    def first_model(self, network: Network, map_rows: MapRows = map_alone) -> Candidate | None:
        """Return the counts alone."""
        if not isinstance(network, MixedNetwork):
            return None

        def read(rows: Sequence[Ids]) -> list[NDArray[np.float64]]:
            return map_rows(rows, network.counts.log_probabilities, [max(0, len(row) - 1) for row in rows])

        metrics = evaluate(network, self.tokenizer, self.mode, [self.split.valid], read=read)[0]
        return Candidate(network.with_counts_alone(), metrics, "counts alone")

    def validate(self, network: Network, map_rows: MapRows = map_alone) -> Candidate:
        """Evaluate the network. Fit the gate of a mixture, or give the counts no share if the network alone is better.

        The gate stays as it is where the held-out part is a part of the training text, which the counts contain.
        """
        if not isinstance(network, MixedNetwork):
            return super().validate(network, map_rows)
        start = None if self.mode == TextMode.LINE else self.tokenizer.START
        reader = FittedReader(network, map_rows, self.tokenizer.line_ends(), start) if self.split.held_out else None
        metrics = evaluate(network, self.tokenizer, self.mode, [self.split.valid], read=reader)[0]
        assert isinstance(metrics, MixedEvaluation)
        if metrics.network_known_nats < metrics.known_nats:
            return Candidate(network.with_network_alone(), metrics.with_network_alone())
        return Candidate(network.with_gate(reader.fit) if reader else network, metrics)

    def metrics_from(self, values: object) -> Evaluation:
        mixed = isinstance(values, dict) and MixedEvaluation.part_sums[0] in values
        return from_mapping(MixedEvaluation if mixed else Evaluation, values, "best")

    def previews(self, model: ModelConfig, network: Network, seed: int) -> tuple[str, ...]:
        """Sample from the empty prompt, always with the same random numbers."""
        language_model = LanguageModel(model, self.tokenizer, network.eval())
        try:
            samples = language_model.sample(
                count=_PREVIEWS, length=_PREVIEW_LENGTH, temperature=PREVIEW_TEMPERATURE, seed=seed
            )
        except ModelError:
            return ()
        return tuple(sample.text for sample in samples)

    def about(self, batches: Batches, model: ModelConfig, config: TrainConfig) -> About:
        return about.about(self, batches, model, config, self.unit)

    def model(self, model: ModelConfig, network: Network, *, name: str, record: Record) -> LanguageModel:
        return LanguageModel(model, self.tokenizer, network, name=name, record=record)

    def card(self, plan: Plan, metrics: Metrics | None, previews: Sequence[str]) -> Card:
        assert isinstance(metrics, Evaluation | None)
        return card.card(self, plan, metrics, previews)
