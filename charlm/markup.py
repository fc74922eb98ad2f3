"""Text that is safe in HTML and XML, and pieces of HTML that a notebook shows in the place of a result's text.

A piece has its style in itself, so that it neither needs a style sheet nor changes the page around it.
"""

from collections.abc import Sequence
from html import escape

BOX = "font-family: ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.9"
DIM = "font-size: .85em; opacity: .75"


def safe(text: str) -> str:
    """Escape text for HTML and XML; characters that cannot be printed, or that turn the direction, become codes."""
    return escape("".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text))


def continuation(prompt: str, text: str, caption: str) -> str:
    """Return a text after its prompt, which is dimmed."""
    return (
        f'<div style="{BOX}"><span style="opacity: .6">{safe(prompt)}</span>{safe(text)}</div>'
        f'<div style="{DIM}">{safe(caption)}</div>'
    )


def table(rows: Sequence[tuple[str, str]]) -> str:
    """Return names and values in a table."""
    cells = "".join(
        f'<tr><th style="text-align: left">{safe(name)}</th><td style="text-align: right">{safe(value)}</td></tr>'
        for name, value in rows
    )
    return f"<table>{cells}</table>"
