"""Help pages, and the completion of the shell."""

import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from conftest import Outcome
from typer.main import get_command

from charlm.cli import app
from charlm.cli.commands import COMMANDS as COMMANDS_BY_HEADING
from charlm.cli.help_page import summary
from charlm.registry import names

Run = Callable[..., Outcome]
COMMANDS = ["train", "search", "sample", "score", "evaluate", "compare", "info", "report"]
COMMANDS += ["corpus stdlib", "corpus get"]
COMMANDS += ["embed neighbors", "embed analogy", "embed map", "embed export"]
COMMANDS += ["list", "remove", "rename", "cache", "gradients", "neurons", "why", "tokenizer build", "tokenizer show"]


def test_charlm_alone_shows_the_three_steps(run: Run) -> None:
    shown = run()
    lines = [line.strip() for line in (shown.out + shown.err).splitlines()]
    steps = [line.split("  ")[0] for line in lines if line.startswith("charlm ")]
    assert steps == ["charlm train corpus.txt", "charlm sample", 'charlm score "a sentence"']


def test_the_version_is_that_of_the_package(run: Run) -> None:
    import charlm

    assert run("--version").out == f"charlm {charlm.__version__}\n"


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_80_columns_and_is_complete(run: Run, command: str) -> None:
    done = run(*command.split(), "--help")
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= 80
    assert "..." not in done.out.replace("]...", "").replace("ARGS...", "").replace("NAME...", "").replace(
        "CORPUS...", ""
    ), "nothing is cut off"
    assert not command or f"Example: charlm {command} " in re.sub(r"[\s\\]+", " ", done.out)
    assert not re.search(r"<(int|float|str|list|path)\b", done.out), "values have names that people know"


def test_no_help_page_imports_torch_numpy_or_rich() -> None:
    program = f"""
import contextlib, io, sys
from charlm import cli
for words in {["", *COMMANDS]!r}:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        cli.main([*words.split(), "--help"])
print(*sorted(sys.modules.keys() & {{"torch", "numpy", "rich", "optuna", "charlm.language_model"}}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.split() == []


def test_a_command_is_summarized_as_in_its_own_help() -> None:
    """The page of charlm has the summaries in a list, so that it need not import the commands."""
    program: Any = get_command(app)
    for commands in COMMANDS_BY_HEADING.values():
        for name, words in commands.items():
            assert words == summary(program.commands[name]), name


def test_a_command_is_imported_alone() -> None:
    program = """
import contextlib, io, sys
from charlm import cli
for words in (["--help"], ["info", "--help"]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        cli.main(words)
    print(*(name in sys.modules for name in ("charlm.checkpoints", "charlm.cli.info", "charlm.cli.sample")))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == "False False False\nTrue True False\n", "charlm --help needs no model"


def completed(place: Path, *words: str) -> list[str]:
    """Return what the shell offers for the last of some words, as the program answers it."""
    asked = {"_CHARLM_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as printed, pytest.raises(SystemExit):
        patch.chdir(place)
        for name, value in asked.items():
            patch.setenv(name, value)
        app(prog_name="charlm")
    return printed.getvalue().split()


@pytest.mark.skipif(sys.platform == "win32", reason="bash")
def test_the_shell_completes_options_models_and_cells(line_folder: Path, tmp_path: Path) -> None:
    for name in ("poems", "prose", "names"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
        (tmp_path / "checkpoints" / name / "config.json").write_bytes((line_folder / "config.json").read_bytes())
    assert completed(tmp_path, "charlm", "sa") == ["sample"]
    assert completed(tmp_path, "charlm", "train", "--minu") == ["--minutes"]
    assert completed(tmp_path, "charlm", "sample", "-m", "p") == ["poems", "prose"]
    assert completed(tmp_path, "charlm", "train", "--model", "n") == ["names"]
    assert completed(tmp_path, "charlm", "remove", "poems", "p") == ["poems", "prose"]
    assert completed(tmp_path, "charlm", "rename", "pr") == ["prose"]
    assert completed(tmp_path, "charlm", "info", "") == ["names", "poems", "prose"]
    assert completed(tmp_path, "charlm", "train", "--cell", "") == list(names("nn.cells"))
    assert completed(tmp_path, "charlm", "train", "--sequence", "s") == ["stream"]
    assert completed(tmp_path, "charlm", "embed", "neighbors", "--side", "") == ["input", "output"]
