"""What a network can be trained to do. `language`, the task of a language model, is the only task."""

from typing import NamedTuple


class DataWarning(NamedTuple):
    """What a corpus cannot teach, or may not have been meant for; `remedy` is a key as in `CharlmError`."""

    message: str
    remedy: str = ""
