"""Series made ready for a run."""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch

from charlm import numpy_forecaster
from charlm.config import ModelConfig, TrainConfig
from charlm.data import corpus
from charlm.errors import CorpusError
from charlm.examples.detection import describe
from charlm.examples.reading import Examples
from charlm.measures.forecasts import Forecast, SeriesMeasures
from charlm.measures.naive import last_value, seasonal_naive
from charlm.model import Contents, Model, Record
from charlm.nn.random_numbers import Seeded
from charlm.plan import Plan
from charlm.settings import from_mapping
from charlm.tasks import About, Batches, Card, Dataset, MapRows, Metrics, Unit, map_alone
from charlm.tasks._examples import check_same_held_out
from charlm.tasks._program import program
from charlm.tasks.numbers.batches import WindowBatches
from charlm.tasks.numbers.evaluation import METRICS, SeriesEvaluation
from charlm.tasks.numbers.forecaster import Forecaster, series_contents
from charlm.tasks.numbers.network import DENSITY, NumberNetwork
from charlm.tasks.numbers.past import Floats, Past, tail, until
from charlm.wording import for_terminal, plural

_UNIT = Unit("value", "", "", "MASE", 1.0, "values", "values/s", 1.0)
_PREVIEWS, _PREVIEW_VALUES = 3, 6  # number of series, and values of each
HIDDEN_SIZE, LAYERS = 64, 1


