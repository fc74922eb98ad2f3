"""The dialect of charlm's tables: other programs read it with their defaults, and charlm reads what they write."""

import csv
import io
import re

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charlm.files import tsv

FIELDS = [
    "plain",
    '"',
    '"yes,"',
    'a 5" disk',
    "#1",
    "don't",
    "'",
    " ",
    "NA",
    "null",
    "",
    "a\tb",
    "\n",
    "\r",
    "C\\C",
    "€",
]


def unescaped(field: str) -> str:
    """The text that a field stands for, by the rule in docs/guide/score.md."""
    return re.sub(r"\\(.)", lambda match: {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}[match[1]], field)


@pytest.mark.parametrize(
    ("field", "written"),
    [
        *[("yes", "yes"), ('a 5" disk', 'a 5" disk'), ("don't", "don't"), ("NA", "NA"), ("", ""), (" a ", " a ")],
        *[('"', '""""'), ('"yes,"', '"""yes,"""'), ('"a', '"""a"')],
        *[("a\tb", "a\\tb"), ("\n", "\\n"), ("\r", "\\r"), ("C\\C", "C\\\\C"), ('"\t\\', '"""\\t\\\\"')],
    ],
)
def test_only_a_field_that_begins_with_a_quotation_mark_is_quoted(field: str, written: str) -> None:
    assert tsv.row(["1", field, "2"]) == f"1\t{written}\t2\n"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.text("\"a,\t\n\r\\'# \0€\u2028"), min_size=2, max_size=3), min_size=1))
def test_csv_with_its_defaults_reads_every_field(rows: list[list[str]]) -> None:
    written = "".join(map(tsv.row, rows))
    assert written.count("\n") == len(rows)
    read = csv.reader(io.StringIO(written, newline=""), delimiter="\t")
    assert [[unescaped(field) for field in row] for row in read] == rows


def test_pandas_reads_every_row_with_its_defaults_and_na_as_a_text_if_it_is_told_to() -> None:
    """By default pandas takes NA, null and an empty field for missing, quoted or not."""
    written = tsv.row(["token", "rank"]) + "".join(tsv.row([field, str(n)]) for n, field in enumerate(FIELDS))
    table = pandas.read_csv(io.StringIO(written), sep="\t")
    assert table["rank"].tolist() == list(range(len(FIELDS)))
    assert [field for field, gone in zip(FIELDS, table["token"].isna(), strict=True) if gone] == ["NA", "null", ""]
    table = pandas.read_csv(io.StringIO(written), sep="\t", keep_default_na=False)
    assert [unescaped(field) for field in table["token"]] == FIELDS


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("a\tb", ["a", "b"]),
        ('"a"\t"""a"""', ["a", '"a"']),
        ('""\t""""', ["", '"']),
        ('"Yes," he said.\t"Yes" he said.', ['"Yes," he said.', '"Yes" he said.']),  # not quoted, but begins so
        ('"Go," he said, "now"\ta "b" c', ['"Go," he said, "now"', 'a "b" c']),
        ("\\alpha\t\\\\t", ["\\alpha", "\\\\t"]),
    ],
)
def test_a_reader_unquotes_a_field_that_is_quoted_and_no_other(line: str, fields: list[str]) -> None:
    assert tsv.split(line) == fields


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.text("\"a,\\'# €"), min_size=1))
def test_what_csv_writes_with_its_defaults_is_read(fields: list[str]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter="\t", lineterminator="").writerow(fields)
    assert tsv.split(written.getvalue()) == fields
