"""Who may import whom, read from the source, so that the direction of the code stays what it is."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import charlm
from charlm.discover import names

PACKAGE = Path(charlm.__file__).parent
# Each row may import from the rows above it, never from its own or from below. A package of variants and the command
# line count as one module, as do `subwords`, and the loops of `native`, which are below the cells.
ORDER = """
    errors data storage training training.launch scoring sampling inspection randomness native native.library interrupts
    config discover data.files data.cache data.harvest data.catalogue storage.standalone storage.durable
    subwords native.fused scan inspection.properties data.documents storage.naming storage.tensors sampling.pattern
    tokenizers data.download
    inspection.classes inspection.projection inspection.report_style inspection.run_log storage.word2vec
    cells readouts samplers measure ngram data.encoding data.batches data.corpus sampling.automaton scoring.units
    sampling.ending sampling.novelty embeddings data.texts data.ids storage.steps scoring.heat training.planning
    data.sequences network sampling.matching inspection.style scoring.bootstrap training.distributed storage.vocabulary
    inspection.chart inspection.held_out scoring.lines
    probability data.vocabulary native.drawing training.optimization training.sizing inspection.starts
    inspection.reading adaptation training.rates
    scoring.adapting
    scoring.evaluation sampling.drawing inspection.gradients inspection.clipping inspection.gates inspection.neurons
    scoring.score scoring.comparison sampling.generation training.preparation inspection.gates_picture
    sampling.beam sampling.distinct
    language_model training.pacing training.reports training.advice
    scoring.heat_page scoring.segments scoring.pairs scoring.baseline storage.checkpoint training.specimens
    inspection.comparison inspection.why inspection.vectors inspection.tensorboard
    inspection.surprise
    kenlm storage.model_card inspection.embedding_map system
    inspection.report
    inspection.report_page
    training.best
    training.run_folder
    training.resumption
    training.telling
    training.run
    training.train
    charlm
    cli
    __main__
"""
ROWS = {module: row for row, line in enumerate(ORDER.split("\n")) for module in line.split()}
VARIANTS = ("adaptation", "cells", "embeddings", "readouts", "samplers", "tokenizers")
FOR_PEOPLE = {"typer", "rich"}  # libraries of the command line
NETWORK = {"_socket", "asyncio", "ftplib", "http", "huggingface_hub", "httpx", "requests", "smtplib", "socket"}
NETWORK |= {"socketserver", "ssl", "urllib", "urllib3", "webbrowser", "xmlrpc"}  # what opens connections
NOT_IN_A_LIBRARY = {"print", "input", "exit", "quit", "breakpoint", "sys.exit", "os._exit", "sys.stdout.write"}

FILES = sorted(PACKAGE.rglob("*.py"))


def dotted(path: Path) -> str:
    """charlm/cells/gru.py is charlm.cells.gru, charlm/cells/__init__.py is charlm.cells."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


TREES = {dotted(path): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def module(name: str) -> str:
    """The word in ORDER that stands for a file: `cells` for charlm.cells.gru."""
    inner = name.removeprefix("charlm").removeprefix(".")
    return inner if inner in ROWS else inner.split(".")[0] or "charlm"


def imports(file: str) -> Iterator[str]:
    """Dotted names of all modules that a file imports, wherever in it; `from a import b` is a.b if that is a module."""
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{file} has a relative import"
            both = [f"{node.module}.{name.name}" for name in node.names]
            yield from (name if name in TREES else node.module for name in both)


def own_imports() -> Iterator[tuple[str, str]]:
    """(file, module of charlm that it imports), but for the version, which is in charlm itself."""
    return ((file, name) for file in TREES for name in imports(file) if name.startswith("charlm."))


def test_every_module_has_its_row() -> None:
    assert set(ROWS) == {module(file) for file in TREES}


def test_imports_point_upward_in_the_table() -> None:
    wrong = []
    for file, name in own_imports():
        own, other = module(file), module(name)
        if own != other and ROWS.get(other, 99) >= ROWS.get(own, 0):
            wrong.append(f"{file} imports {name}")
    assert wrong == []


def test_no_module_imports_a_variant_by_name() -> None:
    """A new cell is one new file; not even another cell knows it is there."""
    variants = {f"charlm.{kind}.{name.replace('-', '_')}" for kind in VARIANTS for name in names(kind)}
    assert len(variants) > len(VARIANTS)
    assert [f"{file} imports {name}" for file, name in own_imports() if name in variants] == []


def test_no_module_has_a_case_for_a_variant() -> None:
    """What is true of one cell stands in that cell; `config` names variants as the defaults, `standalone` reads
    them all without charlm, and a word is a unit of text as well."""
    wrong = []
    for file, tree in TREES.items():
        kinds = {"cells", "embeddings", "readouts", "tokenizers"} - {module(file)}
        chosen = {name for kind in kinds for name in names(kind)} - {"word"}
        words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        if module(file) not in ("config", "storage.standalone", "scoring.units"):
            wrong += [f"{file} has a case for {name!r}" for name in words & chosen]
    assert wrong == []


def test_only_the_command_line_knows_typer_and_rich() -> None:
    assert {module(file) for file in TREES for name in imports(file) if name.split(".")[0] in FOR_PEOPLE} == {"cli"}


def test_only_the_download_knows_the_network_and_only_its_command_imports_it() -> None:
    assert {file for file in TREES for name in imports(file) if name.split(".")[0] in NETWORK} == {
        "charlm.data.download"
    }
    assert {file for file, name in own_imports() if name == "charlm.data.download"} == {"charlm.cli.corpus"}


def test_only_one_module_talks_to_other_processes_of_a_run() -> None:
    """By torch.distributed, which opens the connections that torchrun asks for."""
    sources = {path: path.read_text(encoding="utf-8") for path in FILES}
    talks = re.compile(r"import distributed|torch\.distributed")
    found = [dotted(path) for path, text in sources.items() if talks.search(text)]
    assert found == ["charlm.training.distributed"]


def test_the_library_neither_prints_nor_asks_nor_exits() -> None:
    wrong = []
    for file, tree in TREES.items():
        called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        if module(file) not in ("cli", "__main__"):
            wrong += [f"{file} calls {name}" for name in called & NOT_IN_A_LIBRARY]
    assert wrong == []


@pytest.mark.parametrize("path", FILES, ids=dotted)
def test_every_file_is_short_and_says_what_it_is(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    assert ast.get_docstring(TREES[dotted(path)])


def test_every_folder_of_code_is_a_package_and_its_types_are_shipped() -> None:
    settings = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert (PACKAGE / "py.typed").is_file()
    assert "py.typed" in settings["package-data"]["charlm"]
    assert {path.parent for path in FILES} == {path.parent for path in FILES if path.name == "__init__.py"}
