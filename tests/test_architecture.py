"""Who may import whom, read from the source, so that the direction of the code stays what it is."""

import ast
import re
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import charlm
from charlm.registry import names

PACKAGE = Path(charlm.__file__).parent
# Bottom first. A package may import from the packages before it, never from those after it.
ORDER = [
    *(
        "advice",
        "errors",
        "version",
        "raw_bytes",
        "compiled",
        "wording",
        "markup",
        "registry",
        "arguments",
        "keywords",
        "settings",
        "task_settings",
        "config",
        "randomness",
        "interrupts",
        "files",
        "progress",
        "batching",
        "cost",
    ),
    *(
        "tokenizers",
        "data",
        "examples",
        "measures",
        "counts",
        "nn",
        "model",
        "generation",
        "scoring",
        "language_model",
        "numpy_loader",
        "numpy_counts",
        "numpy_classifier",
        "numpy_tagger",
        "numpy_translator",
        "numpy_forecaster",
    ),
    *("plan", "tasks"),
    *("checkpoints", "system", "training", "search", "typed", "comparison", "analysis", "pages"),
    *("exports", "server", "kenlm", "charlm", "cli"),
    "__main__",
]
VARIANTS = (  # packages in which a file is the value of an option
    "cli.answers",
    "cli.formats",
    "examples.formats",
    "exports",
    "generation.samplers",
    "nn.cells",
    "nn.densities",
    "nn.embeddings",
    "nn.poolings",
    "nn.readouts",
    "scoring.adaptation",
    "tasks",
    "tokenizers",
    "training.optimizers",
)
TASK_VIEWS = tuple(f"charlm.cli.view.{name}" for name in ("display", "messages", "plot", "progress", "training_view"))
NAMED_IN_CONFIG = ("nn.cells", "nn.embeddings", "nn.readouts", "tokenizers", "training.optimizers")
FOR_PEOPLE = {"typer", "rich"}  # libraries of the command line
NETWORK = {"_socket", "asyncio", "ftplib", "http", "huggingface_hub", "httpx", "requests", "smtplib", "socket"}
NETWORK |= {
    "socketserver",
    "ssl",
    "starlette",
    "urllib",
    "urllib3",
    "uvicorn",
    "webbrowser",
    "xmlrpc",
}  # what opens connections
NOT_IN_A_LIBRARY = {"print", "input", "exit", "quit", "breakpoint", "sys.exit", "os._exit", "sys.stdout.write"}

FILES = sorted(PACKAGE.rglob("*.py"))


def dotted(path: Path) -> str:
    """Module name of a file: charlm.nn.cells.gru, and charlm.nn.cells for its __init__.py."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


TREES = {dotted(path): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def package(name: str) -> str:
    """The word in ORDER that a module belongs to: `nn` for charlm.nn.cells.gru, `charlm` for charlm itself."""
    return name.removeprefix("charlm").removeprefix(".").split(".")[0] or "charlm"


def imports(file: str) -> Iterator[str]:
    """Dotted names of all modules that a file imports, wherever in it; `from a import b` is a.b if that is a module."""
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{file} has a relative import"
            both = [f"{node.module}.{name.name}" for name in node.names]
            yield from (name if name in TREES else node.module for name in both)


# (file, module of charlm that it imports)
OWN_IMPORTS = [(file, name) for file in TREES for name in imports(file) if name.split(".")[0] == "charlm"]


def test_the_order_names_every_package() -> None:
    assert sorted(ORDER) == sorted({package(file) for file in TREES})


def test_packages_import_downward_only() -> None:
    """Every import counts: at the top of a file, inside a function, and under TYPE_CHECKING."""
    rank = {name: number for number, name in enumerate(ORDER)}
    wrong = [
        f"{file} imports {name}"
        for file, name in OWN_IMPORTS
        if package(file) != package(name) and rank[package(name)] > rank[package(file)]
    ]
    assert wrong == []


def test_files_do_not_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for file, name in OWN_IMPORTS:
        graph.setdefault(file, set()).add(name)
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_no_module_imports_a_variant_by_name() -> None:
    """A new cell is one new file, so not even another cell knows its name."""
    variants = {f"charlm.{kind}.{name.replace('-', '_')}" for kind in VARIANTS for name in names(kind)}
    assert len(variants) > len(VARIANTS)
    assert [f"{file} imports {name}" for file, name in OWN_IMPORTS if name in variants] == []


def test_no_module_has_a_case_for_a_variant() -> None:
    """What is true of one cell is written in that cell. `config` names variants as defaults, `numpy_loader` and
    `numpy_tagger` read all of them without charlm, and a word is also a unit of scores."""
    exempt = ("charlm.config", "charlm.numpy_loader", "charlm.numpy_tagger", "charlm.scoring.units")
    wrong = []
    for file, tree in TREES.items():
        kinds = [kind for kind in NAMED_IN_CONFIG if not file.startswith(f"charlm.{kind}")]
        chosen = {name for kind in kinds for name in names(kind)} - {"word"}
        words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        if file not in exempt:
            wrong += [f"{file} has a case for {name!r}" for name in words & chosen]
    assert wrong == []


def test_what_trains_stores_and_shows_a_model_knows_no_task() -> None:
    """The trainer, the folder of a model and the live view know the contract of a task alone."""
    of_a_task = ("language_model", "scoring", "generation", "numpy_loader")
    words = re.compile(r"LanguageModel|bits_per_char|predictable|perplexity|TextMode")
    for path in FILES:
        file = dotted(path)
        if package(file) in ("training", "checkpoints") or file in TASK_VIEWS:
            known = {name for owner, name in OWN_IMPORTS if owner == file and package(name) in of_a_task}
            assert not known and not words.findall(path.read_text(encoding="utf-8")), file


def test_only_the_command_line_knows_typer_and_rich() -> None:
    assert {package(file) for file in TREES for name in imports(file) if name.split(".")[0] in FOR_PEOPLE} == {"cli"}


def test_only_the_download_and_the_server_know_the_network_and_only_their_commands_import_them() -> None:
    """The download opens connections; the server accepts them."""
    known = {file for file in TREES for name in imports(file) if name.split(".")[0] in NETWORK}
    assert {file for file in known if package(file) != "server"} == {"charlm.data.download"}
    assert {file for file, name in OWN_IMPORTS if name == "charlm.data.download"} == {"charlm.cli.corpus"}
    users = {file for file, name in OWN_IMPORTS if package(name) == "server" and package(file) != "server"}
    assert users == {"charlm.cli.serve"}


def test_only_the_search_knows_the_database_of_a_study() -> None:
    """Optuna and SQLAlchemy open the database that `--storage` names; the command checks that Optuna is installed."""
    users = {file for file in TREES for name in imports(file) if name.split(".")[0] in ("optuna", "sqlalchemy")}
    assert {file for file in users if package(file) != "search"} == {"charlm.cli.search"}
    assert "charlm.search.study" in users


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
        if package(file) not in ("cli", "__main__"):
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
