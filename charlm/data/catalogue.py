"""Well-known texts that others publish: their addresses and checksums."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from charlm.errors import UnknownNameError


@dataclass(frozen=True)
class Text:
    """Text file on the network; `size` in bytes."""

    name: str
    url: str
    size: int
    sha256: str

    def is_at(self, path: Path) -> bool:
        """Return whether a file is byte-identical to this text. Raises OSError."""
        return path.stat().st_size == self.size and hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256


TEXTS = {
    text.name: text
    for text in (
        Text(  # Shakespeare, in the public domain
            "tinyshakespeare",
            "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
            1_115_394,
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        ),
        Text(  # 32,033 first names, one per line; MIT
            "names",
            "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",
            228_145,
            "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
        ),
    )
}


def find(name: str) -> Text:
    """Return the text of this name. Raises UnknownNameError, which lists the names."""
    if name not in TEXTS:
        raise UnknownNameError(f"no text is named {name[:40]!r}; choose one of: {', '.join(TEXTS)}")
    return TEXTS[name]