@dataclass(frozen=True)
class NumberSource:
    """Series that were read, and what comes after them if it is a separate file to validate on.

    files, valid_files: the paths as given.
    """

    examples: Examples
    valid: Examples | None
    files: tuple[str, ...]
    valid_files: tuple[str, ...]

    def fingerprint(self, horizon: int) -> str:
        """Return the SHA-256 of the training part and the held-out part."""
        after = f" {self.valid.sha256}" if self.valid else ""
        return hashlib.sha256(f"{self.examples.sha256}{after} {horizon}".encode()).hexdigest()

    def check_same(self, model: Model, described: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
        if self.examples.sha256 != described["sha256"]:
            files = ", ".join(described["files"])
            other = f"the series are not those that {model.name} was trained on ({files})"
            raise CorpusError(other, remedy="continue_same_text")
        check_same_held_out(self.valid_files, model, described, "values")


class HeldOut(NamedTuple):
    """A series with its last values, which are held out. past: it ends before them, unless there are inputs."""

    past: Past
    truth: Floats


@dataclass(frozen=True, kw_only=True)
class Numbers(Dataset):
    """Series, of which the last `horizon` values are held out.

    pasts: whole series. lags: how far back the values lie that are read for a value.
    """

    config: ModelConfig
    source: NumberSource
    pasts: tuple[Past, ...]
    season: int
    horizon: int
    scale: str
    lags: tuple[int, ...]
    seq_len: int
    sha256: str
    reason: str

    @property
    def name(self) -> str:
        return "".join(map(corpus.stem, self.source.files[:1]))

    @property
    def unit(self) -> Unit:
        return _UNIT

    @property
    def columns(self) -> int:
        """The input columns of the file."""
        return len(self.pasts[0].inputs[0])

    @cached_property
    def train(self) -> tuple[Past, ...]:
        """The series without the values that are held out."""
        return tuple(until(past, self.horizon, self.season) for past in self.pasts)

    @cached_property
    def validation(self) -> Sequence[HeldOut]:
        """Each series with its last values."""
        pasts = self.pasts if self.columns else self.train
        return tuple(
            HeldOut(past, whole.values[-self.horizon :]) for past, whole in zip(pasts, self.pasts, strict=True)
        )

    @property
    def validation_size(self) -> int:
        return len(self.pasts) * (self.horizon + self.window)

    @property
    def window(self) -> int:
        """Values that are read before a forecast."""
        return max(1, min(self.seq_len, min(len(past.values) for past in self.train) - 1))

    def first_examples(self, size: int) -> tuple[Sequence[HeldOut], int]:
        some = self.validation[: max(1, size // (self.horizon + self.window))]
        return some, len(some) * (self.horizon + self.window)

    @property
    def identity(self) -> str:
        return f"{self.sha256} {self.season} {self.lags}"

    @property
    def blind_guess(self) -> float:
        scales = [math.log(past.scale[0]) for past in self.pasts]
        return sum(scales) / len(scales) + 0.5 * math.log(2 * math.pi * math.e)

    def repeated(self, reason: str) -> "Numbers":
        return replace(self, reason=reason)

    def complete(self, model: ModelConfig) -> ModelConfig:
        return replace(
            model,
            sequence="stream",
            embedding_size=self.columns or len(self.lags),
            hidden_size=model.hidden_size or HIDDEN_SIZE,
            layers=model.layers or LAYERS,
            dropout=0.0 if model.dropout is None else model.dropout,
            season=self.season,
            horizon=self.horizon,
            scale=self.scale,
            density=model.density or DENSITY,
            metric=model.metric or METRICS[0],
        )

    def choose_readout(self, model: ModelConfig) -> ModelConfig:
        return model

    def batches(self, config: TrainConfig, rows: Callable[[int], slice] = slice) -> WindowBatches:
        return WindowBatches(self.train, self.lags, self.season, config.batch_size, config.seq_len, config.seed, rows)

    def shape(self, model: ModelConfig) -> NumberNetwork:
        return NumberNetwork(model, self.columns or len(self.lags))

    def network(self, model: ModelConfig, device: torch.device, seed: int) -> NumberNetwork:
        with Seeded(seed):
            return self.shape(model).to(device)

    def evaluate(self, network: Any, examples: Sequence[HeldOut], map_rows: MapRows = map_alone) -> Metrics:
        """Forecast the held-out values of each series."""
        model = self.model(self.complete(self.config), network, name="", record=None)
        network.eval()

        def read(rows: Sequence[HeldOut]) -> list[Floats]:
            pasts = [row.past for row in rows]
            if self.columns:
                values = [network.read_values(past, self.lags, self.season, self.horizon)[0] for past in pasts]
            else:
                values = list(network.forecasts(pasts, self.lags, self.season, self.horizon, self.window))
            return [
                np.concatenate((each, model.nats(row.past, row.truth))) for each, row in zip(values, rows, strict=True)
            ]

        results = map_rows(examples, read, [2 * self.horizon] * len(examples))
        halves = [np.split(np.asarray(each), 2) for each in results]
        truth = [each.truth for each in examples]
        pasts = [each.past.values[: -self.horizon] if self.columns else each.past.values for each in examples]

        def measured(forecasts: Sequence[Floats]) -> dict[str, float | None]:
            finite = [Forecast(np.nan_to_num(each, posinf=1e300, neginf=-1e300)) for each in forecasts]
            return SeriesMeasures(truth, finite, pasts, self.season).figures()

        figures = measured([values for values, _ in halves])
        finite = all(np.isfinite(values).all() for values, _ in halves)
        return SeriesEvaluation(
            series=len(examples),
            values=len(examples) * self.horizon,
            nats=float(np.mean([nats.mean() for _, nats in halves])) if finite else math.nan,
            mase=figures["mase"],
            smape=figures["smape"],
            rmse=figures["rmse"],
            mae=figures["mae"],
            naive=measured([last_value(past, self.horizon) for past in pasts])["mase"],
            seasonal_naive=measured([seasonal_naive(past, self.horizon, self.season) for past in pasts])["mase"],
            metric=self.config.metric or METRICS[0],
        )

    def metrics_from(self, values: object) -> SeriesEvaluation:
        return from_mapping(SeriesEvaluation, values, "best")

    def previews(self, model: ModelConfig, network: Any, seed: int) -> tuple[str, ...]:
        """Show the first forecasts of some series, beside the truth."""
        lines = []
        for past, truth in self.validation[:_PREVIEWS]:
            if self.columns:
                values = network.eval().read_values(past, self.lags, self.season, self.horizon)[0]
            else:
                values = network.eval().forecasts([past], self.lags, self.season, self.horizon, self.window)[0]
            if not np.isfinite(values).all():
                return ()
            shown, true = (" ".join(f"{each:.4g}" for each in row[:_PREVIEW_VALUES]) for row in (values, truth))
            lines.append(f"{for_terminal(past.name)[:40]}: {shown}, truth {true}")
        return tuple(lines)

    def about(self, batches: Batches, model: ModelConfig, config: TrainConfig) -> About:
        total = sum(len(past.values) for past in self.pasts)
        inputs = f", {plural(self.columns, 'input column')}" if self.columns else ""
        origin = "as asked" if self.config.season else "found in the values" if self.season > 1 else "none was found"
        return About(
            before=(
                ("corpus", f"{len(self.pasts):,} series, {plural(total, 'value')}{inputs}"),
                ("task", f"{model.task}: {self.reason}"),
                ("example", describe(self.source.examples.items[0])),
                ("season", f"{plural(self.season, 'step')}: {origin}"),
                ("split", self._split),
            ),
            after=(),
            of_step=f"{plural(batches.batch_size, 'window')} of {plural(batches.seq_len, 'value')}",
            unit=self.unit,
            notes=self.source.examples.notes,
        )

    @property
    def _split(self) -> str:
        if self.source.valid:
            return f"the next {plural(self.horizon, 'value')} of each series held out: a separate file"
        return f"the last {plural(self.horizon, 'value')} of each series held out"

    def describe(self) -> dict[str, Any]:
        return {
            "files": list(self.source.files),
            "held_out": list(self.source.valid_files),
            "characters": sum(len(past.values) for past in self.pasts),
            "sequences": len(self.pasts),
            "sha256": self.source.examples.sha256,
            "format": self.source.examples.format,
            "columns": self.source.examples.columns.given(),
        }

    @cached_property
    def _tails(self) -> tuple[Past, ...]:
        length = self.window + max(*self.lags, self.season, 1)
        return tuple(tail(past, length) for past in (self.train if self.source.valid else self.pasts))

    def contents(self) -> Contents:
        return series_contents(self._tails, self.window, self.lags)

    def model(self, model: ModelConfig, network: Any, *, name: str, record: Record | None) -> Forecaster:
        return Forecaster(model, self._tails, self.window, self.lags, network, name=name, record=record)

    def card(self, plan: Plan, metrics: Metrics | None, previews: Sequence[str]) -> Card:
        return Card(
            pipeline="time-series-forecasting",
            purpose="This forecaster was trained on series of numbers with charlm (`charlm-rnn` on the Python Package"
            " Index).",
            rows={
                "series": f"{len(self.pasts):,}",
                "season": plural(self.season, "step"),
                "scale": f"{self.scale}, of the training part of each series",
                "density": plan.model.density or DENSITY,
                "fingerprint": f"SHA-256 {self.source.examples.sha256}",
                "held out": self._split.replace(" held out", ""),
            },
            after_table="The fingerprint covers all values in order.",
            figures=metrics.sentence if metrics else "This model was not validated: its run was stopped before that.",
            results="",
            examples="",
            commands=(("predict", ""),),
            python='charlm.load("folder").predict()',
            program=program(numpy_forecaster.Forecaster),
            limits="The model knows its training series and nothing else. It assumes that they go on as before.",
        )
