"""charlm serve: models over HTTP, for other programs and for a browser."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charlm.checkpoints.model_paths import existing_folder
from charlm.cli.answers import CONTRACT, PACKAGE, Answers
from charlm.cli.options import OUTPUT, Quiet, model_names, optional
from charlm.cli.output import say, write
from charlm.cli.waiting import loading
from charlm.errors import ConfigError
from charlm.registry import declarations, find
from charlm.server.limits import Limits
from charlm.wording import listed, plural

if TYPE_CHECKING:
    from charlm.model import Model

KEY = "CHARLM_API_KEY"  # the variable with the key that clients must send
_ACCESS, _LIMITS = "Who may use it", "Limits"  # headings of the help
_MEGABYTE = 2**20
_KINDS = {str: "a text", bool: "true or false"}  # of fields; numbers are checked where they are used
_MOST_MEGABYTES = f"{Limits.body / _MEGABYTE:g}"


def serve(
    model: Annotated[
        list[str] | None,
        typer.Option(
            *("--model", "-m"),
            metavar="NAME",
            help="Name of a model in checkpoints/, or path of its folder; repeatable. [the last one trained]",
            autocompletion=model_names,
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen on.", rich_help_panel=_ACCESS)
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="N", help="Port to listen on; 0 takes a free one.", rich_help_panel=_ACCESS)
    ] = 8080,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"Answer also under this host name; repeatable. It needs a key in {KEY}.",
            rich_help_panel=_ACCESS,
        ),
    ] = None,
    max_body: Annotated[
        float | None,
        optional("Largest body of a request, in megabytes.", _MOST_MEGABYTES, metavar="MB", panel=_LIMITS),
    ] = None,
    max_prompt: Annotated[
        int | None, optional("Most tokens in the prompts of a request.", str(Limits.prompt), metavar="N", panel=_LIMITS)
    ] = None,
    max_tokens: Annotated[
        int | None, optional("Most tokens in a completion.", str(Limits.tokens), metavar="N", panel=_LIMITS)
    ] = None,
    max_open: Annotated[
        int | None, optional("Most requests that are open at a time.", str(Limits.open), metavar="N", panel=_LIMITS)
    ] = None,
    timeout: Annotated[
        float | None,
        optional("Longest time for a request, in seconds.", f"{Limits.seconds:g}", metavar="SECONDS", panel=_LIMITS),
    ] = None,
    grace: Annotated[
        float | None,
        optional(
            "Time to finish open requests after a signal, in seconds.",
            f"{Limits.grace:g}",
            metavar="SECONDS",
            panel=_LIMITS,
        ),
    ] = None,
    log_prompts: Annotated[
        bool,
        typer.Option("--log-prompts", help="Print the bodies of requests on stderr too.", rich_help_panel=OUTPUT),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Serve models over HTTP, for other programs and for a browser.

    Programs that speak the completions interface use it as their server. It prints its address when it is ready, and a
    line for each request on stderr.

    Example: charlm serve --model shakespeare --port 8080
    """
    folders = [existing_folder(name) for name in model or (None,)]
    with loading(quiet):
        try:
            from charlm.server import run
        except ModuleNotFoundError as error:
            problem = f"the package {error.name}, which answers the clients, is not installed"
            raise ConfigError(problem, remedy="no_server") from None
        from charlm.pages.writing_page import page
        from charlm.server.app import Service
        from charlm.server.served import Models

    limits = {
        "body": None if max_body is None else int(max_body * _MEGABYTE),
        "prompt": max_prompt,
        "tokens": max_tokens,
        "open": max_open,
        "seconds": timeout,
        "grace": grace,
    }
    given: dict[str, Any] = {name: value for name, value in limits.items() if value is not None}
    allowed, key, bounds = allowed_host or [], os.environ.get(KEY), Limits(**given)
    run.check_access(host, allowed, key)
    with run.listen(host, port) as taken:
        models = Models([_load(folder) for folder in folders])
        service = Service(models, bounds, answer=_answers, page=page, log_prompts=log_prompts)
        _log_to_stderr(quiet)
        names, address = listed([each.name for each in models.all()]), run.url(taken, host)

        def ready() -> None:
            say(f"serving {names}; Ctrl-C stops", quiet)
            write(f"{address}\n")

        def stopping(still_open: int) -> None:
            say(f"stopping; {plural(still_open, 'request')} to finish" if still_open else "stopping", quiet)

        server = run.server(
            service, taken, host, allowed=allowed, key=key, limits=bounds, on_ready=ready, on_stopping=stopping
        )
        server.listen()


def _load(folder: Path) -> tuple["Model", int]:
    """Return a model, and when it was trained, in seconds since 1970."""
    from charlm.checkpoints.checkpoint import load
    from charlm.checkpoints.listing import written_at

    return load(folder), int(written_at(folder))


def _answers(model: "Model", texts: Sequence[str] | None, options: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Answer texts as `charlm predict --json` does."""
    from charlm.examples.reading import texts_as_inputs

    task = model.config.task
    declaration = next(each for each in declarations(PACKAGE, CONTRACT) if each.name == task)
    known = {option.name: option.type for option in declaration.options if option.only in (None, "predict")}
    for name, value in options.items():
        if name not in known:
            raise ConfigError(f"there is no field {name[:40]!r}; a {task} model has {listed(list(known)) or 'none'}")
        if known[name] in _KINDS and not isinstance(value, known[name]):
            raise ConfigError(f"{name} must be {_KINDS[known[name]]}")
    answers = find(Answers, task)(**options)
    if texts is None and not answers.answers_alone:
        raise ConfigError("text is missing; give a text or a list of texts")
    inputs = None if texts is None else texts_as_inputs(texts, task)
    return [answer.values for answer in answers.answers(model, inputs)]


class _Messages(logging.Handler):
    """Prints log records on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        say(self.format(record))


def _log_to_stderr(quiet: bool) -> None:
    """Print a line for each request, and warnings of the server; with `quiet`, errors alone."""
    handler = _Messages()
    for name in ("charlm.server", "uvicorn"):
        log = logging.getLogger(name)
        log.handlers, log.propagate = [handler], False
        log.setLevel(logging.ERROR if quiet else logging.INFO if name == "charlm.server" else logging.WARNING)
