"""The task of a forecaster: numbers at regular steps, and those that come next."""

from typing import Any

from charlm.config import ModelConfig, TrainConfig
from charlm.errors import ConfigError, CorpusError
from charlm.examples import Series as Example
from charlm.examples import columns_of
from charlm.examples.reading import read_examples
from charlm.model import BadFileError, Contents, Record
from charlm.numpy_forecaster import Forecaster as Program
from charlm.progress import OnProgress, ignore
from charlm.settings import check_choice
from charlm.tasks import Task
from charlm.tasks._program import program
from charlm.tasks.numbers.dataset import Numbers, NumberSource
from charlm.tasks.numbers.evaluation import METRICS
from charlm.tasks.numbers.forecaster import Forecaster
from charlm.tasks.numbers.network import NumberNetwork, check_reads_numbers
from charlm.tasks.numbers.past import FILE, find_season, lags_of, past_of, pasts_from
from charlm.tokenizers import Tokenizer
from charlm.wording import quoted

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
        if valid is not None:
            own = "a forecaster holds out the last values of each series, and reads no other held-out part"
            raise ConfigError(own, remedy="leave_out", settings=["valid"])
        if model.metric is not None:
            check_choice("metric", model.metric, METRICS)
        return NumberSource.of(source, read_examples(source, model.task, columns_of(model)))

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
        shortest = min(len(each.values) for each in series)
        most = max(1, shortest // _LEAST_SHARE)
        given = series[0].inputs.shape[1] > 0
        season = model.season
        if season is None:
            season = 1 if given else find_season([each.values[: len(each.values) - most] for each in series])
        horizon = model.horizon or (most if given else min(most, 2 * season if season > 1 else most))
        if horizon > shortest // 2:
            raise CorpusError(
                f"the shortest series has {shortest:,} values, too few to hold out a horizon of {horizon:,}"
            )
        kind = model.scale or SCALE
        lags = lags_of(season, shortest - horizon)
        width = series[0].inputs.shape[1] or len(lags)
        if model.embedding_size not in (None, width):  # a plan has the width
            raise ConfigError(
                f"a forecaster reads the numbers of a step as they are, here {width:,}, so embedding_size cannot be"
                f" {model.embedding_size:,}",
                remedy="leave_out",
                settings=["embedding_size"],
            )
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
    def program(cls) -> str:
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
