"""Settings of the tasks beside the language model: what a file says, and what the network makes of it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from charlm.errors import ConfigError
from charlm.registry import declarations
from charlm.settings import Settings, check_choice, check_count, check_range

MOST_STEPS_AHEAD = 100_000
MOST_WEIGHT = 1e6  # of a label
MAX_VOCABULARY = 2**24  # tokens
MAX_ORDER = 99  # of counts
MEGABYTES = 32.0  # of counts on disk, by default
MOST_MEGABYTES = 128.0
MAX_BLOCKS = 64
CLASS_WEIGHTS = ("none", "balanced")
FEATURES = ("ngrams", "none")  # what a network reads beside tokens


@dataclass(frozen=True, repr=False, kw_only=True)
class TaskSettings(Settings):
    """The task, and the settings that only some tasks have; None is the choice of the task.

    A column is a name in the header, or a number from 1.
    """

    task: str = "language"
    text_column: str | None = None
    label_column: str | None = None
    source_column: str | None = None
    target_column: str | None = None
    token_column: str | None = None
    tag_column: str | None = None
    time_column: str | None = None
    value_column: str | None = None
    multi_label: bool = False
    class_weights: str = "none"
    metric: str | None = None
    bidirectional: bool | None = None
    pooling: str | None = None
    features: str | None = None
    attention: bool | None = None
    horizon: int | None = None
    season: int | None = None
    scale: str | None = None
    density: str | None = None
    ngram: str = "auto"
    ngram_guesses: bool = True
    shortlist: int | None = None

    # The fields of columns, each with its role in charlm.examples.Columns.
    COLUMNS: ClassVar[tuple[str, ...]] = ("text", "label", "source", "target", "token", "tag", "time", "value")

    def check_fits_task(self) -> None:
        """Raise ConfigError for a setting that this task does not have."""
        own = self._of_task("settings")
        for name in self._given():
            if name not in own:
                raise ConfigError(
                    f"{name} is not a setting of the task {self.task}", remedy="leave_out", settings=[name]
                )

    @property
    def reads_text(self) -> bool:
        """Whether a network of this task reads tokens; otherwise it reads numbers."""
        return "tokenizer.json" in self._of_task("files")

    @property
    def ngram_order(self) -> int:
        """The order of the counts beside the network; 0 for none, or if it is not chosen yet."""
        return 0 if self.ngram in ("auto", "none") else int(self.ngram)

    def columns(self) -> dict[str, str]:
        """Return the columns that were chosen, by their roles."""
        chosen = ((role, getattr(self, f"{role}_column")) for role in self.COLUMNS)
        return {role: column for role, column in chosen if column is not None}

    def weights_by_label(self) -> dict[str, float]:
        """Return the class weights that are given by their labels. Raises ConfigError."""
        if self.class_weights in CLASS_WEIGHTS:
            return {}
        weights = {}
        for each in self.class_weights.split(","):
            label, colon, number = each.strip().rpartition(":")
            try:
                weight = float(number)
            except ValueError:
                weight = math.nan
            if not (label and colon and 0 < weight <= MOST_WEIGHT) or label in weights:
                raise ConfigError(
                    f"class_weights has {each[:40]!r}; write none, balanced, or a number above 0 after each"
                    " label, as in spam:2,ham:1"
                )
            weights[label] = weight
        return weights

    @classmethod
    def unset(cls) -> dict[str, Any]:
        return {field.name: field.default for field in fields(TaskSettings)} | {"ngram": "none", "ngram_guesses": False}

    def _check(self) -> None:
        check_count("horizon", self.horizon, 1, MOST_STEPS_AHEAD)
        check_count("season", self.season, 1, MOST_STEPS_AHEAD)
        check_count("shortlist", self.shortlist, 1, MAX_VOCABULARY)
        if self.scale is not None:
            check_choice("scale", self.scale, ("mean", "standard", "none"))
        if self.features is not None:
            check_choice("features", self.features, FEATURES)
        self.weights_by_label()
        order = int(self.ngram) if self.ngram.isascii() and self.ngram.isdecimal() else 0
        if self.ngram not in ("auto", "none") and not 2 <= order <= MAX_ORDER:
            allowed = f"auto, none, or the order of the counts, from 2 to {MAX_ORDER}"
            raise ConfigError(f"ngram is {self.ngram[:40]!r}; it must be {allowed}")
        if self.ngram == "auto" and self.task != "auto" and "ngram" not in self._of_task("settings"):
            object.__setattr__(self, "ngram", "none")
        if self.ngram == "none":
            object.__setattr__(self, "ngram_guesses", False)

    def _of_task(self, name: str) -> tuple[str, ...]:
        """Return a class variable of the task."""
        values: tuple[str, ...] = next(
            each.values[name] for each in declarations("tasks", "Task") if each.name == self.task
        )
        return values

    def _given(self) -> Iterator[str]:
        unset = self.unset()
        return (name for name, default in unset.items() if name != "task" and getattr(self, name) != default)


@dataclass(frozen=True, repr=False, kw_only=True)
class CountedSettings(Settings):
    """The settings of a run that counts n-grams beside the network. A setting that is None is chosen by charlm. Without
    counts, it stays None.

    ngram_size: megabytes that the counts take on disk at most; rare long n-grams are dropped.
    ngram_tokens: number of tokens to count, evenly spread over the text; 0 counts all.
    ngram_blocks: number of contiguous blocks of a running text that are left out in turn.
    """

    ngram_size: float | None = None
    ngram_tokens: int | None = None
    ngram_blocks: int | None = None

    def _check(self) -> None:
        check_range("ngram_size", self.ngram_size, 0, MOST_MEGABYTES, open_low=True)
        check_count("ngram_tokens", self.ngram_tokens, 0)
        check_count("ngram_blocks", self.ngram_blocks, 2, MAX_BLOCKS)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the fields."""
        return tuple(field.name for field in fields(CountedSettings))
