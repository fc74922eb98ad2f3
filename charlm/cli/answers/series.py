"""The answers of a forecaster: values with intervals, as rows of a table."""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from charlm.cli.answers import Answer, Answers, Measured, Scored
from charlm.errors import ConfigError, CorpusError
from charlm.wording import for_terminal

if TYPE_CHECKING:
    from charlm.examples.reading import Examples, Inputs
    from charlm.tasks.numbers.forecaster import Forecaster, Prediction


@dataclass(frozen=True)
class Forecasts(Answers):
    """Values after the end of each series."""

    answers_alone = True

    horizon: int | None = field(
        default=None,
        metadata={"help": "series: forecast this many steps (default: as in training).", "only": "predict"},
    )
    level: str = field(
        default="80",
        metadata={"help": "series: print intervals that have this probability in percent, as in 80,95."},
    )
    with_history: bool = field(
        default=False,
        metadata={
            "help": "series: the files have whole series, of which the last values are forecast; otherwise they"
            " continue the training series.",
            "only": "evaluate",
        },
    )

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels in percent. Raises ConfigError."""
        try:
            levels = tuple(float(each) for each in self.level.split(","))
        except ValueError:
            levels = ()
        if not levels or not all(1 <= each <= 99.9 for each in levels) or len(set(levels)) < len(levels):
            raise ConfigError(f"level is {self.level[:40]!r}; write percentages from 1 to 99.9, as in 80,95")
        return levels

    def header(self) -> str:
        bounds = [f"{bound}-{level:g}" for level in self.levels for bound in ("lo", "hi")]
        return ",".join(("unique_id", "ds", "y", *bounds))

    def answers(self, model: "Forecaster", inputs: "Inputs | None") -> Iterator[Answer]:
        from charlm.examples import Series

        given = [each for each in inputs.items if isinstance(each, Series)] if inputs else None
        for series in [None] if given is None else given:
            for answer in model.predict(None if series is None else [series], self.horizon, self.levels):
                yield _answer(answer)

    def score(self, model: "Forecaster", examples: "Examples") -> Scored:
        """Return the surprisal of each value, given those before it."""
        from charlm.examples import Series

        scores = []
        for series in model.score([each for each in examples.items if isinstance(each, Series)]):
            columns = (series.times, series.values, series.expected, series.surprisals)
            for time, value, expected, surprisal in zip(*columns, strict=True):
                numbers = [None if math.isnan(each) else float(each) for each in (expected, surprisal)]
                shown = ["" if each is None else f"{each:.8g}" for each in (value, *numbers)]
                row = (for_terminal(series.name), for_terminal(time), *shown)
                names = ("unique_id", "ds", "y", "expected", "surprisal")
                values = dict(zip(names, (series.name, time, float(value), *numbers), strict=True))
                scores.append(Answer(_csv([row]), values, row))
        density = "surprisal is −log2 of a density in the unit of the values; compare it with that of other values"
        return Scored("unique_id,ds,y,expected,surprisal", scores, [density])

    def unlike(self, first: "Forecaster", second: "Forecaster") -> list[str]:
        horizons = first.config.horizon, second.config.horizon
        if self.with_history and not first.reads_inputs and horizons[0] != horizons[1]:
            raise ConfigError(
                f"{first.name} forecasts the last {horizons[0]:,} values of a series, and {second.name} the last"
                f" {horizons[1]:,}; give values after the end of training, or models with the same horizon"
            )
        if first.season == second.season:
            return []
        return [f"MASE and MSIS divide by errors of a season of {first.season:,} and of {second.season:,} steps"]

    def evaluate(self, model: "Forecaster", examples: "Examples") -> Measured:
        import numpy as np

        from charlm.examples import Series
        from charlm.measures.forecasts import Forecast, SeriesMeasures
        from charlm.measures.naive import last_value, seasonal_naive

        rows = model.matched([each for each in examples.items if isinstance(each, Series)], self.with_history)
        forecasts, nats = [], []
        for past, truth, _ in rows:
            if not len(truth):
                raise CorpusError(f"the series {past.name[:40]} has no value to compare a forecast with")
            forecasts.append(model.answered(past, len(truth), self.levels))
            nats.append(model.nats(past, truth))
        truths = [truth for _, truth, _ in rows]
        # A value of inputs has no past in the file; its naive answers are those of the training series.
        pasts = [model.pasts[0].values if model.reads_inputs else past.values for past, _, _ in rows]
        scales = [past.error for past, _, _ in rows]

        def measured(answers: "list[Forecast]") -> SeriesMeasures:
            return SeriesMeasures(truths, answers, pasts, model.season, scales=scales)

        sizes = list(map(len, truths))
        naive = {
            "last value": [Forecast(last_value(past, size)) for past, size in zip(pasts, sizes, strict=True)],
            "seasonal naive": [
                Forecast(seasonal_naive(past, size, model.season)) for past, size in zip(pasts, sizes, strict=True)
            ],
        }
        mean = float(np.concatenate(nats).mean()) if nats else None
        return Measured(measured(forecasts), {name: measured(each) for name, each in naive.items()}, mean)


def _answer(answer: "Prediction") -> Answer:
    """Return a forecast as rows of CSV, an object, and cells."""
    values, intervals = answer.forecast.values, answer.forecast.intervals
    columns = [values, *(bound for bounds in intervals.values() for bound in bounds)]
    rows = [
        [for_terminal(answer.name), for_terminal(time), *(f"{each:.8g}" for each in numbers)]
        for time, *numbers in zip(answer.times, *columns, strict=True)
    ]
    named = {
        f"{bound}-{level:g}": numbers.tolist()
        for level, bounds in intervals.items()
        for bound, numbers in zip(("lo", "hi"), bounds, strict=True)
    }
    cells = "\n".join("\t".join(row) for row in rows).split("\t")
    return Answer(
        _csv(rows),
        {"unique_id": answer.name, "ds": list(answer.times), "y": values.tolist(), **named},
        cells,
    )


def _csv(rows: Iterable[Sequence[str]]) -> str:
    """Return rows of CSV without the last newline."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().removesuffix("\n")
