"""Command-line options that variants declare: a new sampler, adaptation or score format brings its own.

A command marks the parameter that receives the options of a package of variants:

    @with_variant_options
    def sample(..., samplers: Annotated[Given, OptionsOf("generation.samplers")] = NONE, ...)

and gets one option for each that `registry.declarations` finds there, in the place of the parameter. A variant has an
option for each of its fields. With the class variable `flag`, which is a help text, it also has a flag that chooses it;
`flag_name` names the flag if its name is not that of the variant, and `former_flag_name` is a name still accepted.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, get_args

import typer

from charlm.cli.options import option_name, optional
from charlm.cli.output import say_renamed
from charlm.errors import ConfigError
from charlm.registry import Declaration, Option, declarations

Given = Mapping[str, Any]  # option → value, of the options that were given
NONE: Given = MappingProxyType({})


@dataclass(frozen=True)
class OptionsOf:
    """Mark of the parameter that receives the options of a package's variants.

    panel: their heading in the help. contract: as in `registry.declarations`. command: leave out the options of others.
    """

    package: str
    panel: str | None = None
    contract: str = ""
    command: str = ""


def with_variant_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with the options of its variants in its signature, from which Typer builds the parser."""
    signature = inspect.signature(command, eval_str=True)
    marks = dict(_marks(signature))
    generated = {name: list(_parameters(mark)) for name, mark in marks.items()}
    parameters = [each for name, parameter in signature.parameters.items() for each in generated.get(name, [parameter])]

    def run(**values: Any) -> None:
        for name, mark in marks.items():
            given = {each.name: values.pop(each.name) for each in generated[name]}
            _accept_former_names(mark, given, quiet=values.get("quiet", False))
            values[name] = {
                option: value for option, value in given.items() if value is not None and value is not False
            }
        command(**values)

    run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run


def chosen(package: str, given: Given, contract: str = "") -> dict[str, dict[str, Any]]:
    """Return the variants of which an option was given, in their order, each with the values of its fields."""
    variants = {}
    for declaration in declarations(package, contract):
        fields = {option.name: given[option.name] for option in declaration.options if option.name in given}
        if fields or _flag_name(declaration) in given:
            variants[declaration.name] = fields
    return variants


def check_required(package: str, given: Given) -> None:
    """Raise ConfigError for an option that has no effect without another option of its variant."""
    for declaration in declarations(package):
        names = [option.name for option in declaration.options if option.name in given]
        missing = [option.name for option in declaration.options if option.required and option.name not in given]
        if names and missing:
            raise ConfigError(
                f"{option_name(names[0])} has no effect without {option_name(missing[0])};"
                f" give both, or leave {option_name(names[0])} out"
            )


def _marks(signature: inspect.Signature) -> Iterator[tuple[str, OptionsOf]]:
    for name, parameter in signature.parameters.items():
        for mark in get_args(parameter.annotation)[1:]:
            if isinstance(mark, OptionsOf):
                yield name, mark


def _parameters(mark: OptionsOf) -> Iterator[inspect.Parameter]:
    """Yield the parameters for the options of a package's variants, in the order of the help."""
    for declaration in declarations(mark.package, mark.contract):
        if "flag" in declaration.values:
            yield _flag(_flag_name(declaration), declaration.values["flag"], mark.panel)
        for option in declaration.options:
            if option.only not in (None, mark.command):
                continue
            yield _flag(option.name, option.help, mark.panel) if option.type is bool else _value(option, mark.panel)
        if "former_flag_name" in declaration.values:
            yield _flag(_parameter_name(declaration.values["former_flag_name"]), "", None, hidden=True)


def _flag(name: str, help: str, panel: str | None, *, hidden: bool = False) -> inspect.Parameter:
    option = typer.Option(option_name(name), help=help, hidden=hidden, rich_help_panel=panel)
    return inspect.Parameter(
        name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=False, annotation=Annotated[bool, option]
    )


def _value(option: Option, panel: str | None) -> inspect.Parameter:
    names = [option_name(option.name), *filter(None, [option.short])]
    if option.default is None:
        declared = typer.Option(*names, help=option.help, metavar=option.metavar, rich_help_panel=panel)
    else:
        default = f"{option.default:g}" if option.type is float else option.default
        declared = optional(option.help, default, *names, metavar=option.metavar, panel=panel)
    return inspect.Parameter(
        option.name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=None,
        annotation=Annotated[option.type | None, declared],
    )


def _accept_former_names(mark: OptionsOf, given: dict[str, Any], *, quiet: bool) -> None:
    for declaration in declarations(mark.package, mark.contract):
        former = _parameter_name(declaration.values.get("former_flag_name", ""))
        if given.pop(former, False):
            name = _flag_name(declaration)
            given[name] = True
            say_renamed(option_name(former), option_name(name), quiet)


def _flag_name(declaration: Declaration) -> str:
    return _parameter_name(declaration.values.get("flag_name", declaration.name))


def _parameter_name(name: str) -> str:
    return name.replace("-", "_")
