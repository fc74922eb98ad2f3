"""Remake the pictures of the README: a run of three minutes, as it looks on a terminal at two thirds of its time.

    python docs/pictures.py

The text is Python's own documentation strings, so that it can be remade anywhere. Rich draws what it would have shown.
"""

import io
import re
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

import charlm
from charlm.cli.view import wording
from charlm.cli.view.picture import Picture
from charlm.data import harvest
from charlm.training.reports import Event, Planned, Progress

HERE = Path(__file__).parent
MINUTES = 3.0
SHARE = 0.66
WIDTH = 80


def main() -> None:
    console = Console(record=True, width=WIDTH, height=40, force_terminal=True, file=io.StringIO(), highlight=False)
    console.print("$ charlm train docs.txt", style="bold")
    picture, done = Picture(), False

    def report(event: Event) -> None:
        nonlocal done
        picture.tell(event)
        if isinstance(event, Planned):
            for line in wording.lines(event):
                console.print(wording.wrapped(line, WIDTH), markup=False, soft_wrap=True)
        elif isinstance(event, Progress) and event.step > SHARE * event.steps and not done:
            console.print(picture)
            done = True

    with TemporaryDirectory() as place, chdir(place):
        Path("docs.txt").write_text("".join(harvest.docs()), encoding="utf-8")
        charlm.train("docs.txt", config=charlm.TrainConfig(minutes=MINUTES), report=report)
    svg = console.export_svg(title="charlm")
    own = re.sub(r"@font-face {.*?}\n", "", svg, flags=re.DOTALL)  # a picture fetches nothing
    (HERE / "live.svg").write_text(own, encoding="utf-8")


if __name__ == "__main__":
    main()
