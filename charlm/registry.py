"""Variants by name: the file `nn/cells/gru.py` is what `--cell gru` means.

A package of variants has a contract in its `__init__.py`. Each file in it holds one public class that implements the
contract; a new file is a new variant, and nothing else is edited. Files whose name begins with `_` are not variants.

A variant declares its command-line options in its class, with literal values:

    @dataclass(frozen=True)
    class TopK(Sampler):
        order = 40
        top_k: int = field(metadata={"help": "Sample only from the k most likely tokens."})

`declarations` reads them from the source, so that `--help` imports neither the variants nor torch.
"""

import ast
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from charlm.errors import CharlmError, UnknownNameError
from charlm.wording import nearest

Contract = TypeVar("Contract")
_TYPES: dict[str, type] = {each.__name__: each for each in (bool, int, float, str)}


@dataclass(frozen=True)
class Option:
    """A field of a variant that the command line offers: `top_k` is `--top-k`."""

    name: str
    type: type
    help: str
    metavar: str | None = None
    short: str | None = None  # a second name of one letter: -t
    default: Any = None
    required: bool = False  # the field has no default
    only: str | None = None  # the command that has this option, if others of its package's commands have not


@dataclass(frozen=True)
class Declaration:
    """What the class of a variant declares: its class variables with literal values, and its options."""

    name: str
    values: Mapping[str, Any]
    options: tuple[Option, ...]


@cache
def names(package: str) -> tuple[str, ...]:
    """Return the sorted names of the variants in a package such as "nn.cells", without importing them."""
    return tuple(sorted(path.stem.replace("_", "-") for path in _folder(package).glob("[a-z]*.py")))


def check_name(package: str, kind: str, name: str) -> None:
    """Raise UnknownNameError, which suggests the nearest name, unless the package has a variant called `name`.

    kind: what the variants are, in one word, such as "cell".
    """
    known = names(package)
    if name in known:
        return
    near = nearest(name, known)
    hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known)}"
    raise UnknownNameError(f"no {kind} is named {name[:40]!r}; {hint}")


def find(contract: type[Contract], name: str) -> type[Contract]:
    """Return the class that implements `contract` in the file called `name`.

    Raises UnknownNameError, which suggests the nearest name, if there is no such file, and CharlmError if the file does
    not define exactly one public class that implements the contract.
    """
    check_name(contract.__module__.removeprefix("charlm."), contract.__name__.lower(), name)
    module = import_module(f"{contract.__module__}.{name.replace('-', '_')}")
    variants = [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, contract) and member.__module__ == module.__name__ and not member.__name__.startswith("_")
    ]
    return _only(variants, str(module.__file__), contract.__name__)


def name_of(variant: object) -> str:
    """Return the name by which `find` finds the class of an object."""
    return type(variant).__module__.rpartition(".")[2].replace("_", "-")


@cache
def declarations(package: str, contract: str = "") -> tuple[Declaration, ...]:
    """Return what each variant of a package declares, sorted by its class variable `order`, then by name.

    contract: the class that a variant names as its base; "" if a file has one class with a base.

    Raises CharlmError if a file does not define exactly one public class that implements a contract, or if an option
    is not written in literals.
    """
    paths = {name: _folder(package) / f"{name.replace('-', '_')}.py" for name in names(package)}
    declared = (_declaration(path, name, contract) for name, path in paths.items())
    return tuple(sorted(declared, key=lambda each: each.values.get("order", 0)))


def _folder(package: str) -> Path:
    return Path(__file__).parent.joinpath(*package.split("."))


def _declaration(path: Path, name: str, contract: str) -> Declaration:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.bases and node.name[0] != "_"]
    if contract:
        classes = [each for each in classes if contract in map(ast.unparse, each.bases)]
    body = _only(classes, str(path), "the package's contract").body
    options = tuple(_option(*each, path) for each in _assignments(body) if _is_field(each[2]))
    values = {}
    for variable, _, value in _assignments(body):
        if not _is_field(value):
            try:
                values[variable] = ast.literal_eval(value)
            except ValueError:
                continue  # a computed value, which no option depends on
    return Declaration(name, values, options)


def _assignments(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr | None, ast.expr]]:
    """Yield (variable, annotation, value) of each assignment in the body of a class."""
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.annotation, node.value
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, None, node.value


def _is_field(value: ast.expr) -> bool:
    return (
        isinstance(value, ast.Call)
        and ast.unparse(value.func).endswith("field")
        and any(keyword.arg == "metadata" for keyword in value.keywords)
    )


def _option(name: str, annotation: ast.expr | None, value: ast.expr, path: Path) -> Option:
    assert isinstance(value, ast.Call) and annotation is not None
    try:
        arguments = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in value.keywords}
        option_type = _TYPES[ast.unparse(annotation).removesuffix(" | None")]
    except (ValueError, KeyError):
        raise CharlmError(
            f"{path}: write the option {name} in literals, with the type bool, int, float or str"
        ) from None
    metadata = arguments["metadata"]
    return Option(
        name,
        option_type,
        metadata["help"],
        metadata.get("metavar"),
        metadata.get("short"),
        arguments.get("default"),
        "default" not in arguments,
        metadata.get("only"),
    )


_Class = TypeVar("_Class", ast.ClassDef, type)


def _only(classes: list[_Class], path: str, contract: str) -> _Class:
    if len(classes) != 1:
        listed = ", ".join(each.name if isinstance(each, ast.ClassDef) else each.__name__ for each in classes)
        raise CharlmError(f"{path} must define one public class that implements {contract}; it has {listed or 'none'}")
    return classes[0]
