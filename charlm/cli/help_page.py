"""The help page of a command: its options under the headings that they name as `rich_help_panel`."""

from typing import Any

from typer.core import TyperCommand

from charlm.cli import dashes


class HelpPage(TyperCommand):
    """Command with a help page in sections. Options without a heading come first, under "Options".

    An unknown option that may be a text is an error that says how to give it.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given = list(args)  # the parser empties `args`
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if hasattr(error, "possibilities"):  # only NoSuchOption has these; where its class lives varies with Typer
                dashes.explain(error, ctx, given)
            raise

    def format_options(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                name = parameter.metavar if parameter.param_type_name == "argument" else None
                sections.setdefault(_heading(parameter), []).append((name or record[0], record[1]))
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


def _heading(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return "Arguments"
    return getattr(parameter, "rich_help_panel", None) or "Options"
