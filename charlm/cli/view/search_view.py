"""A search on stderr: a line for each trial, and on a terminal where the present trial is."""

import math
import time
from contextlib import ExitStack

from rich.console import Console
from rich.live import Live
from rich.text import Text

from charlm.cli.options import option_name
from charlm.cli.output import can_redraw, say
from charlm.cli.remedies import in_options
from charlm.cli.view import messages
from charlm.progress import ReadingProgress
from charlm.search.budget import Budget
from charlm.search.events import Event, Interrupted, Prepared, TrialBegan, TrialEnded, TrialProgress
from charlm.search.history import Ending, History, Trial
from charlm.training.events import Measuring
from charlm.wording import amount, clock, listed, plural

_REDRAW = 0.25  # seconds


class SearchView:
    """A receiver of the events of a search. `history` has the trials so far; None before the study is open."""

    def __init__(self, store: str, budget: Budget, quiet: bool) -> None:
        self.history: History | None = None
        self._store, self._budget, self._quiet = store, budget, quiet
        self._console = Console(stderr=True, highlight=False)
        self._live: Live | None = None
        if not quiet and can_redraw(self._console):
            self._live = Live(console=self._console, transient=True, auto_refresh=False, redirect_stdout=False)
        self._open = ExitStack()
        self._next_drawing = 0.0

    def __enter__(self) -> "SearchView":
        if self._live:
            self._open.enter_context(self._live)
            self._draw("reading the corpus")
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def __call__(self, event: Event) -> None:
        match event:
            case Prepared():
                self.history = event.history
                self._lines(messages.lines(event.defaults))
                self._lines(self._beginning(event))
            case TrialBegan():
                self._draw(f"{_label(event.trial.number)}begins")
            case TrialProgress():
                if time.monotonic() >= self._next_drawing:
                    figures = f"  {event.figures}" if event.figures else ""
                    left = f"{event.share:4.0%}{figures}  {clock(event.seconds_left)} left{self._best()}"
                    self._draw(f"{_label(event.number)}{left}")
            case TrialEnded():
                self.history = event.history
                self._lines([_ended(event)])
            case Interrupted():
                self.history = event.history
                self._open.close()
                self._lines([_ended_trial(trial) for trial in event.history.trials[-1:] if _is_stopped(trial)])
            case ReadingProgress() | Measuring():
                self._draw(str(event))

    def _beginning(self, event: Prepared) -> list[str]:
        history, (name, value) = event.history, next(iter(event.trial.items()))
        earlier = f"{plural(len(history.trials), 'trial')} in {clock(history.seconds)} so far"
        ranges = "; ".join(f"{option_name(each)} {words}" for each, words in event.ranges.items())
        of_a_trial = f"{amount(value, name)} a trial"
        parts = [
            *([f"{amount(self._budget.minutes, 'minutes')} for all trials"] if self._budget.minutes else []),
            *([f"at most {plural(self._budget.trials, 'trial')}"] if self._budget.trials else []),
        ]
        rows = {
            "study": f"{self._store}: {earlier if history.trials else 'new'}",
            "varied": ranges,
            "budget": f"{listed(parts)}, {of_a_trial}",
        }
        return [f"{label:<{messages.LABEL_WIDTH}}{text}" for label, text in rows.items()]

    def _best(self) -> str:
        best = self.history.best if self.history else None
        return f"  best {best.figures} (trial {best.number + 1})" if best else ""

    def _draw(self, line: str) -> None:
        if self._live:
            self._live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)
            self._next_drawing = time.monotonic() + _REDRAW

    def _lines(self, lines: list[str]) -> None:
        for line in lines if not self._quiet else ():
            if self._live and self._live.is_started:
                self._console.print(messages.wrapped(line, self._console.width), markup=False, soft_wrap=True)
            else:
                say(line)


def summary(history: History) -> list[str]:
    """The trials of a search in words: how they ended, and the best beside the defaults."""
    others = (ending for ending in Ending if ending is not Ending.COMPLETE)
    counts = [f"{number:,} {ending}" for ending in others if (number := history.count(ending))]
    done = f"{plural(len(history.trials), 'trial')} in {clock(history.seconds)}"
    lines = [f"{'done':<{messages.LABEL_WIDTH}}{done}{f': {listed(counts)}' * bool(counts)}"]
    if best := history.best:
        default = history.default
        beside = "the defaults" if best.is_default else f"the defaults have {default.figures}" if default else ""
        words = f"trial {best.number + 1}: {best.figures}{f'; {beside}' * bool(beside)}"
        lines.append(f"{'best':<{messages.LABEL_WIDTH}}{words}")
    return lines


def _label(number: int) -> str:
    return f"{f'trial {number + 1}':<{messages.LABEL_WIDTH - 1}} "


def _is_stopped(trial: Trial) -> bool:
    return trial.ending is Ending.STOPPED


def _ended(event: TrialEnded) -> str:
    best = ", the best so far" if event.is_best else ""
    return _ended_trial(event.trial, best)


def _ended_trial(trial: Trial, best: str = "") -> str:
    settings = " ".join(f"{option_name(name)} {value}" for name, value in trial.settings.items())
    figures = f"{trial.figures}  " if math.isfinite(trial.cost) else ""
    at = f" at {trial.curve[-1][0]:.0%}" if trial.ending is Ending.PRUNED and trial.curve else ""
    how = "" if trial.ending is Ending.COMPLETE else f", {trial.ending}{at}"
    reason = f": {in_options(trial.reason)}" if trial.reason else ""
    defaults = "  (the defaults)" if trial.is_default else ""
    return f"{_label(trial.number)}{figures}{clock(trial.seconds)}{how}{reason}{best}  {settings}{defaults}"
