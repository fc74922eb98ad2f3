"""The pages cannot go stale: their commands and examples run, and they name only options and files that exist."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from conftest import LINES, STREAM
from fast_cli import quick_charlm
from test_architecture import ORDER, TREES, dotted, imports

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))

import generate  # noqa: E402

# README first; test_lessons.py runs the commands of docs/lessons.
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted((DOCS / "guide").glob("*.md"))]
EVERYTHING = [*PAGES, *sorted((DOCS / "lessons").glob("*.md"))]
TEXTS = {path: path.read_text(encoding="utf-8") for path in EVERYTHING}
# Just enough for a network that predicts better than the counts alone, which have nothing to look into.
QUICK = {"steps": "100", "learning-rate": "0.05", "hidden-size": "16", "layers": "1", "batch-size": "8"}
QUICK |= {"seq-len": "16", "threads": "1"}
OTHER_OPTIONS = {"--extra-index-url", "--index-url"}  # of pip
OTHER_OPTIONS |= {"--nnodes", "--nproc-per-node", "--rdzv-backend", "--rdzv-endpoint", "--rdzv-id", "--max-restarts"}
OTHER_OPTIONS |= {"--model_args", "--tasks"}  # of lm-eval
OTHER_OPTIONS |= {"--job-name", "--nodes", "--ntasks-per-node", "--cpus-per-task", "--time", "--requeue", "--open-mode"}
OTHER_OPTIONS |= {"--signal", "--no-cache-dir", "--tag", "--rm", "--init", "--stop-timeout", "--user", "--volume"}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXTS[page], flags=re.DOTALL)


def lines(page: Path) -> list[str]:
    shown = (line for block in blocks(page, "sh") for line in block.splitlines())
    return [line for line in shown if line.strip() and not line.startswith("#")]


def commands(page: Path) -> list[str]:
    """The commands of a page that no page before it has."""
    known = {line for each in PAGES[: PAGES.index(page)] for line in lines(each)}
    return [line for line in lines(page) if line not in known]


def quickly(command: str) -> str:
    """The command as the tests run it: training is short, and the network is small; a search has two trials."""
    if shlex.split(command)[:2] not in (["charlm", "train"], ["charlm", "search"]):
        return command
    command = re.sub(r" --minutes \S+", "", command)
    for option, value in QUICK.items():
        command = re.sub(rf" --{option} \S+", "", command) + f" --{option} {value}"
    return f"{command} --trials 2" if " search " in command else command


def run(script: list[str], folder: Path, program: Path) -> str:
    """What the commands print. They run in one shell, and the first failure ends it."""
    environment = os.environ | {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-c", "\n".join(["set -ex", *script])],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A `charlm` that starts at once."""
    with quick_charlm(tmp_path_factory.mktemp("program")) as path:
        yield path


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the texts that the pages use."""
    folder = tmp_path_factory.mktemp("texts")
    cats = "".join((ROOT / "corpora" / "cats.txt").read_text(encoding="utf-8").splitlines(True)[:400])
    (folder / "corpus.txt").write_text("The cat sat on the mat.\n\n" * 20 + STREAM + cats, encoding="utf-8")
    (folder / "names.txt").write_text(LINES + "emma\nmaria\nbenjamin\n" + cats, encoding="utf-8")
    (folder / "corpora").mkdir()
    for name in ("cats.txt", "films.txt", "teddy.conll", "names.tsv", "bakery.csv"):
        lines_of = (ROOT / "corpora" / name).read_text(encoding="utf-8").splitlines(True)
        (folder / "corpora" / name).write_text("".join(lines_of[:400]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def models(texts: Path, program: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The texts, and the models that README trains and later pages use."""
    folder = tmp_path_factory.mktemp("models") / "workshop"
    shutil.copytree(texts, folder)
    train = [line for line in commands(PAGES[0]) if line.startswith("charlm train") and "--resume" not in line]
    run([f"{quickly(line)} --quiet" for line in train if "--overwrite" not in line], folder, program)
    return folder


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.stem)
def test_every_command_of_a_page_runs(
    page: Path, program: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """README trains its models itself; any other page finds them."""
    start: Path = request.getfixturevalue("texts" if page == PAGES[0] else "models")
    shutil.copytree(start, tmp_path / "workshop")
    run([quickly(line) for line in commands(page)], tmp_path / "workshop", program)


def test_every_page_with_commands_is_run() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 50
    run_by_the_lessons = [page for page in EVERYTHING if page.parent.name == "lessons"]
    found = [page for page in sorted(DOCS.rglob("*.md")) if "```sh\n" in page.read_text(encoding="utf-8")]
    assert set(found) <= {*PAGES, *run_by_the_lessons}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.stem)
