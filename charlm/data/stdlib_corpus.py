"""A training text that every machine already has: the standard library of the Python that runs this.

`source` gives its modules, `docs` its English documentation alone. Files are read, never imported.

One CPython version (3.11.7, say) should give the same bytes everywhere, so what differs between installations
of it stays out: optional files, files that packagers change, and files that begin with `#!`, a line that
packagers rewrite. A text is taken whole or not at all, unaltered but for its line ends, which become `\\n`;
texts with characters outside a small alphabet are not taken. Modules come in the order of their names.
"""

import ast
import sys
import sysconfig
import tokenize
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from charlm.errors import CorpusError

# Modules, and folders with all that is in them. First what is a package of its own, or a build option, in
# some distribution (Debian, Fedora, openSUSE, Gentoo, Windows).
OPTIONAL = """
    ctypes curses dbm distutils ensurepip idlelib lib2to3 msilib sqlite3 tkinter turtle turtledemo venv
    _aix_support _android_support _apple_support _ios_support _osx_support
"""
# Changed to suit a system's folders, start-up or policy (Debian, Fedora, Nix, conda).
ADAPTED = """
    argparse compileall gettext hashlib hmac locale logging/__init__ mimetypes pathlib platform py_compile
    pydoc site subprocess sysconfig tempfile threading webbrowser
"""
# Where foreign data comes in: distributions add security fixes and keep the version number.
SECURED = """
    asyncio/selector_events base64 configparser email ftplib genericpath html http imaplib ipaddress
    importlib/_bootstrap_external nntplib ntpath plistlib poplib posixpath shutil smtpd smtplib socket ssl
    tarfile telnetlib urllib wsgiref xml xmlrpc zipfile
"""
TABLES = " encodings "  # code pages: a megabyte of numbers

LEFT_OUT = frozenset((OPTIONAL + ADAPTED + SECURED + TABLES).split())
TESTS = frozenset({"test", "tests"})  # folders, at any depth; many installations lack them
LANDMARKS = ("asyncio", "json", "unittest")  # packages that a minimal Python lacks
TOPICS = "pydoc_data/topics"  # the texts of `help()`, in one dict
SENTENCE = 40  # characters; a shorter documentation string is a label, not a sentence


def source() -> Iterator[str]:
    """The source code of the standard library, one module a piece, about 4 MB in all.

    Modules in printable ASCII only: 95 characters and the newline. Raises `CorpusError`, before the first
    piece, where Python comes without the source of its library.
    """
    return (text for _, text in _modules(_library()) if text.isascii() and _plain(text))


def docs() -> Iterator[str]:
    """The documentation of the standard library, one string a piece, about 1.2 MB in all.

    These are the documentation strings of modules, classes and functions, dedented, in the order of the
    source, and the topics of `help()`; examples in them stay. A blank line parts them. Those under `SENTENCE`
    characters and all but the first of equal ones are left out. The characters are printable ASCII and the
    newline, with nine others in the topics (curly quotes, dashes). Raises `CorpusError` as `source` does.
    """
    return _docs(_library())


def _library() -> Path:
    """The folder of the standard library."""
    root = Path(sysconfig.get_path("stdlib"))
    if all((root / package / "__init__.py").is_file() for package in LANDMARKS):
        return root
    raise CorpusError(
        f"the source of Python's standard library is not in {root} (this Python is zipped, frozen or "
        "minimal): run charlm with a full Python, or train on a text of your own"
    )


def _modules(root: Path) -> Iterator[tuple[str, str]]:
    """The name (`json/decoder`) and the text of each module that goes in, in the order of the names."""
    files: dict[str, Path] = {}
    for top in sys.stdlib_module_names:  # alike on every system; what else is in the folder stays out
        for path in (root / f"{top}.py", *(root / top).rglob("*.py")):
            files[path.relative_to(root).with_suffix("").as_posix()] = path
    for name, path in sorted(files.items()):
        folders = (str(folder) for folder in PurePosixPath(name).parents)
        if path.is_file() and TESTS.isdisjoint(name.split("/")) and LEFT_OUT.isdisjoint((name, *folders)):
            with tokenize.open(path) as file:  # heeds the file's own encoding
                text = file.read()
            if not text.startswith("#!"):
                yield name, text


def _docs(root: Path) -> Iterator[str]:
    seen: set[str] = set()
    for name, text in _modules(root):
        tree = ast.parse(text)
        for doc in _topics(tree) if name == TOPICS else filter(str.isascii, _docstrings(tree)):
            if len(doc) >= SENTENCE and doc not in seen and _plain(doc):
                yield ("\n" if seen else "") + doc + "\n"
                seen.add(doc)


def _docstrings(node: ast.AST) -> Iterator[str]:
    """The documentation strings in a tree, in the order of the source."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield ast.get_docstring(node) or ""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):  # only these hold definitions
            yield from _docstrings(child)


def _topics(tree: ast.AST) -> Iterator[str]:
    """Every string in `pydoc_data/topics.py`: the texts, and their names, shorter than `SENTENCE`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.strip("\n")


def _plain(text: str) -> bool:
    """Whether a text is printable characters and newlines alone: no tabs, form feeds or escape codes."""
    return text.replace("\n", "").isprintable()
