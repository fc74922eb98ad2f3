"""The mechanical rules of docs/style.md: how docstrings begin, names that say nothing, and words to avoid."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("charlm", "benchmarks", "corpora", "docs", "fuzz")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "corpora").glob("*.md")])
OPENINGS = ("Of", "That", "Those", "The same", "To be", "What of")
NAMES = {"told", "tell", "found", "came", "place"}
PHRASES = re.compile(
    r"stands? there|lies there|so many (tokens|symbols|characters|steps|times)|is told|are told|comes? to its end"
    r"|(?<!there )\bis no (model|number|text|file|symbol|token)\b|there is no need"
    r"|what stands against|as it is told|next to none",
    re.IGNORECASE,
)
BRITISH = re.compile(r"\b\w*(colour|neighbour|licence|normalis|initialis|behaviour|centred)\w*", re.IGNORECASE)


def trees(files: list[Path] = FILES) -> Iterator[tuple[str, ast.Module]]:
    for path in files:
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def texts() -> Iterator[tuple[str, str]]:
    """(file, a text that a person reads): strings and comments of the code, and the lines of the pages."""
    for path in FILES:
        source = path.read_text(encoding="utf-8")
        name = path.relative_to(ROOT).as_posix()
        strings = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
        yield from ((name, text) for text in strings if isinstance(text, str))
        yield from ((name, text) for text in re.findall(r"#.*", source))
    for path in PAGES:
        if path.name != "style.md":
            name = path.relative_to(ROOT).as_posix()
            yield from ((name, line) for line in path.read_text(encoding="utf-8").splitlines())


def test_no_docstring_begins_with_an_empty_word() -> None:
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    begins = re.compile(rf"({'|'.join(OPENINGS)})\b")
    wrong = [
        f"{name}: {text.splitlines()[0]}"
        for name, tree in trees([*FILES, *(ROOT / "tests").rglob("*.py")])
        for node in ast.walk(tree)
        if isinstance(node, documented) and (text := ast.get_docstring(node)) and begins.match(text)
    ]
    assert wrong == []


def test_names_say_what_they_name() -> None:
    wrong = set()
    for name, tree in trees():
        for node in ast.walk(tree):
            given = {
                ast.Name: lambda node: [node.id],
                ast.arg: lambda node: [node.arg],
                ast.keyword: lambda node: [node.arg],
                ast.FunctionDef: lambda node: [node.name],
            }.get(type(node), lambda node: [])(node)
            wrong |= {f"{name}: {each}" for each in given if each in NAMES}
    assert sorted(wrong) == []


@pytest.mark.parametrize("pattern", [PHRASES, BRITISH], ids=["phrases", "spelling"])
def test_no_text_has_a_construction_to_avoid(pattern: re.Pattern[str]) -> None:
    wrong = {f"{name}: {text.strip()[:100]}" for name, text in texts() if pattern.search(text)}
    assert sorted(wrong) == []
