"""The progress of a run in a notebook: one bar that is redrawn, with the last validation and the last sample."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from charlm.markup import safe
from charlm.training.events import Event, Finished, Previewed, Progress, Stopped, Validated
from charlm.training.progress_lines import Milestones
from charlm.wording import clock

_BOX = "font-family: ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .9em"
_LONGEST = 200  # characters of the sample


def in_notebook() -> bool:
    """Whether this process computes the cells of a notebook."""
    interactive = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(interactive, "kernel")


class NotebookProgress:
    """A receiver of a run's events that shows them in the output of a cell. It is used if `in_notebook`."""

    def __init__(self) -> None:
        display: Any = import_module("IPython.display")
        self._html: Callable[[str], Any] = display.HTML
        self._handle = display.display(self._html(""), display_id=True)
        self._is_due = Milestones()
        self._share, self._line, self._valid, self._sample = 0.0, "", "", ""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Previewed) and not event.previews:
            return
        self._take(event)
        if self._is_due(event):
            self._handle.update(self._html(self._shown()))

    def _take(self, event: Event) -> None:
        match event:
            case Progress():
                self._share, self._line = event.step / event.steps, str(event)
            case Validated():
                self._valid = str(event)
            case Previewed():
                self._sample = "".join(event.previews[:1])[:_LONGEST]
            case Finished():
                self._share, self._line = 1.0, f"{event}, after {clock(event.seconds)}"
            case Stopped():
                self._line = str(event)
            case _:
                self._line = str(event)

    def _shown(self) -> str:
        bar = f'<progress value="{self._share:.4f}" max="1" style="width: 100%"></progress>'
        lines = "\n".join(safe(each) for each in (self._line, self._valid) if each)
        sample = f'<div style="{_BOX}; opacity: .75">{safe(self._sample)}</div>' if self._sample else ""
        return f'{bar}<div style="{_BOX}">{lines}</div>{sample}'
