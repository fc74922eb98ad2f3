"""Samples on stdout: generated in parallel, printed one after the other."""

import sys
from typing import Any

from charlm.cli.output import write, write_json

_RULE = "-" * 20


def separator(line: bool) -> str:
    """Return what separates two samples of running text: a rule on a terminal, elsewhere a blank line; "" for lines."""
    return "" if line else f"{_RULE}\n" if sys.stdout.isatty() else "\n"


class JsonPrinter:
    """Print each sample when it has ended; in order, those that end early wait for the ones before them."""

    def __init__(self, in_order: bool) -> None:
        self._in_order = in_order
        self._next = 0
        self._waiting: dict[int, dict[str, Any]] = {}

    def end(self, index: int, values: dict[str, Any]) -> None:
        """End a sample, whose indices have no gaps."""
        if not self._in_order:
            write_json(values)
            return
        self._waiting[index] = values
        while self._next in self._waiting:
            write_json(self._waiting.pop(self._next))
            self._next += 1


class SamplePrinter:
    """Print the first unfinished sample as it grows, and keep the others until their turn."""

    def __init__(self, prompt: str, separator: str) -> None:
        self._prompt, self._separator = prompt, separator
        self._current = 0
        self._begun = False
        self._waiting: dict[int, str] = {}
        self._ended: dict[int, str] = {}

    def add(self, index: int, text: str) -> None:
        """Append text to a sample."""
        self._waiting[index] = self._waiting.get(index, "") + text
        self._show()

    def end(self, index: int, note: str = "") -> None:
        """End a sample; `note` is printed below it."""
        self._ended[index] = note
        self._show()

    def _show(self) -> None:
        while True:
            text = self._waiting.pop(self._current, "")
            ended = self._current in self._ended
            if not text and not ended:
                return
            if not self._begun:
                text = (self._separator if self._current else "") + self._prompt + text
            self._begun = not ended
            write(text + "\n" + self._ended[self._current] if ended else text)
            if not ended:
                return
            self._current += 1
