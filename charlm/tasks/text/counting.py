"""Count the n-grams of a training text, and choose the settings of the counts that are left open."""

from dataclasses import replace
from functools import partial

from charlm.config import ModelConfig, TextMode, TrainConfig
from charlm.counts import MEGABYTE, CountSettings, TargetFigures, choose, count
from charlm.data.entries import Stored
from charlm.progress import OnProgress, ReadingProgress
from charlm.tasks.text.prepared import CountedText, PreparedText
from charlm.tasks.text.stored_counts import StoredCounts, counted_once

_SHARE = 0.2  # of the time of a run, for counting with a single core
_LONG = 2**22  # characters; counting a longer text reports its progress


def count_settings(model: ModelConfig, config: TrainConfig, tokens: int) -> CountSettings | None:
    """Return what to count of a text of this many tokens; None if the settings ask for no counts."""
    if model.ngram == "none":
        return None
    minutes = config.budget_minutes
    settings = choose(tokens, None if minutes is None else _SHARE * 60 * minutes, counted=config.ngram_tokens)
    if config.ngram_size is not None:
        settings = replace(settings, limit=int(config.ngram_size * MEGABYTE))
    if config.ngram_blocks is not None:
        settings = replace(settings, blocks=config.ngram_blocks)
    return replace(settings, order=model.ngram_order) if model.ngram_order else settings


def with_choices(config: TrainConfig, settings: CountSettings | None) -> TrainConfig:
    """Return the settings of a run, with the settings of its counts."""
    if settings is None:
        return replace(config, ngram_size=None, ngram_tokens=None, ngram_blocks=None)
    return replace(
        config,
        ngram_size=settings.limit / MEGABYTE,
        ngram_tokens=settings.tokens,
        ngram_blocks=settings.blocks,
    )


def counted(
    data: PreparedText, settings: CountSettings, guesses: bool, entry: Stored | None, on_progress: OnProgress
) -> CountedText:
    """Count the training part. guesses: whether its figures have the likeliest tokens.

    entry: the entry of the cache that has the tokens of a corpus larger than memory, otherwise None.
    """
    ids, starts = data.ring.targets, data.ring.starts
    characters = round(data.characters_per_token * (settings.tokens or len(ids)))

    def report(share: float) -> None:
        if characters >= _LONG:
            on_progress(ReadingProgress("counting", round(share * characters), characters))

    lines = data.mode == TextMode.LINE
    count_all = partial(
        count, ids, starts, data.allowed_tokens, settings, left_out_lines=lines, guesses=guesses, on_progress=report
    )
    if entry is None:
        stored = StoredCounts(count_all())
    else:
        stored = counted_once(count_all, entry, data.tokenizer.size, settings, guesses)
        data.ring.release()
    counts, left_out = stored.counted
    assert left_out is not None
    figures = TargetFigures(counts, ids, starts, settings.tokens, left_out)
    return CountedText(settings, counts, figures, stored.mappings)
