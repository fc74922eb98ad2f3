"""The picture of a training run on a terminal, redrawn in place: where it is, its curves, and its newest sample."""

import math
import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from charlm.cli.output import for_terminal
from charlm.cli.sparkline import sparkline
from charlm.cli.wording import bits, clock, rate
from charlm.reports import Drawn, Event, Progress, Revised, Validated

_DRAWING = 0.005  # share of the time spent on drawing, at most
_MOST_POINTS = 4096  # of a curve that are kept
_FIGURES = 24  # columns before a curve
_SAMPLE_LINES = 6


class LiveView:
    """Enter it, and tell it what happens; what is printed by `console` meanwhile stays, above the picture."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, transient=True, auto_refresh=False, redirect_stdout=False)
        self._train: list[float] = []
        self._valid: list[float] = []
        self._sample = ""
        self._at = 0
        self._revised = 0
        self._next_drawing = 0.0

    def __enter__(self) -> "LiveView":
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the terminal as it was found, however the training ended."""
        self._live.stop()

    def tell(self, event: Event) -> None:
        match event:
            case Progress():
                self._progress(event)
            case Drawn():
                self._drawn(event)
            case Validated():
                self._validated(event)
            case Revised():
                self._revised = event.at

    def _progress(self, event: Progress) -> None:
        if math.isfinite(event.bits_per_char):
            self._train.append(event.bits_per_char)
        if len(self._train) > _MOST_POINTS:
            self._train = self._train[::2]
        before = time.monotonic()
        if before >= self._next_drawing:
            self._live.update(self._picture(event), refresh=True)
            self._next_drawing = before + (time.monotonic() - before) / _DRAWING

    def _drawn(self, event: Drawn) -> None:
        if event.samples:
            self._sample, self._at = event.samples[0], event.step

    def _validated(self, event: Validated) -> None:
        self._valid.append(bits(event.evaluation))
        self._drawn(Drawn(event.progress.step, event.samples))
        self._next_drawing = 0.0
        self._progress(event.progress)

    def _picture(self, event: Progress) -> RenderableType:
        width, height = self._console.size
        curve = max(0, width - _FIGURES)
        rows = [
            _bar(event, width),
            _row(f"train {event.bits_per_char:6.3f} bits/char  ", sparkline(self._train, curve), "cyan"),
        ]
        if self._valid:
            rows.append(_row(f"valid {self._valid[-1]:6.3f} bits/char  ", sparkline(self._valid, curve), "green"))
        rows.append(Text(rate(event), style="dim"))
        if self._revised:
            rows.append(Text(f"at step {self._revised:,} the speed had changed, and the plan with it", style="dim"))
        if self._sample and height > len(rows) + _SAMPLE_LINES + 4:
            rows += [Text(), Text(f"a sample at step {self._at:,}:", style="dim"), *self._sample_rows(width)]
        for row in rows:
            row.no_wrap, row.overflow = True, "ellipsis"
        return Group(*rows)

    def _sample_rows(self, width: int) -> list[Text]:
        text = Text(for_terminal(self._sample).expandtabs())
        return list(text.wrap(self._console, width)[:_SAMPLE_LINES])


def _bar(event: Progress, width: int) -> Text:
    share = event.step / event.steps
    words = f" {share:4.0%}  {event.step:,}/{event.steps:,}  {clock(event.seconds_left)} left"
    room = max(0, min(40, width - len(words) - 1))
    done = round(share * room)
    return Text.assemble(("━" * done, "green"), ("━" * (room - done), "dim"), words)


def _row(figures: str, curve: str, style: str) -> Text:
    return Text.assemble(figures, (curve, style))
