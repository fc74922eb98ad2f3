import ast
import hashlib
import inspect
import json
import os
import re
import string
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import pytest

from charlm.data import stdlib_corpus as harvest
from charlm.errors import CorpusError

ROOT = Path(__file__).parents[2]
SMALL = set(string.digits + string.ascii_letters + string.punctuation + " \n")

CHILD = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from charlm.data import stdlib_corpus as harvest
for pieces in (harvest.source, harvest.docs):
    print(hashlib.sha256("".join(pieces()).encode()).hexdigest())
assert not {"antigravity", "this", "pydoc_data.topics"} & set(sys.modules), "a harvested module was imported"
"""


@pytest.fixture(scope="module")
def source() -> list[str]:
    return list(harvest.source())


@pytest.fixture(scope="module")
def docs() -> list[str]:
    return list(harvest.docs())


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A standard library that contains only the packages whose absence would be an error."""
    for package in harvest.LANDMARKS:
        write(tmp_path / package / "__init__.py", b"")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    return tmp_path


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def text(pieces: list[str]) -> str:
    return "".join(pieces)


# the library of the Python that runs the tests


def test_there_is_enough_to_train_on(source: list[str], docs: list[str]) -> None:
    assert len(text(source)) > 3_500_000
    assert len(text(docs)) > 1_000_000


def test_the_alphabet_is_small(source: list[str], docs: list[str]) -> None:
    assert set(text(source)) == SMALL
    others = set(text(docs)) - SMALL
    assert len(others) < 15
    assert text(sorted(others)).isprintable()


def test_every_piece_of_source_is_a_module(source: list[str]) -> None:
    for piece in source:
        assert piece == "" or piece.endswith("\n")
        ast.parse(piece)


def test_modules_come_once_each_and_in_order() -> None:
    names = [name for name, _ in harvest._modules(harvest._library())]
    assert names == sorted(set(names))
    assert {"json/decoder", "textwrap", "unittest/case"} <= set(names)
    assert not {"site", "sysconfig", "argparse", "email/message", "tkinter/__init__"} & set(names)


def test_nothing_is_taken_from_tests(source: list[str]) -> None:
    tests = re.findall(r"^ +def (test_\w+)\(self", text(source), re.MULTILINE)
    assert set(tests) <= {"test_skip"}  # a method in doctest.py


def test_bytes_depend_on_neither_folder_nor_hashes_nor_locale(
    source: list[str], docs: list[str], tmp_path: Path
) -> None:
    child = subprocess.run(
        [sys.executable, "-B", "-c", CHILD, str(ROOT)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONHASHSEED": "7", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout.split() == [hashlib.sha256(text(p).encode()).hexdigest() for p in (source, docs)]


@pytest.mark.parametrize("function", [json.loads, textwrap.dedent, ast.literal_eval])
def test_docs_hold_a_documentation_string_once_and_none_of_the_code(function: object, docs: list[str]) -> None:
    assert [piece.strip() for piece in docs].count(inspect.getdoc(function) or "") == 1
    body = inspect.getsource(function).split('"""')[-1]  # type: ignore[arg-type]
    code = [line for line in body.splitlines() if len(line.strip()) > 20]
    assert code
    assert not [line for line in code if line in text(docs)]


def test_docs_are_sentences_a_blank_line_apart(docs: list[str]) -> None:
    assert not docs[0].startswith("\n")
    assert all(piece.startswith("\n") for piece in docs[1:])
    assert all(piece.endswith("\n") for piece in docs)
    stripped = [piece[piece.startswith("\n") : -1] for piece in docs]
    assert min(map(len, stripped)) >= harvest.SENTENCE
    assert len(set(stripped)) == len(docs)


def test_docs_hold_the_topics_of_help(docs: list[str]) -> None:
    from pydoc_data.topics import topics  # type: ignore[import-untyped,unused-ignore]

    assert all(text(docs).count(topics[name].strip("\n")) == 1 for name in ("assert", "lambda", "objects"))


# a library made for the test


def test_line_ends_become_newlines(library: Path) -> None:
    write(library / "json" / "tool.py", b"a = 1\r\nb = 2\r\n")
    assert text(list(harvest.source())) == "a = 1\nb = 2\n"


@pytest.mark.parametrize(
    "path",
    [
        "email/message.py",
        "encodings/cp1252.py",
        "unittest/test/test_case.py",
        "asyncio/tests/x.py",
        "site.py",
        "sitecustomize.py",
        "_sysconfigdata__linux_x86_64-linux-gnu.py",
        "site-packages/numpy/matlib.py",
        "json/a.txt",
    ],
)
def test_what_differs_between_installations_stays_out(path: str, library: Path) -> None:
    write(library / path, b"x = 1\n")
    assert text(list(harvest.source())) == ""


@pytest.mark.parametrize(
    "content",
    [
        b"#! /usr/bin/env python3\n",
        b"x = 1\n\x0cy = 2\n",
        b"if x:\n\ty = 2\n",
        b"x = '\xc3\xa9'\n",
        b"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
    ],
)
def test_modules_with_a_script_line_or_rare_characters_stay_out_whole(content: bytes, library: Path) -> None:
    write(library / "textwrap.py", content)
    assert text(list(harvest.source())) == ""


def test_docs_come_in_the_order_of_the_source(library: Path) -> None:
    code = '''
    """The module says what it is for, at some length."""
    def first():
        """The first function does one thing and another."""
        def inner():
            """The inner function is inside the first one."""
    if True:
        async def second():
            """The second one is deeper, and not at the end:

                its example
            keeps its indent."""
    else:
        try:
            class Third:
                """Short."""
                def method(self):
                    """The first function does one thing and another."""
        except ImportError:
            class Third:
                """Größe is a word that is not in ASCII, nor is naïve."""
    def last(): "The last one is written on a single line only." + "not this, it is only an expression"
    class Last: "The last class is written on a single line, too."
    '''
    write(library / "textwrap.py", textwrap.dedent(code).encode())
    assert text(list(harvest.docs())) == textwrap.dedent("""\
        The module says what it is for, at some length.

        The first function does one thing and another.

        The inner function is inside the first one.

        The second one is deeper, and not at the end:

            its example
        keeps its indent.

        The last class is written on a single line, too.
        """)


def test_docs_are_taken_from_modules_with_rare_characters_too(library: Path) -> None:
    write(library / "heapq.py", '"""Heaps are arrays for which an invariant holds."""\nx = "é"\n'.encode())
    assert list(harvest.docs()) == ["Heaps are arrays for which an invariant holds.\n"]


@pytest.mark.parametrize("files", [[], ["os.py", "re/__init__.py"], ["asyncio/__init__.py", "json/__init__.py"]])
@pytest.mark.parametrize("harvested", [harvest.source, harvest.docs])
def test_a_python_without_its_library_is_an_error_at_once(
    harvested: object, files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in files:
        write(tmp_path / name, b"x = 1\n")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(CorpusError, match=r"standard library is not in .*train on a text of your own$") as error:
        harvested()  # type: ignore[operator]
    assert str(tmp_path) in str(error.value)
