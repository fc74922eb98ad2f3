"""Where a text comes from, for messages about it."""

from typing import NamedTuple

from charlm.wording import shell_word


class Origin(NamedTuple):
    """The name of a text in messages, and how a command can read it."""

    name: str
    is_file: bool = False  # not a pipe or a string
    is_gzip: bool = False

    def through(self, command: str) -> str:
        """Return the command line that passes a file through a filter to a new file; the filter alone if not a file."""
        if not self.is_file:
            return command
        source = f"< {shell_word(self.name)}"
        return f"gzip -dc {source} | {command} > new.txt" if self.is_gzip else f"{command} {source} > new.txt"
