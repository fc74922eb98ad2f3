"""The command line: options in, a library call, words out. Only this folder knows Typer and Rich.

`main` is the one place where errors become sentences and exit codes: 0 done · 1 failed · 2 usage, a name that does
not exist, an option out of range · 3 model missing or unusable · 4 model in use · 130, 143, 129 stopped by a signal.
"""

import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, NoReturn

import typer

from charlm.cli import (
    cache,
    compare,
    corpus,
    embed,
    evaluate,
    gradients,
    info,
    neurons,
    report,
    sample,
    score,
    tokenizer,
    train,
    why,
)
from charlm.cli.output import closable_streams, one_talks, prepare_streams
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

# \b keeps the lines as they are.
_STEPS = """\b
Three steps:
  charlm train corpus.txt       a model of your text, in three minutes
  charlm sample                 new text from it
  charlm score "a sentence"     how likely a text is, token by token
"""

app = typer.Typer(
    help="Train, sample and score language models of your own text with recurrent networks.",
    epilog=_STEPS,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help and one-line errors; boxes would also triple the time to --help
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    train.train,
    sample.sample,
    score.score,
    evaluate.evaluate,
    compare.compare,
    gradients.gradients,
    neurons.neurons,
    why.why,
    report.report,
    info.info,
    cache.cache,
):
    app.command()(command)
app.add_typer(corpus.app, name="corpus")
app.add_typer(tokenizer.app, name="tokenizer")
app.add_typer(embed.app, name="embed")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"charlm {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option(_DEBUG, help="Show the traceback of an error; may stand anywhere.")] = False,
) -> None:
    """Options of all commands; `main` has taken `--debug` out already."""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    arguments, debug = _take_debug(list(sys.argv[1:] if argv is None else argv))
    prepare_streams()
    one_talks(launched())
    stopped = _Signals()
    with closable_streams():
        code = _run(arguments, debug)
    if launched().world_size > 1:
        stopped.ignore()  # by torchrun, while this process ends as it has asked it to
    sys.exit(stopped.exit_code or code)


def _run(arguments: list[str], debug: bool) -> int:
    """The exit code of a command."""
    try:
        try:
            app(args=arguments, prog_name="charlm")
        finally:
            sys.stdout.flush()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except KeyboardInterrupt:  # between what Typer sees
        return 130
    except Exception as error:
        alone, launch = not isinstance(error, CharlmError), launched()  # the other processes do not find it too
        stream = sys.__stderr__ if alone and launch.local_rank else sys.stderr
        if debug:
            traceback.print_exc(file=stream)
        which = f" in process {launch.rank}" if alone and launch.world_size > 1 else ""
        print(f"error{which}: {_sentence(error)}", file=stream)
        return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), 1)
    return 0


class _Signals:
    """Turns a request to end into a kind of KeyboardInterrupt, and remembers which it was."""

    def __init__(self) -> None:
        self.exit_code = 0
        for name in ("SIGTERM", "SIGHUP"):
            # One that is ignored already, as under nohup, stays so.
            if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) != signal.SIG_IGN:
                signal.signal(getattr(signal, name), self._stop)

    def ignore(self) -> None:
        """From now on there is nothing left to stop."""
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
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, MemoryError) or "allocate memory" in str(error) or "out of memory" in str(error):
        return "not enough memory; try a smaller --hidden-size, --batch-size or --seq-len"
    return f"charlm failed unexpectedly ({type(error).__name__}: {error}); {_DEBUG} shows where, please report it"
