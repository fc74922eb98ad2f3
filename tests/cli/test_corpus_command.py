"""`charlm corpus stdlib`: a real text that every machine has."""

import itertools
import os
import subprocess
from collections.abc import Callable

import pytest
from conftest import Outcome

from charlm.data import stdlib_corpus as harvest

Run = Callable[..., Outcome]


def test_stdout_is_the_text_and_nothing_else(run: Run) -> None:
    done = run("corpus", "stdlib")
    assert done.code == 0
    assert done.out == "".join(harvest.source())
    assert f"{len(done.out):,} characters" in done.err


def test_quiet_says_nothing(run: Run) -> None:
    assert run("corpus", "stdlib", "--quiet").err == ""


@pytest.mark.parametrize("option", [[], ["--docs"]], ids=["source", "docs"])
def test_a_reader_may_have_enough(start: Callable[..., subprocess.Popen[str]], option: list[str]) -> None:
    """A real pipe is closed after the first pieces."""
    first = "".join(itertools.islice(harvest.docs() if option else harvest.source(), 10))
    process = start("corpus", "stdlib", *option)
    assert process.stdout and process.stderr
    assert process.stdout.read(len(first)) == first
    process.stdout.close()
    assert process.wait() == 0
    assert "Traceback" not in process.stderr.read()


def test_without_a_corpus_the_choices_are_shown(run: Run) -> None:
    shown = run("corpus")
    assert shown.code == 2
    assert "stdlib" in shown.out + shown.err
    assert not os.listdir()
