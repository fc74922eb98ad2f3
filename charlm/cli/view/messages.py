"""The events of a training run in words: one or more lines for a terminal or a log."""

import textwrap

from charlm.cli.remedies import advise
from charlm.plan import FEW_STEPS
from charlm.progress import ReadingProgress
from charlm.training.events import (
    AlreadyFinished,
    Event,
    Finished,
    LossHigh,
    Measuring,
    Planned,
    Previewed,
    Progress,
    Resumed,
    Stopped,
    Validated,
)
from charlm.wording import plural

LABEL_WIDTH = 11  # columns of the word before a line
_WIDE = 40  # columns from which a continued line is indented below its text


def lines(event: Event) -> list[str]:
    """Return the lines for an event.

    There are none for `Progress` and `ReadingProgress`: they come too often, and the view shows them in its own way.
    """
    match event:
        case Progress() | ReadingProgress() | Measuring():
            return []
        case Planned():
            return _plan(event)
        case Previewed():
            return [str(event)] if event.previews else []
        case Validated():
            return [str(event), *lines(Previewed(event.progress.step, event.previews))]
        case Finished():
            done = f"{'done':<{LABEL_WIDTH}}{event.outcome}"
            few = f"after {plural(event.steps, 'step')}, the model has hardly learned anything; give it more time"
            return [done, *([f"{'note':<{LABEL_WIDTH}}{few}"] if event.steps < FEW_STEPS else [])]
        case LossHigh():
            return [f"{event}; try --learning-rate {event.learning_rate / 4:g}"]
        case Resumed():
            return [*(f"{each}; the state before it is used" for each in event.damaged), str(event)]
        case Stopped():
            return [_stopped(event)]
        case AlreadyFinished():
            return [f"finished; give a larger --minutes or --steps: {event}"]
    return [str(event)]


def best_so_far(event: Finished) -> str:
    """The best model of a run that was stopped."""
    return f"{'best':<{LABEL_WIDTH}}{event.kept}"


def wrapped(line: str, width: int) -> str:
    """Wrap a line to `width` columns, indented below its text; a path is not broken, so that it can be copied."""
    wrapper = textwrap.TextWrapper(width, subsequent_indent=" " * (LABEL_WIDTH if width >= _WIDE else 2))
    wrapper.break_long_words = wrapper.break_on_hyphens = False
    return wrapper.fill(line)


def _stopped(event: Stopped) -> str:
    if event.saved is None:
        return f"stopped at step {event.step:,}; no state was saved, so the run cannot be resumed"
    start = "" if event.saved == event.step else f" from step {event.saved:,}"
    return f"stopped at step {event.step:,}; to continue{start}, run the same command with --resume"


def _plan(event: Planned) -> list[str]:
    model = event.plan.model
    embedding = f", {model.embedding} embedding" if model.reads_text else ""
    dropout = f", dropout {model.dropout:g}" if model.dropout else ""
    rows = [
        *event.about.before,
        (
            "model",
            f"{model.shape}{embedding}{dropout}: {plural(event.parameters, 'parameter')}; {event.size_reason}",
        ),
        ("plan", event.schedule),
        *event.about.after,
        *(("note", note) for note in _notes(event)),
    ]
    return [f"{label:<{LABEL_WIDTH}}{text}" for label, text in rows]


def _notes(event: Planned) -> list[str]:
    """What the user may not expect."""
    plan, notes = event.plan, [*event.about.notes, *(advise(*each) for each in event.about.warnings)]
    if event.recurrence == "torch" and event.device == "cpu":
        notes.append(
            "the compiled loops are not in use, so training takes two to four times as long; they need a C compiler"
            " when charlm is installed"
        )
    if event.precision != plan.train.precision:
        precision = plan.train.precision
        notes.append(f"the plan asks for {precision}, which this machine lacks; expect a similar model, not the same")
    if event.micro_batches > 1:
        notes.append(
            f"a batch does not fit into the device's memory; it is read in {event.micro_batches} parts, which gives the"
            " same model more slowly"
        )
    if event.about.shrunk:
        notes.append(f"the corpus is too short for steps of {event.about.shrunk}, so the steps are smaller")
    return notes
