"""charlm search: the settings with which training works best on a text."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charlm.checkpoints.model_paths import CHECKPOINTS
from charlm.cli.config_options import TIME, TRAIN_OPTIONS, TokenizerFile, ValidFiles, check_texts, configured
from charlm.cli.inputs import as_paths, read_vocabulary
from charlm.cli.options import Json, Quiet, option_name, optional
from charlm.cli.output import say, write, write_json
from charlm.cli.started import began
from charlm.cli.variant_options import NONE, Given
from charlm.cli.waiting import loading
from charlm.config import BUDGETS
from charlm.data import corpus
from charlm.errors import ConfigError
from charlm.files.atomic import write_atomic
from charlm.search.budget import DEFAULT_MINUTES, SHARE, Budget
from charlm.search.history import History, Trial
from charlm.search.varied import VARIED
from charlm.wording import file_argument, shell_command

if TYPE_CHECKING:
    from charlm.search.study import Store

STUDY, _SUFFIX, _PAGE = "Study", ".study.db", ".study.html"
_OF_TRIALS = {
    "epochs": "Passes over the corpus in a trial, instead of --trial-minutes.",
    "steps": "Training steps in a trial, instead of --trial-minutes.",
}
_HELP = {
    name: replace(help, text=_OF_TRIALS.get(name, help.text), default="varied" if name in VARIED else help.default)
    for name, help in TRAIN_OPTIONS.items()
    if name not in ("minutes", "save_every")
}


@configured(_HELP)
def search(
    texts: Annotated[
        list[str], typer.Argument(metavar="CORPUS", help="Text files, folders of text files, or .gz files.")
    ],
    minutes: Annotated[
        float | None,
        optional(
            "Time for all trials of the study together, in minutes.",
            f"{DEFAULT_MINUTES:g}, without --trials",
            metavar="MINUTES",
            panel=TIME,
        ),
    ] = None,
    trial_minutes: Annotated[
        float | None,
        optional("Time for one trial, in minutes.", f"--minutes divided by {SHARE}", metavar="MINUTES", panel=TIME),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option("--trials", metavar="N", help="Largest number of trials in the study.", rich_help_panel=TIME),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            "--study",
            metavar="NAME",
            help=f"Name of the study, or the path of its file. Default: NAME{_SUFFIX} in checkpoints/, with the name of"
            " the corpus file.",
            rich_help_panel=STUDY,
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage",
            metavar="URL",
            help="Keep the study in this database, which several machines may share.",
            rich_help_panel=STUDY,
        ),
    ] = None,
    options: Given = NONE,
    valid: ValidFiles = None,
    tokenizer_file: TokenizerFile = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search for the settings with which training works best.

    Each trial is a short training. The first trial has the defaults. The others vary width, depth, learning rate,
    dropout and tokenizer, except those that an option sets. A trial that is worse than most is stopped early. The same
    command continues a study that was stopped. The search needs Optuna: pip install optuna

    Example: charlm search poems.txt --minutes 60
    """
    began()
    if corpus.STDIN in (*texts, *(valid or ())):
        raise ConfigError("a search reads the corpus for each trial, so it cannot be stdin; give a file")
    check_texts(options, valid, tokenizer_file)
    name, path = _named(corpus.stem(texts[0]) if study is None else study, in_file=storage is None)
    budget = Budget(minutes, trials)
    with loading(quiet):
        try:
            import optuna  # noqa: F401
        except ModuleNotFoundError as error:
            problem = f"the package {error.name}, which chooses the trials, is not installed"
            raise ConfigError(problem, remedy="no_search") from None
        from charlm.cli.view.search_view import SearchView, summary
        from charlm.search.events import Event, Interrupted, TrialEnded
        from charlm.search.run import search as search_settings
        from charlm.search.study import Store

    store = Store(storage, name) if storage else Store.in_file(path, name)
    vocabulary = read_vocabulary(tokenizer_file, quiet) if tokenizer_file else None
    fixed = {each: value for each, value in options.items() if each not in BUDGETS}
    words = [*_as_options(fixed), *_files("--valid", valid), *_files("--tokenizer-file", [tokenizer_file])]
    result = _Result(texts, words, name, store, path.with_name(name + _PAGE), json)

    def report(event: Event) -> None:
        view(event)
        if isinstance(event, TrialEnded | Interrupted):
            result.write_page(event.history)

    view = SearchView(store.shown, budget, quiet)
    try:
        with view:
            search_settings(
                as_paths(texts),
                store,
                budget,
                given=options,
                valid=as_paths(valid) if valid else None,
                vocabulary=vocabulary,
                trial_minutes=trial_minutes,
                report=report,
            )
    except KeyboardInterrupt:
        if view.history is not None:
            say("stopped; to continue, run the same command again", quiet)
        raise
    finally:
        if view.history is not None and view.history.trials:
            for line in summary(view.history):
                say(line, quiet)
            say(f"page       {result.page}", quiet)
            result.write(view.history)


