"""Arguments of the public functions: a sentence for a wrong one, and signatures that show every keyword."""

import functools
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar, cast

from charlm.errors import ConfigError
from charlm.registry import declarations
from charlm.wording import nearest

Function = TypeVar("Function", bound=Callable[..., Any])


def with_keywords(
    parameters: Iterable[inspect.Parameter], explanation: str | None = ""
) -> Callable[[Function], Function]:
    """Decorate a function that takes `**keywords`: its signature shows these parameters in place of them.

    Parameters that the function has are left out. A call raises TypeError, which suggests the nearest keyword, for one
    that does not exist. explanation: added to the docstring, before its last paragraph if that names the errors.
    """

    def decorate(function: Function) -> Function:
        own = inspect.signature(function)
        kept = {name: each for name, each in own.parameters.items() if each.kind != inspect.Parameter.VAR_KEYWORD}
        added = [each for each in parameters if each.name not in kept]
        keywords = frozenset([*kept, *(each.name for each in added)])

        @functools.wraps(function)
        def call(*values: Any, **given: Any) -> Any:
            for name in given:
                if name not in keywords:
                    near = nearest(name, keywords)
                    hint = f"; did you mean {near[0]!r}?" if near else ""
                    raise TypeError(f"{function.__name__}() got an unexpected keyword argument {name!r}{hint}")
            return function(*values, **given)

        call.__signature__ = own.replace(parameters=[*kept.values(), *added])  # type: ignore[attr-defined]
        summary, raises, errors = inspect.cleandoc(function.__doc__ or "").partition("\n\nRaises ")
        call.__doc__ = f"{summary}\n\n{explanation or ''}".rstrip() + raises + errors
        return cast(Function, call)

    return decorate


def keywords_of(function: Callable[..., Any], *, without: Iterable[str] = ()) -> list[inspect.Parameter]:
    """Return the keyword-only parameters of a function."""
    parameters = inspect.signature(function).parameters.values()
    return [each for each in parameters if each.kind == inspect.Parameter.KEYWORD_ONLY and each.name not in without]


def field_keywords(kind: type) -> Iterator[inspect.Parameter]:
    """Yield a keyword for each field of a dataclass that has a default."""
    for field in fields(kind):
        if field.default is not MISSING:
            yield _keyword(field.name, field.default, field.type)


def option_keywords(package: str) -> Iterator[inspect.Parameter]:
    """Yield a keyword for each option that the variants of a package declare."""
    for each in declarations(package):
        for option in each.options:
            yield _keyword(option.name, option.default, option.type | None)


def explained_options(package: str) -> str:
    """Return the help of each option that the variants of a package declare, one per line."""
    return "\n".join(f"{option.name}: {option.help}" for each in declarations(package) for option in each.options)


def explained_by(function: Callable[..., Any], *, without: str = "") -> str:
    """Return the docstring of a function without its summary, for another function with the same arguments.

    without: an argument that the other function does not have.
    """
    lines = inspect.cleandoc(function.__doc__ or "").partition("\n\n")[2].splitlines()
    return "\n".join(line for line in lines if not (without and line.startswith(f"{without}: ")))


def check_text(rule: str, value: object) -> None:
    """Raise TypeError unless a value is text. rule: the beginning of the message, such as "prompt must be"."""
    if not isinstance(value, str):
        raise TypeError(f"{rule} text, not {named(value)}")


def checked_path(rule: str, value: object) -> Path:
    """Return a path. Raises TypeError unless a value is a str or a path object, ConfigError if it is empty.

    rule: the beginning of the message, such as "folder must be".
    """
    if not isinstance(value, str | os.PathLike) or not isinstance(path := os.fspath(value), str):
        raise TypeError(f"{rule} a path, not {named(value)}")
    if not path:
        raise ConfigError(f"{rule} a path, not an empty text")
    return Path(path)


def texts(function: str, values: Iterable[str], one: str = "") -> list[str]:
    """Return the texts of a list, a generator or another iterable.

    Raises TypeError for anything else, which says that `function` takes `one` or a list of texts.
    """
    if isinstance(values, str | bytes | bytearray | Mapping) or not isinstance(values, Iterable):
        raise TypeError(f"{function}() takes {one}a list of texts, not {named(values)}")
    listed = list(values)
    for number, each in enumerate(listed, 1):
        if not isinstance(each, str):
            raise TypeError(f"{function}() takes {one}a list of texts, but item {number} of the list is {named(each)}")
    return listed


def named(value: object) -> str:
    """Name the type of a wrong argument."""
    return "None" if value is None else type(value).__name__


def _keyword(name: str, default: object, annotation: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
