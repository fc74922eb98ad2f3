"""Help pages: options under headings, values by names that people know, and colors on a terminal.

A command declares the heading of an option as `rich_help_panel`. The pages need
neither Rich nor more imports than the parser.
"""

import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from inspect import cleandoc
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from charlm.cli import dashes, usage
from charlm.cli.output import BOLD, NAME, in_own_signs, styled

_GROUPED = 10  # options from which they are grouped
_ARGUMENTS, _OPTIONS, _COMMANDS = "Arguments", "Options", "Commands"  # headings; the last two of what has no other
_WIDEST_NAME = 30  # columns; the text of a longer name begins on the next line
Rows = list[tuple[str, str]]  # names and what they mean


class HelpPage(TyperCommand):
    """Command whose help page has sections. Options without a heading come first, under "Options".

    An unknown option that may be a text is an error that says how to give it.
    """

    allow_extra_args = True  # `parse_args` refuses them in its own words

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given = list(args)  # the parser empties `args`
        try:
            extra = super().parse_args(ctx, args)
        except Exception as error:
            if getattr(error, "ctx", ctx) is None:
                error.ctx = ctx  # type: ignore[attr-defined]  # which names the command
            if hasattr(error, "possibilities"):  # only NoSuchOption has these; where its class lives varies with Typer
                dashes.explain(error, ctx, given)
            raise
        if extra and not ctx.resilient_parsing:
            raise usage.extra_arguments(ctx, extra)
        return extra

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(in_own_signs(_page(self, ctx, formatter.width), sys.stdout))


class Group(TyperGroup):
    """Group of commands. Its help page has the commands under headings, and then the steps of `steps`."""

    steps: Sequence[tuple[str, str]] = ()  # a command line, and what it does

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise usage.unknown_command(ctx, args[0])
        return super().resolve_command(ctx, args)

    def sections(self, ctx: Any) -> dict[str, Rows]:
        """Return the commands and their summaries, under headings."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        return {_COMMANDS: [(name, summary(each)) for name, each in commands if each is not None and not each.hidden]}

    def format_help(self, ctx: Any, formatter: Any) -> None:
        steps = {"Three steps": list(self.steps)} if self.steps else {}
        formatter.write(in_own_signs(_page(self, ctx, formatter.width, self.sections(ctx) | steps), sys.stdout))


def command_group(help: str) -> typer.Typer:
    """Return a group of commands, such as `charlm embed`."""
    return typer.Typer(cls=Group, help=help, no_args_is_help=True, add_completion=False, rich_markup_mode=None)


def _page(command: Any, ctx: Any, width: int, more: dict[str, Rows] | None = None) -> str:
    """Return a help page: how to call the command, what it does, its parameters, and more sections."""
    pieces = [
        re.sub("[{}]", "", each) for each in command.collect_usage_pieces(ctx)
    ]  # Typer has {A} for a required argument
    call = " ".join([ctx.command_path, *pieces])
    parts = [f"{styled('Usage:', BOLD, ctx.color)} {_filled(call, width - 7, 4).lstrip()}"]
    parts += [_paragraph(each, width) for each in cleandoc(command.help or "").split("\n\n")]
    for heading, rows in {**_parameters(command, ctx), **(more or {})}.items():
        if rows:
            parts.append("\n".join([f"{styled(heading, BOLD, ctx.color)}:", *_table(rows, width, ctx.color)]))
    return "\n\n".join(parts) + "\n"


def _parameters(command: Any, ctx: Any) -> dict[str, Rows]:
    """Return the arguments, and the options under their headings; a few options need none."""
    records = [(each, each.get_help_record(ctx)) for each in command.get_params(ctx)]
    shown = [(each, record) for each, record in records if record is not None and not each.hidden]
    grouped = sum(each.param_type_name == "option" for each, _ in shown) >= _GROUPED
    sections: dict[str, Rows] = {_ARGUMENTS: [], _OPTIONS: []}
    for each, (described, said) in shown:
        text = re.sub(r"\s+\[(?:default: )?(.*)\]$", r" [\1]", said).removesuffix(" [required]")
        if each.param_type_name == "argument":
            sections[_ARGUMENTS].append((each.metavar or described, text))
        else:
            heading = _heading(each, _OPTIONS) if grouped else _OPTIONS
            sections.setdefault(heading, []).append((_option(each, described), text))
    return sections


def _paragraph(text: str, width: int) -> str:
    """Wrap a paragraph; an example that needs more than a line gets a backslash before each line end, as in a shell."""
    label, example, command = text.partition("Example: ")
    if label or not example or len(text) + 2 <= width:
        return _filled(text, width, 2)
    whole = re.sub(r'"[^"]*"', lambda match: match[0].replace(" ", "\0"), command)
    lines = [line.strip() for line in _filled(whole, width - 2, 4).splitlines()]
    return "  Example:\n    " + " \\\n      ".join(lines).replace("\0", " ")


def _table(rows: Rows, width: int, color: bool | None) -> Iterator[str]:
    """Yield the lines of names in a column of their own, with what they mean next to it."""
    start = 4 + min(_WIDEST_NAME, max(len(name) for name, _ in rows))
    for name, text in rows:
        first, *others = _filled(text, width, start).splitlines() or [""]
        shown = re.sub(r"--?\w[\w-]*|^[^-].*", lambda match: styled(match[0], NAME, color), name)
        if len(name) > start - 4:
            yield f"  {shown}"
            yield first
        else:
            yield f"  {shown}{first[2 + len(name) :]}"
        yield from others


def _filled(text: str, width: int, indent: int) -> str:
    """Wrap a paragraph between words; the name of an option is one word."""
    wrapper = textwrap.TextWrapper(max(width, indent + 20), break_on_hyphens=False, break_long_words=False)
    wrapper.initial_indent = wrapper.subsequent_indent = " " * indent
    return wrapper.fill(text)


def _option(option: Any, described: str) -> str:
    """Return the names of an option and its value: `-m, --model NAME`. `described` is how Typer describes them."""
    names = " / ".join(", ".join(sorted(each, key=len)) for each in (option.opts, option.secondary_opts) if each)
    return names if option.is_flag or option.count else f"{names} {_value(option, described)}"


def _value(option: Any, described: str) -> str:
    """Return the name of an option's value: the declared one, N for a number, or the last word of the option."""
    if option.metavar:
        return str(option.metavar)
    if re.search(r"\b(int|float)", described.rpartition(" ")[2], re.IGNORECASE):
        return "N"
    return str(max(option.opts, key=len)).rpartition("-")[2].upper()


def _heading(shown: Any, otherwise: str) -> str:
    panel = getattr(shown, "rich_help_panel", None)  # Typer may have a placeholder there for "not given"
    return panel if isinstance(panel, str) else otherwise


def summary(command: Any) -> str:
    """Return the first paragraph of a command's help."""
    return " ".join(cleandoc(command.help or "").partition("\n\n")[0].split())
