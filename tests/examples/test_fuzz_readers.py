"""Readers of examples get damaged and random files: the result is examples, or one error of charlm."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_example_formats import FORMATS, SERIES

from charlm.errors import CharlmError
from charlm.examples import TASKS, Columns
from charlm.examples.detection import detect
from charlm.examples.reading import read_examples, read_inputs

VALID = [(name, text.encode()) for name, text, *_ in (*FORMATS, *SERIES)]
NAMES = sorted({name for name, _ in VALID})
SIGNS = (
    '\t|,|;|"|\n|\r|\r\n|\n\n| |:|{|}|[|__label__| <=> |\0|1e999|nan|-|null|I-|B-|\u2028|\ufeff|99999999999999999999'
)
PIECES = st.sampled_from([*(sign.encode() for sign in SIGNS.split("|")), b"\xff", b"\xf0\x9f"])
COLUMNS = st.one_of(
    st.none(), st.integers(1, 4), st.sampled_from(["text", "label", "y", "tag", "source", "no such column", "2"])
)
LIMITS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """Return a file of a format with a part of it cut, repeated, or replaced."""
    name, data = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 4))):
        first, last = sorted(draw(st.tuples(st.integers(0, len(data)), st.integers(0, len(data)))))
        way = draw(st.integers(0, 3))
        if way == 0:
            data = data[:first]
        elif way == 1:
            data = data[:first] + draw(st.one_of(PIECES, st.binary(max_size=6))) + data[first:]
        elif way == 2:
            data = data[:first] + data[last:]
        else:
            data = data[:last] + data[first:last] + data[last:]
    return draw(st.sampled_from([name, name, draw(st.sampled_from(NAMES))])), data


def read_every_way(folder: Path, name: str, data: bytes, task: str, columns: Columns) -> None:
    """Read a file as examples of a task and as inputs; an error must be one of charlm, in one sentence."""
    path = folder / name
    path.write_bytes(data)
    for choice in (task, "auto"):
        for any_bytes in (False, True):
            try:
                chosen = columns if choice != "auto" else Columns()
                found = read_examples(path, choice, chosen, any_bytes=any_bytes)
                assert len(found) and found.task != "language"
                inputs = read_inputs(path, found, any_bytes=any_bytes)
                assert inputs.items
            except CharlmError as error:
                assert "\n" not in str(error) and len(str(error)) < 1000
    with contextlib.suppress(CharlmError):
        assert detect(path, task, columns).task in TASKS


@LIMITS
@given(damaged(), st.sampled_from([each for each in TASKS if each != "language"]), COLUMNS, COLUMNS)
def test_a_damaged_file_is_read_or_refused(
    tmp_path: Path, file: tuple[str, bytes], task: str, one: str | int | None, other: str | int | None
) -> None:
    roles = {"classify": ("text", "label"), "tag": ("token", "tag"), "pair": ("source", "target")}
    first, second = roles.get(task, ("time", "value"))
    read_every_way(tmp_path, *file, task, Columns(**{first: one, second: other}))


@LIMITS
@given(st.binary(max_size=300), st.sampled_from(NAMES), st.sampled_from([each for each in TASKS if each != "language"]))
def test_random_bytes_are_read_or_refused(tmp_path: Path, data: bytes, name: str, task: str) -> None:
    read_every_way(tmp_path, name, data, task, Columns())


@LIMITS
@given(damaged(), damaged())
def test_parallel_files_are_read_or_refused(tmp_path: Path, one: tuple[str, bytes], other: tuple[str, bytes]) -> None:
    (tmp_path / "one").write_bytes(one[1])
    (tmp_path / "other").write_bytes(other[1])
    with contextlib.suppress(CharlmError):
        assert len(read_examples([tmp_path / "one", tmp_path / "other"], "pair"))


@LIMITS
@given(damaged(), damaged())
def test_any_file_is_read_as_inputs_of_another_format(
    tmp_path: Path, trained: tuple[str, bytes], asked: tuple[str, bytes]
) -> None:
    """There is an input for each line, unless the file has rows or blocks; and nothing but an error of charlm."""
    (tmp_path / trained[0]).write_bytes(trained[1])
    with contextlib.suppress(CharlmError):
        examples = read_examples(tmp_path / trained[0])
        (tmp_path / "asked").write_bytes(asked[1])
        read_inputs(tmp_path / "asked", examples)


@pytest.mark.parametrize(("name", "data"), VALID, ids=[f"{n}-{name}" for n, (name, _) in enumerate(VALID)])
def test_a_file_cut_at_any_length_is_read_or_refused(tmp_path: Path, name: str, data: bytes) -> None:
    for length in range(0, len(data), max(1, len(data) // 40)):
        with contextlib.suppress(CharlmError):
            (tmp_path / name).write_bytes(data[:length])
            read_examples(tmp_path / name)
