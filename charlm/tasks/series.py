"""The task of a forecaster: numbers at regular steps, and those that come next."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from charlm.config import ModelConfig, TrainConfig
from charlm.errors import ConfigError, CorpusError
from charlm.examples import Series as Example
from charlm.examples import columns_of
from charlm.examples.reading import Examples, read_examples
from charlm.model import BadFileError, Contents, Record
from charlm.numpy_forecaster import Forecaster as Program
from charlm.progress import OnProgress, ignore
from charlm.settings import check_choice
from charlm.tasks import Task
from charlm.tasks._examples import file_names
from charlm.tasks._program import program
from charlm.tasks.numbers.dataset import Numbers, NumberSource
from charlm.tasks.numbers.evaluation import METRICS
from charlm.tasks.numbers.forecaster import Forecaster
from charlm.tasks.numbers.network import NumberNetwork, check_reads_numbers
from charlm.tasks.numbers.past import FILE, find_season, lags_of, past_of, pasts_from
from charlm.tokenizers import Tokenizer
from charlm.wording import plural, quoted

SCALE = "standard"
_FEWEST = 8  # values of a series
_LEAST_SHARE = 10  # 1/10 of a series is held out at most


class Series(Task):
    """Learns the next values of series, or a value of each step from other numbers."""

    kind = "forecaster"
    files = ("series.json",)
    verb = "predict"
    figure = (("mase", "MASE"),)
    settings = ("time_column", "value_column", "metric", "horizon", "season", "scale", "density")

    @classmethod
    def read(
        cls,
        source: Any,
        valid: Any | None,
        model: ModelConfig,
        *,
        tokenizer: Tokenizer | None = None,
        on_progress: OnProgress = ignore,
    ) -> NumberSource:
        check_reads_numbers(model)
        if tokenizer is not None:
            raise ConfigError("a forecaster reads numbers, so it has no tokenizer", remedy="no_vocabulary")
        if model.metric is not None:
            check_choice("metric", model.metric, METRICS)
        columns = columns_of(model)
        examples, held_out = (
            None if each is None else read_examples(each, model.task, columns) for each in (source, valid)
        )
        assert examples
        return NumberSource(examples, held_out, file_names(source), file_names(valid))

    @classmethod
    def prepare(
        cls,
        source: NumberSource,
        model: ModelConfig,
        config: TrainConfig,
        *,
        tokenizer: Tokenizer | None = None,
        on_progress: OnProgress = ignore,
    ) -> Numbers:
        series = [each for each in source.examples.items if isinstance(each, Example)]
        named: dict[str, Example] = {}
        for each in series:
            if each.name in named:
                first = named[each.name].where
                raise CorpusError(
                    f"{each.where} has the series {quoted(each.name)}, as {first} has; give each series a name of its"
                    " own in a column unique_id"
                )
            named[each.name] = each
            if len(each.values) < _FEWEST:
                raise CorpusError(f"{each.where}: a series needs {_FEWEST} values, but this has {len(each.values)}")
            if each.inputs.shape[1] != series[0].inputs.shape[1]:
                raise CorpusError(f"{each.where} has another number of input columns than the first series")
        after = _after(series, source.valid)
        shortest = min(len(each.values) for each in series)
        most = max(1, shortest // _LEAST_SHARE)
        given = series[0].inputs.shape[1] > 0
        season = model.season
        if season is None:
            season = (
                1
                if given
                else find_season([each.values[: len(each.values) - (0 if after else most)] for each in series])
            )
        horizon = model.horizon or (most if given else min(most, 2 * season if season > 1 else most))
        if after:
            least = min(after, key=lambda each: len(each.values))
            if model.horizon and model.horizon > len(least.values):
                raise CorpusError(
                    f"{least.where} has {plural(len(least.values), 'value')} to validate on, fewer than a horizon of"
                    f" {model.horizon:,}"
                )
            horizon = model.horizon or len(least.values)
        elif horizon > shortest // 2:
            raise CorpusError(
                f"the shortest series has {shortest:,} values, too few to hold out a horizon of {horizon:,}"
            )
        kind = model.scale or SCALE
        lags = lags_of(season, shortest - (0 if after else horizon))
        width = series[0].inputs.shape[1] or len(lags)
        if model.embedding_size not in (None, width):  # a plan has the width
            raise ConfigError(
                f"a forecaster reads the numbers of a step as they are, here {width:,}, so embedding_size cannot be"
                f" {model.embedding_size:,}",
                remedy="leave_out",
                settings=["embedding_size"],
            )
        if after:
            series = [_joined(each, more, horizon) for each, more in zip(series, after, strict=True)]
        pasts = tuple(
            past_of(each.name, each.values, each.inputs, each.times, horizon, kind, season) for each in series
        )
        return Numbers(
            config=model,
            source=source,
            pasts=pasts,
            season=season,
            horizon=horizon,
            scale=kind,
            lags=lags,
            seq_len=config.seq_len,
            sha256=source.fingerprint(horizon),
            reason=source.examples.reason,
        )

    @classmethod
    def program(cls, config: ModelConfig) -> str:
        return program(Program)

    @classmethod
    def empty_model(
        cls, config: ModelConfig, contents: Contents, *, name: str = "", record: Record | None = None
    ) -> Forecaster:
        window, inputs, pasts = pasts_from(contents.files[FILE])
        stated, lags = contents.stated, contents.stated.get("lags")
        if stated.get("series") != len(pasts):
            raise BadFileError(FILE, "does not have the number of series that config.json states")
        if not isinstance(lags, list) or not 1 <= len(lags) <= 64:
            raise ConfigError("lags is not a list")
        if not all(type(lag) is int and 1 <= lag <= 10**6 for lag in lags) or lags[0] != 1:
            raise ConfigError("lags has an impossible number")
        if stated.get("columns") != (inputs or len(lags)):
            raise BadFileError(FILE, "does not have the number of columns that config.json states")
        if config.season is None or config.horizon is None:
            raise ConfigError("season or horizon is missing")
        network = NumberNetwork(config, inputs or len(lags))
        return Forecaster(config, pasts, window, tuple(lags), network.eval(), name=name, record=record)


def _after(series: Sequence[Example], valid: Examples | None) -> list[Example]:
    """Return what a separate held-out part has for each series: by its name, or by its place if no name is known.

    Raises CorpusError if a series has none, or if it does not come after the training series.
    """
    if valid is None:
        return []
    parts = [each for each in valid.items if isinstance(each, Example)]
    named = {each.name: each for each in parts}
    if not any(each.name in named for each in series):
        named = {each.name: part for each, part in zip(series, parts, strict=False)}
    for each in series:
        part = named.get(each.name)
        if part is None:
            raise CorpusError(
                f"{each.where} has the series {quoted(each.name)}, and the held-out part does not; add it, or leave it"
                " out of the training part"
            )
        if each.times[-1] in part.times:
            raise CorpusError(
                f"{part.where} has the series {quoted(part.name)} at {quoted(each.times[-1])}, where the training part"
                " ends; give the values after it"
            )
        if part.inputs.shape[1] != each.inputs.shape[1]:
            raise CorpusError(f"{part.where} has another number of input columns than the training series")
    return [named[each.name] for each in series]


def _joined(series: Example, after: Example, count: int) -> Example:
    """Return a series with the first `count` values after it."""
    return replace(
        series,
        times=(*series.times, *after.times[:count]),
        values=np.concatenate((series.values, after.values[:count])),
        inputs=np.concatenate((series.inputs, after.inputs[:count])),
    )
