"""What a person sees while a model trains: the plan, a progress line, a line for each validation."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

from charlm.cli.output import say
from charlm.reports import (
    Event,
    Finished,
    NotSaved,
    Planned,
    Progress,
    Resumed,
    Revised,
    RolledBack,
    Stopped,
    Validated,
)

if TYPE_CHECKING:
    from charlm.sequences import Split


class Display:
    """A `Report`: called with what happens, it draws; `finished` is the last word, None before there is one."""

    def __init__(self, quiet: bool) -> None:
        self.finished: Finished | None = None
        self._quiet = quiet
        self._console = Console(stderr=True, highlight=False)
        self._live: Live | None = None
        if not quiet and self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(console=self._console, transient=True, auto_refresh=False)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Finished):
            self.finished = event
        if self._quiet:
            return
        if isinstance(event, Progress):
            if self._live:
                self._live.update(Text(_progress(event), no_wrap=True, overflow="ellipsis"), refresh=True)
            return
        for line in _lines(event):
            self._print(line)

    def __enter__(self) -> "Display":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the terminal as it was found, however the training ended."""
        if self._live:
            self._live.stop()

    def _print(self, line: str) -> None:
        if self._live:
            self._console.print(line, markup=False)
        else:
            say(line)


def _lines(event: Event) -> list[str]:
    match event:
        case Planned():
            return _plan(event)
        case Validated():
            return [_validated(event)]
        case Finished():
            return [_finished(event)]
        case Revised():
            return [f"step {event.at:,}: the speed has changed; {event.steps:,} steps fit into the time"]
        case Resumed():
            passed_over = [f"{each}; the state before it is taken" for each in event.damaged]
            where = f"at step {event.step:,}" if event.step else "from the beginning: no state of it was saved whole"
            return [*passed_over, f"the run goes on {where}"]
        case RolledBack():
            back = f"back to step {event.to:,}, on with a peak learning rate of {event.learning_rate:g}"
            return [f"step {event.at:,}: the loss or its gradient is not a finite number; {back}"]
        case NotSaved():
            return [f"step {event.step:,}: not saved: {event.why}; what was saved before is kept, training goes on"]
        case Stopped():
            way_on = (
                "go on by the same command with --resume" if event.saved == event.step else "its state is not saved"
            )
            return [f"stopped at step {event.step:,}; {way_on}"]
    return []


def _validated(event: Validated) -> str:
    found, star = event.evaluation, "  best so far" if event.best else ""
    return (
        f"step {event.progress.step:,}/{event.progress.steps:,}"
        f"  valid {found.known_nats_per_token:.4f} nats  {found.bits_per_char_known or 0:.3f} bits/char"
        f"  train {event.progress.nats_per_token:.3f}"
        f"  {event.progress.characters_per_second:,.0f} char/s"
        f"  {clock(event.progress.seconds_left)} left{star}"
    )


def _finished(event: Finished) -> str:
    found = event.evaluation
    best = f", the best at step {event.best_step:,}" if event.best_step != event.steps else ""
    unknown = f" ({found.unknown:,} unknown characters left out)" if found.unknown else ""
    return (
        f"done       {event.steps:,} steps in {clock(event.seconds)}{best}:"
        f" {found.known_nats_per_token:.4f} nats, {found.bits_per_char_known or 0:.3f} bits per character{unknown}"
    )


def _plan(event: Planned) -> list[str]:
    plan, model, split = event.plan, event.plan.model, event.split
    cell = f"{model.activation} {model.cell}" if model.activation else model.cell
    dropout = f", dropout {model.dropout:g}" if model.dropout else ""
    time_needed = f", about {clock(event.seconds)}" if event.seconds is not None else ""
    return [
        f"corpus     {event.corpus.characters:,} characters, {event.vocabulary:,} symbols, {_sequences(event)}",
        f"sequence   {model.sequence}: {event.why}",
        f"split      {split.characters(split.train):,} characters to learn, {_held_out(split)}",
        f"model      {model.layers} × {cell}, {model.hidden_size} wide, {model.embedding} input{dropout}:"
        f" {event.parameters:,} parameters",
        f"plan       {plan.total:,} steps of {event.batch_size} × {event.seq_len} symbols on {event.device} in"
        f" {event.precision}, {event.epochs:.1f} passes,"
        f" {plan.validations} validation{'s' * (plan.validations > 1)}{time_needed}",
        *(f"note       {note}" for note in _notes(event)),
    ]


def _sequences(event: Planned) -> str:
    split, texts = event.split, len(event.corpus.documents)
    if split.sequence == "line":
        return f"{len(split.train) + (len(split.valid) if split.held_out else 0):,} lines"
    return "one text" if texts == 1 else f"{texts:,} texts"


def _held_out(split: "Split") -> str:
    if not split.held_out:
        return "none held out, the corpus is too small: validated on the training text itself"
    lines = f" in {len(split.valid):,} lines" if split.sequence == "line" else ""
    return f"{split.characters(split.valid):,} characters held out{lines}"


def _notes(event: Planned) -> list[str]:
    """What a user might not expect."""
    plan, notes = event.plan, list(event.corpus.notes)
    if event.recurrence == "torch" and event.device == "cpu":
        notes.append("charlm was installed without a C compiler: it trains at about half the speed it could")
    if event.precision != plan.train.precision:
        notes.append(f"the plan is for {plan.train.precision}, which this machine lacks: expect a like model")
    if event.parts > 1:
        notes.append(f"the device's memory takes a batch only in {event.parts} parts: the same model, more slowly")
    if event.shrunk:
        asked = f"{plan.train.batch_size} × {plan.train.seq_len}"
        notes.append(f"the corpus is too small for steps of {asked} symbols; they are smaller")
    if event.split.crlf_lines:
        notes.append(f"{event.split.crlf_lines:,} lines end in CR LF; the CR is part of the line end")
    return notes


def _progress(event: Progress) -> str:
    return (
        f"{event.step:,}/{event.steps:,}  {clock(event.seconds_left)} left"
        f"  loss {event.nats_per_token:.3f}  {event.bits_per_char:.3f} bits/char"
        f"  {event.characters_per_second:,.0f} char/s"
    )


def clock(seconds: float) -> str:
    """2:05, or 1:02:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