class _Result:
    """The results of a search: the page, and on stdout the best command."""

    def __init__(
        self, texts: Sequence[str], fixed: Sequence[str], name: str, store: "Store", page: Path, json: bool
    ) -> None:
        self.page = page
        self._texts, self._fixed, self._name, self._store, self._json = texts, fixed, name, store, json

    def write_page(self, history: History) -> None:
        """Replace the page."""
        from charlm.pages.search_page import page

        contents = page(history, self._name, [Path(each).name for each in self._texts], self._command(history))
        self.page.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self.page, contents.encode(errors="backslashreplace"))

    def write(self, history: History) -> None:
        """Write the best command, or JSON, to stdout."""
        self.write_page(history)
        if self._json:
            write_json(self._values(history))
        elif history.best:
            write(f"{self._command(history)}\n")

    def _values(self, history: History) -> dict[str, Any]:
        best, default, command = history.best, history.default, self._command(history)
        return {
            "study": self._name,
            "storage": self._store.shown,
            "page": str(self.page),
            "seconds": history.seconds,
            "cost": history.cost_name,
            "best": {"trial": best.number + 1, "cost": best.cost, "command": command} if best else None,
            "default": {"trial": default.number + 1, "cost": default.cost} if default else None,
            "importance": history.importance,
            "trials": [_trial_values(trial) for trial in history.trials],
        }

    def _command(self, history: History) -> str:
        """Return the command that trains a model as the best trial did; "" if no trial is complete."""
        if history.best is None:
            return ""
        words = ["charlm", "train", *map(file_argument, self._texts), "--model", f"{self._name}-best", *self._fixed]
        return shell_command([*words, *_as_options({**history.trial, **history.best.settings})])


def _trial_values(trial: Trial) -> dict[str, Any]:
    return {
        "trial": trial.number + 1,
        "ending": trial.ending,
        "default": trial.is_default,
        "settings": trial.settings,
        "cost": trial.cost,
        "seconds": trial.seconds,
        "curve": trial.curve,
        "reason": trial.reason,
    }


def _named(value: str, *, in_file: bool) -> tuple[str, Path]:
    """Return the name of a study, and its file: the one given as a path, or that of its name in checkpoints/.

    Raises ConfigError for an unusable name, or for a path if the study is not kept in a file.
    """
    is_path = any(separator in value for separator in (os.sep, os.altsep) if separator)
    path = Path(value) if is_path else CHECKPOINTS / f"{value.removesuffix(_SUFFIX)}{_SUFFIX}"
    if not value or (value.startswith(("-", ".")) and not is_path) or path.name in ("", _SUFFIX) or path.is_dir():
        raise ConfigError(f"a study cannot be named {value!r}; choose another name with --study")
    if is_path and not in_file:
        raise ConfigError(f"--storage keeps the study in a database, under a name; {value} is the path of a file")
    return path.name.removesuffix(_SUFFIX) if path.name.endswith(_SUFFIX) else path.stem, path


def _as_options(settings: Given) -> list[str]:
    """Return settings as options, with their values."""
    words = []
    for name, value in settings.items():
        if isinstance(value, bool):
            words.append(option_name(name if value else f"no_{name}"))
        else:
            words += [option_name(name), str(value)]
    return words


def _files(option: str, paths: Sequence[str | Path | None] | None) -> list[str]:
    return [word for path in paths or () if path for word in (option, str(path))]
