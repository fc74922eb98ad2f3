"""The events of a training run in words: one or more lines for a terminal or a log."""

import textwrap
from typing import TYPE_CHECKING

from charlm.cli.output import for_terminal
from charlm.cli.remedies import advise
from charlm.config import TextMode
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
from charlm.wording import figure, plural, vocabulary_size

if TYPE_CHECKING:
    from charlm.scoring.evaluation import Evaluation

LABEL_WIDTH = 11  # columns of the word before a line
_WIDE = 40  # columns from which a continued line is indented below its text
_SAMPLE_LENGTH = 56  # characters of a sample in a line


def lines(event: Event) -> list[str]:
    """Return the lines for an event.

    There are none for `Progress` and `ReadingProgress`: they come too often, and the view shows them in its own way.
    """
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
            return [revised(event)]
        case LossHigh():
            return [_loss_high(event)]
        case Resumed():
            return _resumed(event)
        case RolledBack():
            back = f"back to step {event.to:,} with a peak learning rate of {event.learning_rate:g}"
            return [f"step {event.at:,}: the loss or its gradient is not finite; {back}"]
        case NotSaved():
            kept = "training continues, and what was saved earlier is kept"
            return [f"step {event.step:,}: not saved: {event.why}; {kept}"]
        case Stopped():
            return [_stopped(event)]
    return []


def progress(event: Progress) -> str:
    """One line for an output in which nothing is redrawn."""
    loss = f"train {event.nats_per_token:.3f} nats  {event.bits_per_char:.3f} bits/char"
    return f"step {event.step:,}/{event.steps:,}  {clock(event.seconds_left)} left  {loss}  {rates(event)}"


def revised(event: Revised) -> str:
    """The change of the plan after a change of speed."""
    return f"speed changed at step {event.at:,}; now {plural(event.steps, 'step')}"


def best_so_far(event: Finished) -> str:
    """The best model of a run that was stopped."""
    return f"best       step {event.best_step:,}: {_result(event.evaluation)}"


def wrapped(line: str, width: int) -> str:
    """Wrap a line to `width` columns, indented below its text; a path is not broken, so that it can be copied."""
    wrapper = textwrap.TextWrapper(width, subsequent_indent=" " * (LABEL_WIDTH if width >= _WIDE else 2))
    wrapper.break_long_words = wrapper.break_on_hyphens = False
    return wrapper.fill(line)


def rates(event: Progress) -> str:
    """Gradient norm, learning rate and speed."""
    gradient, rate = f"gradient {event.gradient_norm:.2f}", f"learning rate {event.learning_rate:.1e}"
    return f"{gradient}  {rate}  {event.characters_per_second:,.0f} char/s"


