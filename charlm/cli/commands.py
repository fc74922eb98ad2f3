"""The commands of charlm. The module of a command is imported when it is called, so that the others cost no time.

A command is a function in a module of its own name, or a group of commands, which is `app` there.
"""

import os
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any

import typer

from charlm.cli.help_page import Group, HelpPage, Rows
from charlm.errors import ConfigError
from charlm.files.reading import reason

# By heading: the name of each command, and the first sentence of its help.
COMMANDS = {
    "Train and use a model": {
        "train": "Train a model on a text.",
        "search": "Search for the settings with which training works best.",
        "sample": "Generate text from a model.",
        "predict": "Answer each text: with a label, tags, another text, or a forecast.",
        "score": "Print how likely a text is, token by token.",
        "evaluate": "Measure how well a model predicts files.",
        "compare": "Compare two models on one text, or a model with an n-gram.",
        "serve": "Serve models over HTTP, for other programs and for a browser.",
    },
    "Look after models": {
        "list": "List all models, and runs that were stopped.",
        "info": "Show what a model is, and how to repeat its training.",
        "rename": "Give a model another name, with the run that would continue it.",
        "remove": "Delete models, with the runs that would continue them.",
        "export": "Write a model as a file for other programs.",
    },
    "Look inside a model": {
        "report": "Show what a model learned on one page for a browser.",
        "why": "Show which earlier tokens each prediction depends on.",
        "neurons": "Show what single units do while the model reads a text.",
        "gradients": "Measure how far back the gradient of the loss reaches.",
        "embed": "Look up, draw or export the vectors of a model's tokens.",
    },
    "Texts and files": {
        "corpus": "Get a text to try charlm on.",
        "tokenizer": "Build or show a vocabulary.",
        "cache": "List or clear the files that charlm keeps for large corpora.",
    },
}
_MODULES = {"list": "list_models"}  # where the module has another name than the command


class Main(Group):
    """The program itself."""

    steps = (
        ("charlm train corpus.txt", "a model of your text, in three minutes"),
        ("charlm sample", "new text from it"),
        ('charlm score "a sentence"', "how likely a text is, token by token"),
    )

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Commands()

    def sections(self, ctx: Any) -> dict[str, Rows]:
        return {heading: list(commands.items()) for heading, commands in COMMANDS.items()}

    def invoke(self, ctx: Any) -> Any:
        try:
            os.getcwd()
        except OSError as error:  # torch's libraries would end the process
            problem = f"the current folder cannot be used: {reason(error)}; change to a folder that exists"
            raise ConfigError(problem) from None
        return super().invoke(ctx)


class _Commands(MutableMapping[str, Any]):
    """The commands by name; each is loaded when it is asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {name: None for commands in COMMANDS.values() for name in commands}

    def __getitem__(self, name: str) -> Any:
        if self._loaded[name] is None:
            self._loaded[name] = _load(name)
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._loaded

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded)

    def __len__(self) -> int:
        return len(self._loaded)


def _load(name: str) -> Any:
    """Return a command as the parser knows it."""
    module = import_module(f"charlm.cli.{_MODULES.get(name, name)}")
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name, cls=HelpPage)(getattr(module, _MODULES.get(name, name)))
    command = typer.main.get_command(app)
    command.name = name
    return command
