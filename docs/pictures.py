"""Draw live.svg, a run of three minutes on a terminal, and heat.svg, the surprisal of a sentence under its model.

    python docs/pictures.py              # both
    python docs/pictures.py MODEL        # heat.svg only, with a model that exists

The corpus is the documentation strings of Python's standard library, so anyone can repeat this. Rich records what a
terminal would show.
"""

import io
import os
import re
import sys
from contextlib import chdir, redirect_stdout, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.text import Text

import charlm
from charlm import cli
from charlm.cli.view import messages
from charlm.cli.view.training_view import TrainingView
from charlm.data import stdlib_corpus
from charlm.training.events import Event, Planned, Progress

HERE = Path(__file__).parent
MINUTES = 3.0
SHARE = 0.66
WIDTH = 80
SENTENCE = "Return the names of all files, sorted; raise ValueError if the zebra is missing."


def main() -> None:
    if sys.argv[1:]:
        heat(Path(sys.argv[1]).absolute())
        return
    with TemporaryDirectory() as folder, chdir(folder):
        live()
        heat(Path("model").absolute())


def live() -> None:
    """Draw the run at two thirds of its time."""
    console = _console("$ charlm train docs.txt")
    view, done = TrainingView(), False

    def report(event: Event) -> None:
        nonlocal done
        view.update(event)
        if isinstance(event, Planned):
            for line in messages.lines(event):
                console.print(messages.wrapped(line, WIDTH), markup=False, soft_wrap=True)
        elif isinstance(event, Progress) and event.step > SHARE * event.steps and not done:
            console.print(view)
            done = True

    Path("docs.txt").write_text("".join(stdlib_corpus.docs()), encoding="utf-8")
    charlm.train("docs.txt", config=charlm.TrainConfig(minutes=MINUTES), report=report, folder="model")
    _write(console, "live.svg")


def heat(model: Path) -> None:
    """Draw what `charlm score --heat` shows on a terminal with colors."""
    os.environ |= {"FORCE_COLOR": "1", "COLORTERM": "truecolor", "COLUMNS": str(WIDTH)}
    shown = io.StringIO()
    with redirect_stdout(shown), suppress(SystemExit):
        cli.main(["score", "--heat", "--quiet", "-m", str(model), SENTENCE])
    console = _console(f'$ charlm score --heat "{SENTENCE[:40]}…"')
    console.print(Text.from_ansi(shown.getvalue().rstrip()))
    _write(console, "heat.svg")


def _console(command: str) -> Console:
    console = Console(record=True, width=WIDTH, height=40, force_terminal=True, file=io.StringIO(), highlight=False)
    console.print(command, style="bold", markup=False)
    return console


def _write(console: Console, name: str) -> None:
    svg = console.export_svg(title="charlm")
    own = re.sub(r"@font-face {.*?}\n", "", svg, flags=re.DOTALL)  # the picture fetches nothing
    (HERE / name).write_text(own, encoding="utf-8")


if __name__ == "__main__":
    main()
