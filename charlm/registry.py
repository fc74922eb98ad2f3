"""A folder's listing is its registry: the file `nn/cells/gru.py` is what `--cell gru` means.

A new variant is one new file that defines one subclass of the folder's contract; nothing else is edited.
"""

import difflib
import inspect
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from charlm.errors import UnknownNameError

Contract = TypeVar("Contract")


@cache
def names(package: str) -> tuple[str, ...]:
    """Names of the variants in a package such as "nn.cells", sorted, read from its folder without importing it."""
    files = Path(__file__).parent.joinpath(*package.split(".")).glob("[a-z]*.py")
    return tuple(sorted(file.stem.replace("_", "-") for file in files))


def find(contract: type[Contract], name: str) -> type[Contract]:
    """The class that implements `contract` in the file called `name`.

    Raises UnknownNameError, with the nearest name, where there is no such file.
    """
    known = names(contract.__module__.removeprefix("charlm."))
    if name not in known:
        near = difflib.get_close_matches(name.lower(), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
        raise UnknownNameError(f"no {contract.__name__.lower()} is named {name[:40]!r}; {hint}")
    module = import_module(f"{contract.__module__}.{name.replace('-', '_')}")
    (variant,) = (
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, contract) and member.__module__ == module.__name__
    )
    return variant


def name_of(variant: object) -> str:
    """The name by which `find` finds the class of an object."""
    return type(variant).__module__.rpartition(".")[2].replace("_", "-")
