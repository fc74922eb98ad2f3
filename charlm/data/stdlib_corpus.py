"""A training text that every machine already has: the standard library of the running Python.

`source` yields its modules, `docs` only its English documentation. Files are read, never imported.

One CPython version (for example 3.11.7) should give the same bytes everywhere. Files that differ between its
installations are therefore left out: optional files, files that packagers change, and files that begin with `#!`, a
line that packagers rewrite. A module is taken as a whole or not at all; only its line ends are changed, to `\\n`. Texts
with characters outside a small alphabet are left out. Modules are sorted by name.
"""

import ast
import sys
import sysconfig
import tokenize
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from charlm.errors import CorpusError

# Modules, and folders with all their files. These are a separate package or a build option in some distribution
# (Debian, Fedora, openSUSE, Gentoo, Windows).
OPTIONAL = """
    ctypes curses dbm distutils ensurepip idlelib lib2to3 msilib sqlite3 tkinter turtle turtledemo venv
    _aix_support _android_support _apple_support _ios_support _osx_support
"""
# Changed by packagers to fit a system's folders, start-up, or policy (Debian, Fedora, Nix, conda).
ADAPTED = """
    argparse compileall gettext hashlib hmac locale logging/__init__ mimetypes pathlib platform py_compile
    pydoc site subprocess sysconfig tempfile threading webbrowser
"""
# Readers of untrusted data: distributions add security fixes without a new version number.
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
    """Return an iterator over the source code of the standard library, one module per piece, about 4 MB in all.

    Only modules of printable ASCII are included: 95 characters and the newline. Raises CorpusError, before the first
    piece, if this Python comes without the source of its library.
    """
    return (text for _, text in _modules(_library()) if text.isascii() and _plain(text))


def docs() -> Iterator[str]:
    """Return an iterator over the documentation of the standard library, one string per piece, about 1.2 MB in all.

    It consists of the docstrings of modules, classes, and functions, dedented, in the order of the source, and of the
    topics of `help()`, with their examples. A blank line separates them. Strings shorter than `SENTENCE` characters and
    duplicates are left out. The characters are printable ASCII and the newline, and nine others in the topics (curly
    quotes, dashes). Raises CorpusError as `source` does.
    """
    return _docs(_library())


def _library() -> Path:
    """Return the folder of the standard library. Raises CorpusError if its source is not there."""
    root = Path(sysconfig.get_path("stdlib"))
    if all((root / package / "__init__.py").is_file() for package in LANDMARKS):
        return root
    raise CorpusError(
        f"the source of Python's standard library is not in {root} (this Python is zipped, frozen, or minimal); run"
        " charlm with a full Python, or train on a text of your own"
    )


def _modules(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the name (`json/decoder`) and the text of each module that is included, sorted by name."""
    files: dict[str, Path] = {}
    for top in sys.stdlib_module_names:  # the same on every system, unlike the content of the folder
        for path in (root / f"{top}.py", *(root / top).rglob("*.py")):
            files[path.relative_to(root).with_suffix("").as_posix()] = path
    for name, path in sorted(files.items()):
        folders = (str(folder) for folder in PurePosixPath(name).parents)
        if path.is_file() and TESTS.isdisjoint(name.split("/")) and LEFT_OUT.isdisjoint((name, *folders)):
            with tokenize.open(path) as file:  # follows the encoding that the file declares
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
    """Yield the docstrings of a syntax tree, in the order of the source."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield ast.get_docstring(node) or ""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):  # only these hold definitions
            yield from _docstrings(child)


def _topics(tree: ast.AST) -> Iterator[str]:
    """Yield every string in `pydoc_data/topics.py`: the texts, and their names, which are shorter than `SENTENCE`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.strip("\n")


def _plain(text: str) -> bool:
    """Return whether a text has only printable characters and newlines, without tabs, form feeds, or escapes."""
    return text.replace("\n", "").isprintable()