def clock(seconds: float) -> str:
    """Format a duration: 2:05, or 1:02:05."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _sample(step: int, samples: tuple[str, ...]) -> list[str]:
    """The beginning of the first sample, in one line."""
    return [f"step {step:,}  sample  {' '.join(for_terminal(text).split())[:_SAMPLE_LENGTH]}" for text in samples[:1]]


def _validated(event: Validated) -> str:
    now, evaluation, star = event.progress, event.evaluation, "  best so far" if event.best else ""
    return (
        f"step {now.step:,}/{now.steps:,}"
        f"  valid {figure(evaluation.known_nats_per_token)} nats"
        f"  {figure(evaluation.bits_per_char_known, '.3f')} bits/char"
        f"  train {now.nats_per_token:.3f} nats  {now.bits_per_char:.3f} bits/char"
        f"  {now.characters_per_second:,.0f} char/s"
        f"  {clock(now.seconds_left)} left{star}"
    )


def _finished(event: Finished) -> str:
    best = f", best at step {event.best_step:,}" if event.best_step != event.steps else ""
    return f"done       {plural(event.steps, 'step')} in {clock(event.seconds)}{best}: {_result(event.evaluation)}"


def _result(evaluation: "Evaluation") -> str:
    unknown = f" (without {plural(evaluation.unknown, 'unknown character')})" if evaluation.unknown else ""
    nats = f"valid {figure(evaluation.known_nats_per_token)} nats per token"
    return f"{nats}, {figure(evaluation.bits_per_char_known, '.3f')} bits per character{unknown}"


def _loss_high(event: LossHigh) -> str:
    loss = f"the loss is {event.nats_per_token:.2f} nats, higher than that of a random guess ({event.uniform:.2f})"
    return f"step {event.step:,}: {loss}; try --learning-rate {event.learning_rate / 4:g}"


def _resumed(event: Resumed) -> list[str]:
    skipped = [f"{each}; the state before it is used" for each in event.damaged]
    start = f"at step {event.step:,}" if event.step else "from the beginning, because no complete state was saved"
    return [*skipped, f"resuming {start}"]


def _stopped(event: Stopped) -> str:
    if event.saved is None:
        return f"stopped at step {event.step:,}; no state was saved, so the run cannot be resumed"
    start = "" if event.saved == event.step else f" from step {event.saved:,}"
    return f"stopped at step {event.step:,}; to continue{start}, run the same command with --resume"


def _plan(event: Planned) -> list[str]:
    plan, model = event.plan, event.plan.model
    dropout = f", dropout {model.dropout:g}" if model.dropout else ""
    processes = f" by {event.processes} processes" if event.processes > 1 else ""
    duration = f", about {clock(event.seconds)}" if event.seconds is not None else ""
    vocabulary = f"vocabulary of {vocabulary_size(event.vocabulary)}"
    rows = [
        ("corpus", f"{plural(event.characters, 'character')}, {vocabulary}, {_texts(event)}"),
        *_tokens(event),
        ("sequence", f"{model.sequence}: {event.mode_reason}"),
        ("split", _split(event)),
        (
            "model",
            f"{model.shape}, {model.embedding} embedding{dropout}: {plural(event.parameters, 'parameter')};"
            f" {event.size_reason}",
        ),
        (
            "plan",
            f"{plural(plan.total, 'step')} of {event.batch_size} × {event.seq_len} tokens{processes} on {event.device}"
            f" in {event.precision}, {event.epochs:.1f} passes over the corpus,"
            f" {plural(plan.validations, 'validation')}{duration}",
        ),
        ("window", _window(event)),
        *(("vectors", text) for text in _vectors(event)),
        *(("note", note) for note in _notes(event)),
    ]
    return [f"{label:<{LABEL_WIDTH}}{text}" for label, text in rows]


def _texts(event: Planned) -> str:
    split, texts = event.split, len(event.corpus.documents)
    if split.mode == TextMode.LINE:
        return plural(len(split.train) + (len(split.valid) if split.held_out else 0), "line")
    return plural(texts, "text")


def _tokens(event: Planned) -> list[tuple[str, str]]:
    """The number and length of the training tokens, unless each is a character."""
    characters = event.split.characters(event.split.train)
    if event.tokens == characters:
        return []
    length = f"{characters / event.tokens:.2f} characters each on average"
    return [("tokens", f"{event.plan.model.tokenizer}: {plural(event.tokens, 'training token')}, {length}")]


def _split(event: Planned) -> str:
    split = event.split
    train = f"{plural(split.characters(split.train), 'character')} for training"
    if not split.held_out:
        return f"{train}, none held out: the corpus is too short, so validation uses the training text"
    held_out = f"{train}, {split.characters(split.valid):,} held out"
    if event.own_valid:
        return f"{held_out}: a separate text"
    if split.mode == TextMode.LINE:
        how = "chosen by line number, so the same for every seed"
        return f"{held_out} in {plural(len(split.valid), 'line')}: {how}"
    return f"{held_out}: the last part of each text, never trained on"


def _window(event: Planned) -> str:
    carried = "the state carries over to the next window"
    where = "in a longer line, " if event.split.mode == TextMode.LINE else ""
    return f"gradients reach back {plural(event.seq_len, 'token')}; {where}{carried}"


def _vectors(event: Planned) -> list[str]:
    if event.given_vectors is None:
        return []
    train, random = event.plan.train, event.vocabulary - event.given_vectors
    start = f"{plural(event.given_vectors, 'token')} with a vector from {train.embedding_file}, {random:,} at random"
    return [f"{start}; {'the embedding is not trained' if train.freeze_embedding else 'all are trained'}"]


def _notes(event: Planned) -> list[str]:
    """What the user may not expect."""
    plan, notes = event.plan, [*event.corpus.notes, *(advise(*each) for each in event.warnings)]
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
    if event.shrunk:
        size = f"{plan.train.batch_size} × {plan.train.seq_len}"
        notes.append(f"the corpus is too short for steps of {size} tokens, so the steps are smaller")
    if lines := event.split.crlf_lines:
        ends = "line ends" if lines == 1 else "lines end"
        notes.append(f"{lines:,} {ends} in CR LF; the CR is read as part of the line end")
    return notes
