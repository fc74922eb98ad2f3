"""Ways to damage a file."""

import os
from pathlib import Path


def cut(path: Path) -> None:
    """Remove the last two bytes."""
    os.truncate(path, path.stat().st_size - 2)


def flip(path: Path) -> None:
    """Change one bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
