"""A training run in a few lines: how far it is, its curves, and its latest preview."""

import math
from collections.abc import Iterator, Mapping

from rich.console import Console, ConsoleOptions
from rich.text import Text

from charlm.cli.view.plot import sparkline
from charlm.progress import ReadingProgress
from charlm.training.events import Event, Measuring, Planned, Previewed, Progress, Revised, Validated
from charlm.wording import clock, each_alone, for_terminal

_MOST_POINTS = 4096  # of a curve that are kept
_FIGURES_WIDTH = 24  # columns before a curve
_LONGEST_BAR = 40
_PREVIEW_LINES = 6


class TrainingView:
    """The state of a run as a Rich renderable; `update` takes in the events, and it can be printed at any width."""

    def __init__(self, activity: str = "") -> None:
        self._activity = activity  # before the first step
        self._now: Progress | None = None
        self._train: list[float] = []
        self._valid: list[float] = []
        self._parts: Mapping[str, float | None] = {}
        self._preview = ""
        self._preview_step = 0
        self._revised: Revised | None = None

    def update(self, event: Event) -> None:
        match event:
            case ReadingProgress() | Measuring():
                self._activity = str(event)
            case Planned():
                self._activity = ""
            case Progress():
                self._now = event
                if math.isfinite(event.figure):
                    self._train.append(event.figure)
                if len(self._train) > _MOST_POINTS:
                    self._train = self._train[::2]
            case Previewed():
                if event.previews:
                    self._preview, self._preview_step = "\n".join(event.previews), event.step
            case Validated():
                headline = event.evaluation.headline
                if headline is not None and math.isfinite(headline):
                    self._valid.append(headline)
                    self._parts = event.evaluation.parts
                self.update(Previewed(event.progress.step, event.previews))
                self.update(event.progress)
            case Revised():
                self._revised = event

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        width = options.max_width
        if self._activity:
            yield Text(self._activity, no_wrap=True, overflow="ellipsis")
        for row in self._rows(self._now, width) if self._now else ():
            row.no_wrap, row.overflow = True, "ellipsis"
            yield row
        if self._preview and console.height > 2 * _PREVIEW_LINES + 2:
            yield Text()
            yield Text(f"sample at step {self._preview_step:,}:", style="dim", no_wrap=True, overflow="ellipsis")
            text = Text(for_terminal(self._preview).expandtabs())
            yield from text.wrap(console, width)[:_PREVIEW_LINES]

    def _rows(self, now: Progress, width: int) -> Iterator[Text]:
        curve_width = max(0, width - _FIGURES_WIDTH)
        yield _bar(now, width)
        unit = now.unit.figure or f"nats/{now.unit.target}"
        yield _curve(f"train {now.figure:6.3f} {unit}  ", sparkline(self._train, curve_width), "cyan")
        if self._valid:
            figures = f"valid {self._valid[-1]:6.3f} {now.unit.headline}  "
            yield _curve(figures, sparkline(self._valid, curve_width), "green")
        if self._parts:
            yield Text(f"{'':7}{each_alone(self._parts, '.3f')}", style="green")
        yield Text(now.rates, style="dim")
        if self._revised:
            yield Text(str(self._revised), style="dim")


def _bar(now: Progress, width: int) -> Text:
    share = now.step / now.steps
    words = f" {share:4.0%}  {now.step:,}/{now.steps:,}  {clock(now.seconds_left)} left"
    bar_width = max(0, min(_LONGEST_BAR, width - len(words) - 1))
    done = round(share * bar_width)
    return Text.assemble(("━" * done, "green"), ("━" * (bar_width - done), "dim"), words)


def _curve(figures: str, curve: str, style: str) -> Text:
    return Text.assemble(figures, (curve, style))
