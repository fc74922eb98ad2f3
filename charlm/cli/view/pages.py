"""Samples on stdout: drawn side by side, read one after the other."""

from charlm.cli.output import write


class Pages:
    """The first of them live, the rest when it ends."""

    def __init__(self, prompt: str, blank: str) -> None:
        self._prompt, self._blank = prompt, blank
        self._current = 0
        self._begun = False
        self._waiting: dict[int, str] = {}
        self._ended: dict[int, str] = {}

    def add(self, place: int, text: str) -> None:
        self._waiting[place] = self._waiting.get(place, "") + text
        self._show()

    def end(self, place: int, note: str = "") -> None:
        """note: lines to stand below the sample."""
        self._ended[place] = note
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
