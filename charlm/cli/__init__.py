"""Command line: it parses options, calls the library, and prints the result. Only this package uses Typer and Rich.

`main` is the one place that turns errors into sentences and exit codes: 0 done; 1 failed; 2 usage, a name that does not
exist, or an option out of range; 3 the model is missing or unusable; 4 another process is training the model; 130, 143,
129 stopped by a signal.

The module of a command is imported when the command is called, and imports torch inside its function, so that no help
page waits for it.
"""

from charlm.cli import started  # isort: skip  # before anything that takes long

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from charlm.cli import shortage, usage, utf8
from charlm.cli.commands import Main
from charlm.cli.output import closable_streams, prepare_streams, say_error, silence_other_processes, use_color
from charlm.cli.remedies import sentence
from charlm.errors import CharlmError, ConfigError, CorpusNotFoundError, ModelError, ModelInUseError
from charlm.interrupts import Terminated
from charlm.training.torchrun import launched
from charlm.version import __version__

_EXIT_CODES: tuple[tuple[type[CharlmError], int], ...] = (
    (ConfigError, 2),
    (CorpusNotFoundError, 2),
    (ModelError, 3),
    (ModelInUseError, 4),
    (CharlmError, 1),
)
_DEBUG = "--debug"
_COMPLETION = "_CHARLM_COMPLETE"  # the variable with which a shell asks Typer for completions

app = typer.Typer(
    cls=Main,
    help="Train, sample and score language models of your own text with recurrent networks.",
    no_args_is_help=True,
    rich_markup_mode=None,  # Rich would triple the time to --help
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"charlm {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option(_DEBUG, help="Show the traceback of an error; allowed anywhere on the line.")
    ] = False,
) -> None:
    """Declare the options of all commands. `main` removes `--debug` before Typer sees it."""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    if argv is None:
        utf8.begin_in_utf_8()
    started.begin(with_process=argv is None)
    arguments, debug = _take_debug(list(sys.argv[1:] if argv is None else argv))
    prepare_streams()
    silence_other_processes(launched())
    stopped = _Signals()
    with closable_streams():
        utf8.warn_of_other_bytes(arguments)
        code = _run(arguments, debug, stopped)
    if launched().world_size > 1:
        stopped.ignore()  # torchrun may signal again while this process ends
    sys.exit(stopped.exit_code or code)


def _run(arguments: list[str], debug: bool, signals: "_Signals") -> int:
    """Run a command and return its exit code."""
    try:
        try:
            code = app(
                args=arguments, prog_name="charlm", standalone_mode=False, color=use_color(sys.stdout)
            )  # the exit code of --help, --version and Ctrl-C; None of a command
        finally:
            sys.stdout.flush()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except KeyboardInterrupt:  # outside the code that Typer guards
        return 130
    except Exception as error:
        if launched().world_size > 1:
            signals.ignore()  # torchrun signals the others as soon as one has ended, and each error is printed once
        if usage.is_usage_error(error):
            return _refused(error)
        if isinstance(error, typer.Abort):  # stdin ended while a command waited for an answer
            say_error("the input has ended")
            return 1
        alone, launch = not isinstance(error, CharlmError), launched()  # only this process has the error
        stream = sys.__stderr__ if alone and launch.local_rank and sys.__stderr__ else sys.stderr
        if debug:
            traceback.print_exc(file=stream)
        which = f" in process {launch.rank}" if alone and launch.world_size > 1 else ""
        say_error(_sentence(error), f"error{which}", stream)
        return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), 1)
    return code if isinstance(code, int) else 0


def _refused(error: Any) -> int:
    """Print why the parser refused the command line, or the help of a group that was called without a command."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.ctx.color = use_color(sys.stderr)
        print(error.ctx.get_help(), file=sys.stderr)
    else:
        say_error(usage.sentence(error))
    return int(error.exit_code)


class _Signals:
    """Turn SIGTERM and SIGHUP into a KeyboardInterrupt, and keep the exit code."""

    def __init__(self) -> None:
        self.exit_code = 0
        for name in ("SIGTERM", "SIGHUP"):
            # A signal that is ignored, as under nohup, stays ignored.
            if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) != signal.SIG_IGN:
                signal.signal(getattr(signal, name), self._stop)

    def ignore(self) -> None:
        """Ignore SIGTERM from now on."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.exit_code = 128 + number
        raise Terminated


def _take_debug(arguments: list[str]) -> tuple[list[str], bool]:
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = arguments[:end]
    return [each for each in options if each != _DEBUG] + arguments[end:], _DEBUG in options


def _sentence(error: Exception) -> str:
    if isinstance(error, CharlmError):
        return sentence(error)
    if _COMPLETION in os.environ:
        return f"{_COMPLETION} is for the completion of a shell; unset it"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if problem := shortage.sentence(error):
        return problem
    if isinstance(error, ImportError):
        return f"a library cannot be loaded ({error}); install charlm again"
    problem = f"charlm failed unexpectedly ({type(error).__name__}: {error})"
    return f"{problem}; please report it, with the traceback that {_DEBUG} shows"