def test_every_example_in_python_runs(page: Path, models: Path, tmp_path: Path) -> None:
    shutil.copytree(models, tmp_path / "workshop")
    printed = StringIO()
    with chdir(tmp_path / "workshop"), redirect_stdout(printed):
        for example in blocks(page, "python"):
            quick = example.replace("minutes=1", "steps=100, learning_rate=0.05, hidden_size=16, layers=1")
            assert "minutes" not in quick
            exec(compile(quick, str(page), "exec"), {})
    assert printed.getvalue()


def test_the_commands_of_make_demo_run(texts: Path, program: Path, tmp_path: Path) -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory", "-n", "-B", "demo"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    recipe = [line for line in listed.splitlines() if line.startswith(".venv/bin/charlm") and "corpus" not in line]
    assert [shlex.split(line)[1] for line in recipe] == ["train", "sample", "score"]
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo/stdlib.txt").write_text("def f(self):\n    return self\n\n" * 200, encoding="utf-8")
    script = [line.removeprefix(".venv/bin/").replace(" --minutes 2", "") for line in recipe]
    assert "log-probability" in run([quickly(line) for line in script], tmp_path, program)


@pytest.mark.parametrize("path", generate.pages(), ids=lambda path: path.stem)
def test_a_generated_page_is_not_stale(path: Path) -> None:
    """If this fails, run `make docs-pages`."""
    assert path.read_text(encoding="utf-8") == generate.pages()[path]


def test_the_pages_name_only_options_that_exist() -> None:
    known = set(re.findall(r"--[a-z][\w-]+", generate.command_line())) | OTHER_OPTIONS
    for page, text in TEXTS.items():
        if page.name != "style.md":
            assert set(re.findall(r"(?<![\w-])--[a-z][\w-]+", text)) <= known, page


def test_the_pages_name_only_files_that_exist() -> None:
    """Names of files and folders of the repository, such as `charlm/nn/cells/` or `tests/nn/test_scan.py`."""
    for page, text in TEXTS.items():
        named = set(re.findall(r"`((?:charlm|tests|docs|benchmarks|corpora|fuzz)/[\w./-]*)", text))
        assert [name for name in sorted(named) if not (ROOT / name).exists()] == [], page


def test_every_link_leads_somewhere() -> None:
    """Links between pages and to pictures; the anchors are those that GitHub and the site make of headings."""
    for page in [*EVERYTHING, *ROOT.glob("*.md"), *ROOT.glob("*/README.md")]:
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if not link.startswith("https://"):
                name, _, anchor = link.partition("#")
                target = (page.parent / name).resolve() if name else page
                assert target.exists(), f"{page.name}: {link}"
                assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_readme_is_short() -> None:
    assert len(TEXTS[PAGES[0]].splitlines()) <= 200


def test_the_name_of_someone_else_is_never_installed() -> None:
    wrong = re.compile(r"pip install (-U |--upgrade )?charlm(?!-rnn)")
    for path in [*EVERYTHING, *ROOT.glob("*.md"), ROOT / "Makefile", *(ROOT / "charlm").rglob("*.py")]:
        assert not wrong.search(path.read_text(encoding="utf-8")), path


def test_the_architecture_has_the_packages_in_their_order() -> None:
    assert re.findall(r"^\| `(\w+)` \|", TEXTS[DOCS / "architecture.md"], flags=re.MULTILINE) == ORDER[::-1]


@pytest.mark.parametrize(("command", "longest"), [("train", 7), ("score", 6), ("sample", 6)])
def test_the_walk_of_a_command_is_short_and_downward(command: str, longest: int) -> None:
    """Imports lead from the first file to each other one, and from none of them back to it."""
    _, _, section = TEXTS[DOCS / "architecture.md"].partition(f"## What happens in `charlm {command}`")
    walk = re.findall(r"^\d\. `(charlm/[\w/]+\.py)`", section.partition("\n## ")[0], flags=re.MULTILINE)
    files = [dotted(ROOT / path) for path in walk]
    assert 1 < len(files) <= longest
    assert files[0] == f"charlm.cli.{command}"
    assert set(files) <= reached(files[0])
    assert not [file for file in files[1:] if files[0] in reached(file)]


def reached(file: str) -> set[str]:
    """The file, and every file of charlm that it imports, directly or through others."""
    seen, waiting = set(), [file]
    while waiting:
        name = waiting.pop()
        if name in TREES and name not in seen:
            seen.add(name)
            waiting += imports(name)
    return seen
