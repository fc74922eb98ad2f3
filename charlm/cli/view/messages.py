"""The events of a training run in words: one or more lines for a terminal or a log."""

import textwrap

from charlm.cli.remedies import advise
from charlm.config import TextMode
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
from charlm.wording import plural, vocabulary_size

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
            return [str(event)] if event.samples else []
        case Validated():
            return [str(event), *lines(Previewed(event.progress.step, event.samples))]
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
    dropout = f", dropout {model.dropout:g}" if model.dropout else ""
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
        ("plan", event.schedule),
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
