"""What training tells, in lines for a person."""

import textwrap
from typing import TYPE_CHECKING

from charlm.cli.output import for_terminal
from charlm.training.events import (
    Event,
    Finished,
    LossHigh,
    NotSaved,
    Planned,
    Previewed,
    Progress,
    Resumed,
    Revised,
    RolledBack,
    Stopped,
    Validated,
)

if TYPE_CHECKING:
    from charlm.scoring.evaluation import Evaluation

_WIDE = 40  # columns, where there is room for a margin
LABEL = 11  # columns of the word before a line
_SAMPLE = 56  # characters of a sample


def lines(event: Event) -> list[str]:
    """Nothing for a Progress or a ReadingProgress, which are told by a picture or a line now and then."""
    match event:
        case Planned():
            return _plan(event)
        case Previewed():
            return _sample(event.step, event.samples)
        case Validated():
            return [_validated(event), *_sample(event.progress.step, event.samples)]
        case Finished():
            return [_finished(event)]
        case Revised():
            return [f"step {event.at:,}: the speed has changed; {event.steps:,} steps fit into the time"]
        case LossHigh():
            above = f"the loss is {event.nats_per_token:.2f} nats, and a guess would have {event.uniform:.2f}"
            return [f"step {event.step:,}: {above}; try --learning-rate {event.learning_rate / 4:g}"]
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


def progress(event: Progress) -> str:
    """One line for where nothing is redrawn."""
    return f"step {event.step:,}/{event.steps:,}  {clock(event.seconds_left)} left  {_learned(event)}"


def wrapped(line: str, width: int) -> str:
    """A line in lines that fit, continued below its words; a path stays in one piece, to be copied."""
    fit = textwrap.TextWrapper(width, subsequent_indent=" " * (LABEL if width >= _WIDE else 2))
    fit.break_long_words = fit.break_on_hyphens = False
    return fit.fill(line)


def rate(event: Progress) -> str:
    """How it goes, but for the loss."""
    return (
        f"gradient {event.gradient_norm:.2f}  rate {event.learning_rate:.1e}  {event.characters_per_second:,.0f} char/s"
    )


def bits(found: "Evaluation") -> float:
    """Bits per character, as far as the characters are known."""
    return found.bits_per_char_known or 0.0


def clock(seconds: float) -> str:
    """2:05, or 1:02:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _learned(event: Progress) -> str:
    return f"train {event.nats_per_token:.3f} nats  {event.bits_per_char:.3f} bits/char  {rate(event)}"


def _sample(step: int, samples: tuple[str, ...]) -> list[str]:
    """The beginning of the first, in one line."""
    return [f"step {step:,}  sample  {' '.join(for_terminal(text).split())[:_SAMPLE]}" for text in samples[:1]]


def _validated(event: Validated) -> str:
    now, found, star = event.progress, event.evaluation, "  best so far" if event.best else ""
    return (
        f"step {now.step:,}/{now.steps:,}"
        f"  valid {found.known_nats_per_token:.4f} nats  {bits(found):.3f} bits/char"
        f"  train {now.nats_per_token:.3f}"
        f"  {now.characters_per_second:,.0f} char/s"
        f"  {clock(now.seconds_left)} left{star}"
    )


def _finished(event: Finished) -> str:
    found = event.evaluation
    best = f", the best at step {event.best_step:,}" if event.best_step != event.steps else ""
    unknown = f" ({found.unknown:,} unknown characters left out)" if found.unknown else ""
    return (
        f"done       {event.steps:,} steps in {clock(event.seconds)}{best}:"
        f" {found.known_nats_per_token:.4f} nats, {bits(found):.3f} bits per character{unknown}"
    )


def _plan(event: Planned) -> list[str]:
    plan, model, split = event.plan, event.plan.model, event.split
    dropout = f", dropout {model.dropout:g}" if model.dropout else ""
    together = f" by {event.processes} processes" if event.processes > 1 else ""
    time_needed = f", about {clock(event.seconds)}" if event.seconds is not None else ""
    told = [
        ("corpus", f"{event.corpus.characters:,} characters, {event.vocabulary:,} symbols, {_sequences(event)}"),
        *_tokens(event),
        ("sequence", f"{model.sequence}: {event.why}"),
        ("split", f"{split.characters(split.train):,} characters to learn, {_held_out(event)}"),
        (
            "model",
            f"{model.shape}, {model.embedding} input{dropout}: {event.parameters:,} parameters; {event.why_size}",
        ),
        (
            "plan",
            f"{plan.total:,} steps of {event.batch_size} × {event.seq_len} symbols{together} on {event.device} in"
            f" {event.precision}, {event.epochs:.1f} passes,"
            f" {plan.validations} validation{'s' * (plan.validations > 1)}{time_needed}",
        ),
        ("window", _window(event)),
        *(("vectors", text) for text in _vectors(event)),
        *(("note", note) for note in _notes(event)),
    ]
    return [f"{label:<{LABEL}}{text}" for label, text in told]


def _tokens(event: Planned) -> list[tuple[str, str]]:
    """Said where they are not the characters."""
    if event.tokens == event.split.characters(event.split.train):
        return []
    each = event.split.characters(event.split.train) / event.tokens
    return [("tokens", f"{event.plan.model.tokenizer}: {event.tokens:,} to learn, of {each:.2f} characters each")]


def _sequences(event: Planned) -> str:
    split, texts = event.split, len(event.corpus.documents)
    if split.sequence == "line":
        return f"{len(split.train) + (len(split.valid) if split.held_out else 0):,} lines"
    return "one text" if texts == 1 else f"{texts:,} texts"


def _held_out(event: Planned) -> str:
    split = event.split
    if not split.held_out:
        return "none held out, the corpus is too small: validated on the training text itself"
    held_out = f"{split.characters(split.valid):,} characters held out"
    if event.own_valid:
        return f"{held_out}: a text of its own"
    if split.sequence == "line":
        return f"{held_out} in {len(split.valid):,} lines: chosen by their number, never by the seed"
    return f"{held_out}: the end of each text, so that nothing of it was seen"


def _vectors(event: Planned) -> list[str]:
    if event.given is None:
        return []
    train = event.plan.train
    after = "which stay as they are" if train.freeze_embedding else "which are trained on"
    at_random = event.vocabulary - event.given
    return [f"{event.given:,} symbols begin with those of {train.embedding_file}, {after}; {at_random:,} at random"]


def _window(event: Planned) -> str:
    carried = "a longer line goes on" if event.split.sequence == "line" else "the text goes on"
    return f"{event.seq_len} symbols: so far back the gradient reaches; {carried} in the next, with the state it had"


def _notes(event: Planned) -> list[str]:
    """What a user might not expect."""
    plan, notes = event.plan, [*event.corpus.notes, *event.warnings]
    if event.recurrence == "torch" and event.device == "cpu":
        notes.append("charlm was installed without a C compiler: it trains two to four times more slowly than it could")
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
