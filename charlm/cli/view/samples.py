"""Samples on stdout: generated in parallel, printed one after the other."""

from charlm.cli.output import write


class SamplePrinter:
    """Print the first unfinished sample as it grows, and keep the others until their turn."""

    def __init__(self, prompt: str, blank: str) -> None:
        self._prompt, self._blank = prompt, blank
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
                text = (self._blank if self._current else "") + self._prompt + text
            self._begun = not ended
            write(text + "\n" + self._ended[self._current] if ended else text)
            if not ended:
                return
            self._current += 1
