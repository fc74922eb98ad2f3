"""Tables at the width of a terminal: no row is broken inside a column."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import TINY, Outcome

from charlm.cli import output

Run = Callable[..., Outcome]
ROWS = [
    "                            value          95 % interval         majority",
    "accuracy                   0.5000       0.4872 to 0.5127           0.5000",
    "",
    "A sentence that is longer than the narrow terminal is wrapped between its words.",
]


class Screen:
    """A stream that says that it is a terminal."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None: ...


def test_a_row_that_is_too_wide_continues_below_at_the_same_column(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {}
    for width in (60, 80):
        screen = Screen()
        monkeypatch.setattr("sys.stdout", screen)
        monkeypatch.setenv("COLUMNS", str(width))
        output.write_rows(ROWS)
        shown[width] = screen.text
    assert shown[60] == (
        "                            value          95 % interval\n"
        "                                                majority\n"
        "accuracy                   0.5000       0.4872 to 0.5127\n"
        "                                                  0.5000\n"
        "\n"
        "A sentence that is longer than the narrow terminal is\n"
        "  wrapped between its words.\n"
    )
    assert shown[80] == "".join(f"{row}\n" for row in ROWS)


def test_a_pipe_gets_whole_rows(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    output.write_rows(ROWS)
    assert capsys.readouterr().out == "".join(f"{row}\n" for row in ROWS)


def test_the_values_of_info_are_in_one_column(run: Run) -> None:
    """Also below a label that is long, such as the figure of a naive answer."""
    rows = "".join(f"2026-01-{day:02},{day % 7}\n" for day in range(1, 29))
    Path("sales.csv").write_text(f"day,value\n{rows}")
    done = run("train", "sales.csv", "-m", "sales", "--horizon", 2, "--season", 7, "--hidden-size", 4, "--steps", 2)
    assert done.code == 0, done.err
    lines = run("info", "sales").out.splitlines()
    assert any(line.startswith("seasonal naive MASE ") for line in lines)
    start = len("seasonal naive MASE ")
    assert all(line[start - 1] == " " and line[start] != " " for line in lines)
    assert "seasonal_naive_mase" in json.loads(run("info", "sales", "--json").out)["validation"]
    Path("names").write_text("emma\nmaria\n" * 60)
    assert run("train", "names", "-m", "names", *TINY, "--steps=2").code == 0
    assert all(line[12] == " " and line[13] != " " for line in run("info", "names").out.splitlines())
