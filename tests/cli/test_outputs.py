"""Commands that write a file: all have --output, and none replaces a file unless --overwrite says so."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.main
from conftest import LINES, Outcome

import charlm
from charlm.cli import app
from charlm.data import download

Run = Callable[..., Outcome]

# The command without its output file, and the suffix of that file.
WRITERS = {
    "report": (["report", "text"], ".html"),
    "embed map": (["embed", "map"], ".svg"),
    "embed export": (["embed", "export"], ".txt"),
    "neurons": (["neurons", "--gates", "the cat"], ".svg"),
    "score": (["score", "the cat"], ".txt"),
    "score --pairs": (["score", "--pairs", "pairs"], ".txt"),
    "export -- html": (["export", "html"], ".html"),
    "export -- onnx": (["export", "onnx"], ".onnx"),
    "tokenizer build": (["tokenizer", "build", "text"], ".json"),
}
FORMATS = ["table", "tsv", "json", "heat", "html", "kenlm"]


@pytest.fixture
def write(run: Run, line_folder: Path) -> Callable[..., Outcome]:
    """Run a command of WRITERS with this output file."""
    Path("text").write_text(LINES)
    Path("pairs").write_text("the cat ran\tran the cat\n")

    def command(name: str, output: object, *options: str) -> Outcome:
        arguments = WRITERS[name][0]
        model = [] if name == "tokenizer build" else ["--model", line_folder]
        return run(*arguments, *model, "--output", output, *options)

    return command


def test_the_list_of_commands_that_write_a_file_is_complete() -> None:
    """A command with --output also has its short form, and --overwrite."""

    def walk(command: Any, name: str) -> None:
        for child, each in getattr(command, "commands", {}).items():
            walk(each, f"{name} {child}".strip())
        options = {parameter.name: parameter.opts for parameter in command.params}
        if "output" in options:
            found.add(name)
            assert options["output"] == ["--output", "-o"] and "overwrite" in options, name

    found: set[str] = set()
    walk(typer.main.get_command(app), "")
    assert found == {name.partition(" --")[0] for name in WRITERS} | {"corpus get"}


@pytest.mark.parametrize("name", WRITERS)
def test_no_command_replaces_a_file_unless_asked(write: Callable[..., Outcome], name: str) -> None:
    output = Path(f"cats{WRITERS[name][1]}")
    output.write_text("precious")
    refused = write(name, output)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.endswith(
        f"error: {output} already exists; replace it with --overwrite, or choose another --output\n"
    )
    assert output.read_text() == "precious"
    done = write(name, output, "--overwrite")
    assert done.code == 0 and str(output) in done.out + done.err, done.err
    assert output.read_bytes() != b"precious"
    fresh = output.with_stem("fresh")
    assert write(name, fresh).code == 0
    assert fresh.read_bytes() == output.read_bytes() or name == "report"  # which tells when it was written


@pytest.mark.parametrize("name", WRITERS)
def test_only_a_file_can_be_replaced(write: Callable[..., Outcome], name: str) -> None:
    """Not a folder, a device, or a link that leads nowhere; and a missing folder is not created."""
    Path("folder").mkdir()
    os.symlink("nowhere", "link")
    for output in ("folder", os.devnull, "link", f"missing/page{WRITERS[name][1]}"):
        refused = write(name, output, "--overwrite")
        assert (refused.code, refused.out) == (2, "")
        assert output.partition("/page")[0] in refused.err and "choose another --output" in refused.err
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("format", FORMATS)
def test_a_format_is_the_same_in_a_file_as_on_stdout(run: Run, line_folder: Path, format: str) -> None:
    command = ["score", "--format", format, "-m", line_folder, "the cat", "a dog"]
    printed = run(*command).out
    assert run(*command, "-o", "scores").out == "scores\n"
    assert printed and Path("scores").read_text(encoding="utf-8") == printed


def test_a_failure_leaves_no_file(run: Run, line_folder: Path) -> None:
    done = run("score", "--unknown=error", "-m", line_folder, "-o", "scores", "the cat", "Zürich")
    assert (done.code, done.out) == (1, "")
    assert os.listdir() == []


def test_the_default_file_in_the_folder_of_the_model_is_replaced(run: Run, line_folder: Path, tmp_path: Path) -> None:
    """But the default file of `embed map` lies in the folder of the user."""
    shutil.copytree(line_folder, "model")
    Path("text").write_text(LINES)
    for _ in range(2):
        assert run("report", "-m", "./model", "text").code == 0
    assert run("embed", "map", "-m", "./model").out == "model-map.svg\n"
    assert run("embed", "map", "-m", "./model").code == 2


@pytest.mark.parametrize(
    ("former", "sentence"),
    [
        (["score", "--html", "file.html", "the cat"], "--html FILE is now --format html --output FILE"),
        (["embed", "export", "file.txt"], "the argument FILE is now --output FILE"),
        (["neurons", "--saturation", "file.svg", "the cat"], "--saturation FILE is now --gates --output FILE"),
    ],
)
def test_a_former_spelling_works_and_names_the_current_one(
    run: Run, line_folder: Path, former: list[str], sentence: str
) -> None:
    (output,) = (Path(each) for each in former if each.startswith("file"))
    done = run(*former, "-m", line_folder)
    assert done.code == 0 and f"{sentence}; the old name will go in 0.3\n" in done.err
    assert output.stat().st_size
    assert run(*former, "-m", line_folder).code == 2, "it does not replace a file either"


def test_a_download_replaces_no_other_text(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "fetch", lambda *arguments: pytest.fail("nothing may be downloaded"))
    Path("names.txt").write_text("precious")
    refused = run("corpus", "get", "names")
    assert refused.code == 2 and "names.txt already exists; replace it with --overwrite" in refused.err


def test_a_page_is_not_for_a_terminal(run: Run, line_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from charlm.cli.formats import logarithms
    from charlm.cli.formats.html import Html

    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with pytest.raises(charlm.ConfigError, match="an HTML page is not for a terminal; name a file with --output"):
        Html().begin(logarithms(None), "")
