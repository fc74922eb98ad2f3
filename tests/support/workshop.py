"""A folder with models and runs in every state, for the tests of the commands that look after them."""

from contextlib import chdir, suppress
from pathlib import Path
from unittest.mock import patch

import charlm
from charlm.training import trainer
from charlm.training.events import Event, Progress, Validated

TEXT = "In the beginning was the word.\n\nAnd the word was with the text.\n" * 20
SHAPE = charlm.ModelConfig(sequence="stream", hidden_size=4, layers=1, embedding_size=4, dropout=0.0, ngram="none")


def build(folder: Path) -> None:
    """Make `text.txt`, and in `checkpoints/`: two models, a run with a model, and a run that has none yet."""
    with chdir(folder):
        Path("text.txt").write_text(TEXT)
        train("poems")
        train("prose", seed=1)
        train("draft", KeyboardInterrupt)
        train("sketch", Killed)
        Path("checkpoints", "latest").write_text("prose\n")


class Killed(Exception):
    """The end of a process that has no time to keep a model."""


def train(
    name: str, ends: type[BaseException] | None = None, *, seed: int = 0, shape: charlm.ModelConfig = SHAPE
) -> None:
    """Train for four steps: to the end, up to the first of two validations, or up to two steps without one."""

    def report(event: Event) -> None:
        stopped = isinstance(event, Validated) and ends is KeyboardInterrupt
        killed = isinstance(event, Progress) and event.step == 3 and ends is Killed
        if ends and (stopped or killed):
            raise ends

    config = charlm.TrainConfig(learning_rate=4e-3, batch_size=4, seq_len=8, threads=1, seed=seed, save_every=1e-9)
    plan = charlm.Plan(shape, config, steps=4, validations=1 if ends is Killed else 2)
    with patch.object(trainer, "_REPORT_EVERY", 0), suppress(ends or Killed):
        charlm.train(Path("text.txt"), plan=plan, folder=Path("checkpoints", name), report=report)
