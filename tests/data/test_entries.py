"""Runs that write the same entry of the cache at the same time."""

import os
from pathlib import Path

import numpy as np
import pytest
from damage import flip

from charlm.data.entries import NewEntry, new_entry, verified

ABOUT, FILE = "about.json", "values"


def fill(entry: NewEntry, value: int) -> None:
    entry.description["value"] = value
    entry.append(FILE, np.full(4, value, dtype=np.uint8))


def write(folder: Path, value: int = 1) -> None:
    with new_entry(folder, ABOUT, [FILE]) as entry:
        fill(entry, value)


def check(folder: Path, value: int = 1) -> None:
    described = verified(folder, ABOUT, [FILE])
    assert described is not None and described["value"] == value
    assert (folder / FILE).read_bytes() == bytes([value] * 4)
    assert [each.name for each in folder.parent.iterdir()] == [folder.name], "no temporary folder is left"


def test_an_equal_entry_of_another_run_stays(tmp_path: Path) -> None:
    folder = tmp_path / "entry"
    with new_entry(folder, ABOUT, [FILE]) as entry:
        write(folder)
        before = (folder / FILE).stat().st_ino
        fill(entry, 1)
    check(folder)
    assert (folder / FILE).stat().st_ino == before


def test_another_or_a_damaged_entry_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "entry"
    write(folder, 1)
    write(folder, 2)
    check(folder, 2)
    flip(folder / FILE)
    write(folder, 2)
    check(folder, 2)


def test_another_run_may_finish_just_before_the_renaming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, rename = tmp_path / "entry", os.rename

    def after_the_other(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "rename", rename)
        write(folder)
        rename(source, target)

    monkeypatch.setattr(os, "rename", after_the_other)
    write(folder)
    check(folder)
