"""The list of models, and removing and renaming them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import workshop
from conftest import Outcome

import charlm
from charlm.checkpoints import model_folder, model_paths
from charlm.checkpoints.checkpoint import describe
from charlm.checkpoints.listing import summaries, summary
from charlm.cli import options

Run = Callable[..., Outcome]
FIXTURES = Path(__file__).parents[1] / "fixtures" / "models"
FILES = {"README.md", "config.json", "metrics.jsonl", "model.safetensors", "plan.json", "tokenizer.json"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workshop")
    workshop.build(folder)
    for age, name in enumerate(("poems", "prose", "draft")):
        os.utime(folder / "checkpoints" / name / "model.safetensors", (age * 86400 + 43200,) * 2)
    return folder


@pytest.fixture(autouse=True)
def models(built: Path, run: Run, tmp_path: Path) -> Path:
    """The folder `checkpoints`, in which prose is the model that was trained last."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return tmp_path / "checkpoints"


def names() -> set[str]:
    return set(os.listdir("checkpoints"))


def refused(done: Outcome, code: int) -> str:
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("error: ") and done.err.count("\n") == 1
    return done.err


# list


def test_the_list_has_a_row_for_each_model_and_run(run: Run) -> None:
    done = run("list")
    bits = {
        name: f"{describe(Path('checkpoints', name))['validation']['bits_per_char']:.4f}"
        for name in ("poems", "prose", "draft")
    }
    assert [" ".join(line.split()) for line in done.out.splitlines()] == [
        "name cell parameters bits/char trained corpus",
        f"draft 1 × gru 4 318 {bits['draft']} 1970-01-03 text.txt stopped at step 2 of 4",
        f"prose * 1 × gru 4 318 {bits['prose']} 1970-01-02 text.txt",
        f"poems 1 × gru 4 318 {bits['poems']} 1970-01-01 text.txt",
        "sketch 1 × gru 4 text.txt stopped at step 2 of 4",
    ]
    assert "charlm info NAME" in done.err and run("list", "--quiet").err == ""


def test_json_has_an_object_for_each(run: Run) -> None:
    values = {each["name"]: each for each in map(json.loads, run("list", "--json").out.splitlines())}
    assert list(values) == ["draft", "prose", "poems", "sketch"]
    assert [each["latest"] for each in values.values()] == [False, True, False, False]
    draft = describe(Path("checkpoints/draft"))
    assert values["draft"] | {"trained": None} == {
        "model": "checkpoints/draft",
        "name": "draft",
        "latest": False,
        "cell": "gru",
        "layers": 1,
        "hidden_size": 4,
        "parameters": draft["parameters"],
        "corpus": ["text.txt"],
        "step": 2,
        "task": "language",
        "bits_per_char": draft["validation"]["bits_per_char"],
        "trained": None,
        "run": {"active": False, "step": 2, "steps": 4},
        "problem": None,
    }
    assert values["draft"]["trained"].startswith("1970-01-03T")
    assert values["sketch"]["parameters"] is values["sketch"]["trained"] is None


def test_what_cannot_be_read_is_listed_with_the_reason(run: Run, models: Path) -> None:
    (models / "other").mkdir()
    (models / "poems" / "config.json").write_text("{")
    (models / "prose" / "model.safetensors").write_bytes(b"\xff" * 99)
    (models / "draft" / "model.safetensors").unlink()
    rows = {line.split()[0]: line for line in run("list").out.splitlines()}
    assert rows["other"].endswith("checkpoints/other is not a charlm model: it has no config.json")
    assert "config.json is not valid JSON" in rows["poems"]
    assert "model.safetensors is damaged" in rows["prose"]
    assert rows["draft"].endswith("checkpoints/draft has no model.safetensors; it is not a complete model")


def test_a_run_in_progress_is_marked(run: Run) -> None:
    with model_folder.lock(Path("checkpoints/sketch")):
        assert "training now; saved at step 2 of 4" in run("list").out
        assert "continue" not in run("info", "sketch").out
    assert "training now" not in run("list").out


def test_without_a_model_the_list_is_empty_and_says_how_to_train(run: Run) -> None:
    shutil.rmtree("checkpoints")
    assert run("list") == Outcome(0, "", "no models in checkpoints; train one: charlm train corpus.txt\n")
    assert run("list", "--json") == Outcome(0, "", "")


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.iterdir()))
def test_the_figures_of_the_list_are_those_of_the_model(models: Path, name: str) -> None:
    shutil.copytree(FIXTURES / name, models / name)
    listed, described = summary(name), describe(models / name)
    assert listed.problem == ""
    assert listed.parameters == described["parameters"]
    assert listed.step == described["step"]
    valid = described["validation"]
    assert listed.figure == valid.get("bits_per_char_known", valid["bits_per_char"])


def test_the_list_imports_no_torch(tmp_path: Path) -> None:
    program = "import sys\nfrom charlm import cli\ntry: cli.main(['list'])\nexcept SystemExit: pass\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}print('torch' in sys.modules)"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "False" and "poems" in done.stdout


# info of a run


def test_info_of_a_stopped_run_says_how_far_it_is_and_how_to_continue(run: Run) -> None:
    for name, rows in (("draft", True), ("sketch", False)):
        shown = run("info", name).out
        assert "stopped at step 2 of 4, after 0:0" in shown
        assert ("bits/char" in shown) == rows
        command = json.loads(run("info", name, "--json").out)["run"]["command"]
        assert command == f"charlm train text.txt --model {name} --resume" and f"continue     {command}\n" in shown
        done = run(*command.split()[1:])
        assert done.code == 0 and "resuming at step 2" in done.err
        assert "continue" not in run("info", name).out


def test_a_run_with_counts_that_was_killed_has_a_model_and_continues(run: Run) -> None:
    """The counts alone are a model before the first step: it is listed, draws and scores, and the run goes on."""
    workshop.train("tally", workshop.Killed, shape=replace(workshop.SHAPE, ngram="auto"))
    bits = f"{describe(Path('checkpoints/tally'))['validation']['bits_per_char']:.4f}"
    (row,) = (line.split() for line in run("list").out.splitlines() if line.startswith("tally"))
    assert bits in row and " ".join(row[-6:]) == "stopped at step 2 of 4"
    shown = run("info", "tally").out
    assert "best at 0 of 4" in shown and "stopped at step 2 of 4, after 0:0" in shown
    assert f"bits/char    {bits} (the counts alone were kept)\n" in shown
    assert run("sample", "-m", "tally").code == run("score", "-m", "tally", "the word").code == 0
    command = json.loads(run("info", "tally", "--json").out)["run"]["command"]
    done = run(*command.split()[1:])
    assert done.code == 0 and "resuming at step 2" in done.err
    assert "continue" not in run("info", "tally").out
    assert run("remove", "tally", "--yes").code == 0 and "tally" not in names()


def test_info_has_the_date_and_the_duration(run: Run) -> None:
    values = json.loads(run("info", "--json", "poems").out)
    assert values["trained"].startswith("1970-01-01T") and 0 < values["seconds"] < 60 and values["run"] is None
    assert "trained      1970-01-01 " in run("info", "-m", "poems").out
    assert "once" in refused(run("info", "poems", "-m", "prose"), 2)


def test_a_run_without_a_model_is_named_by_the_other_commands(run: Run) -> None:
    error = refused(run("sample", "-m", "sketch"), 3)
    assert "checkpoints/sketch, only the state of a run" in error and "--resume" in error


def test_the_shell_completes_runs_where_they_are_taken() -> None:
    assert options.run_names("s") == ["sketch"] and options.model_names("s") == []
    assert options.run_names("p") == options.model_names("p") == ["poems", "prose"]


# remove


def test_models_are_removed_with_their_runs(run: Run) -> None:
    done = run("remove", "poems", "draft/", "sketch", "checkpoints/prose", "--yes")
    assert done == Outcome(0, "checkpoints/poems\ncheckpoints/draft\ncheckpoints/sketch\ncheckpoints/prose\n", "")
    assert names() == set(), "the pointer to the model trained last is gone too"
    assert "train one first" in refused(run("sample"), 3)


def test_a_removed_model_is_no_longer_the_last_one(run: Run) -> None:
    run("remove", "prose", "-y")
    assert "no model is marked as the one that was trained last; name one" in refused(run("sample"), 3)
    run("remove", "poems", "-y")
    assert names() == {"draft", ".sketch.new"}


def test_without_a_terminal_nothing_is_removed_unless_yes_is_given(run: Run) -> None:
    before = names()
    assert "--yes" in refused(run("remove", "poems"), 2)
    assert names() == before


@pytest.mark.parametrize(
    ("answer", "removed"), [("y\n", True), ("YES\n", True), ("\n", False), ("n\n", False), ("", False)]
)
def test_on_a_terminal_a_question_is_asked(
    run: Run, monkeypatch: pytest.MonkeyPatch, answer: str, removed: bool
) -> None:
    class Keyboard:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return answer

    monkeypatch.setattr("sys.stdin", Keyboard())
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    done = run("remove", "poems", "prose")
    assert "remove 2 models, checkpoints/poems and checkpoints/prose (0.0 MB)? [y/N] " in done.err
    assert (done.code == 0) == removed == ("poems" not in names())
    assert removed or done.err.endswith("error: nothing was removed\n")


def test_ctrl_c_at_the_question_ends_its_line_and_removes_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(StringIO):
        def isatty(self) -> bool:
            return True

        def readline(self, size: int = -1) -> str:  # type: ignore[override]
            raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", Interrupted())
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    done = run("remove", "poems")
    assert (done.code, done.out) == (130, "") and done.err.endswith("? [y/N] \n")
    assert "poems" in names()


def test_files_that_charlm_did_not_write_are_kept(run: Run, models: Path) -> None:
    (models / "poems" / "notes.txt").write_text("mine")
    (models / "poems" / "data").mkdir()
    done = run("remove", "poems", "-y")
    assert done.code == 0
    assert done.err == "kept checkpoints/poems/data and checkpoints/poems/notes.txt, which charlm did not write\n"
    assert set(os.listdir(models / "poems")) == {"data", "notes.txt"}
    assert json.loads(run("remove", "draft", "-y", "--json").out)["kept"] == []


def test_what_is_not_a_model_of_charlm_is_not_removed(run: Run, models: Path, tmp_path: Path) -> None:
    """All names are checked before anything is removed."""
    other = models / "other"
    other.mkdir()
    for name in FILES:
        (other / name).write_text("{}")
    (models / "link").symlink_to(models / "poems")
    (models / "file").write_text("x")
    before = {path: path.stat().st_size for path in models.rglob("*")}
    for name, code in (("other", 3), ("link", 3), ("file", 3), ("nothing", 3), (".", 3), ("checkpoints/", 3)):
        refused(run("remove", "poems", name, "--yes"), code)
    assert {path: path.stat().st_size for path in models.rglob("*")} == before


def test_a_model_that_is_trained_is_neither_removed_nor_renamed(run: Run) -> None:
    with model_folder.lock(Path("checkpoints/draft")):
        before = names()
        assert "another process is training checkpoints/draft" in refused(run("remove", "poems", "draft", "-y"), 4)
        assert "wait for it, or stop it" in refused(run("rename", "draft", "new"), 4)
        assert names() == before


def test_a_removal_that_is_interrupted_can_be_repeated(run: Run, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = Path.unlink, []

    def unlink(path: Path, missing_ok: bool = False) -> None:
        calls.append(path.name)
        if len(calls) == 4:
            raise OSError(5, "Input/output error", str(path))
        real(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    assert "cannot be removed: checkpoints/poems/" in refused(run("remove", "poems", "-y"), 1)
    assert "config.json" in os.listdir(models / "poems")
    monkeypatch.undo()
    os.chdir(models.parent)
    assert run("remove", "poems", "-y").code == 0
    assert "poems" not in names()


# rename


def test_a_renamed_model_is_the_same_and_still_the_last_one(run: Run, models: Path) -> None:
    before = (models / "prose" / "model.safetensors").read_bytes()
    run("report", "-m", "prose")
    assert run("rename", "prose", "my novel") == Outcome(0, "checkpoints/my novel\n", "")
    assert (models / "my novel" / "model.safetensors").read_bytes() == before
    assert (models / "latest").read_text() == "my novel\n"
    assert "checkpoints/my novel" in run("info").err
    assert json.loads(run("info", "--json").out)["repeat"].endswith("--model 'checkpoints/my novel-again'")
    card, page = (models / "my novel" / "README.md").read_text(), (models / "my novel" / "report.html").read_text()
    assert "\n# `my novel`\n" in card and '\n- name: "my novel"\n' in card and "prose" not in card
    assert "<title>my novel: charlm report</title>" in page and "<h1>my novel</h1>" in page
    assert run("rename", "poems", "verse").out == "checkpoints/verse\n"
    assert (models / "latest").read_text() == "my novel\n"


def test_a_renamed_run_continues(run: Run) -> None:
    for name in ("draft", "sketch"):
        assert run("rename", name, f"{name}2").code == 0
        done = run("train", "text.txt", "-m", f"{name}2", "--resume")
        assert done.code == 0 and "resuming at step 2" in done.err
    assert {"draft2", "sketch2"} < names() and not {"draft", "sketch", ".sketch.new", ".sketch2.new"} & names()


@pytest.mark.parametrize("new", ["poems", "sketch", "draft", "./text.txt"])
def test_a_name_that_is_taken_is_refused(run: Run, new: str) -> None:
    before = names()
    assert "already exists; choose another name" in refused(run("rename", "prose", new), 2)
    assert names() == before


@pytest.mark.parametrize("new", ["", "latest", "-x", "=x", "..", ".x"])
def test_a_name_that_no_model_can_have_is_refused(run: Run, new: str) -> None:
    before = names()
    assert "cannot be named" in refused(run("rename", "--", "prose", new), 2)
    assert names() == before


def test_a_model_moves_to_a_path_and_back(run: Run, tmp_path: Path) -> None:
    assert run("rename", "prose", "else/where").out == "else/where\n"
    assert (tmp_path / "checkpoints" / "latest").read_text() == f"{tmp_path}/else/where\n"
    assert charlm.load("else/where").score("the").logprob < 0
    assert run("rename", "./else/where", "prose").out == "checkpoints/prose\n"
    assert (tmp_path / "checkpoints" / "latest").read_text() == "prose\n"


# names that do not exist


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("pomes", "there is no model checkpoints/pomes, only draft, poems and prose; did you mean poems?"),
        ("zzz", "there is no model checkpoints/zzz, only draft, poems and prose"),
        ("checkpoints/pro", "there is no model checkpoints/pro, only draft, poems and prose; did you mean prose?"),
        ("./far", "there is no model far, only ./mine; train"),
    ],
)
def test_a_model_that_does_not_exist_is_named_with_those_that_do(run: Run, given: str, error: str) -> None:
    if given.startswith("./"):
        shutil.copytree("checkpoints/poems", "mine")
        error = "there is no model far, only ./mine"
    assert refused(run("sample", "-m", given), 3) == f"error: {error}\n"


def test_many_models_are_cut_to_a_dozen(models: Path) -> None:
    for number in range(20):
        shutil.copytree(models / "poems", models / f"m{number:02}")
    with pytest.raises(charlm.ModelError, match=r"only draft, m00, .* m09 and 12 more; did you mean m01\?$"):
        model_paths.existing_folder("mm01")


def test_a_model_in_this_folder_is_suggested_as_a_path(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("checkpoints")
    assert refused(run("sample", "-m", "poems"), 3).endswith("; did you mean ./poems?\n")


def test_a_slash_after_a_name_and_the_folder_one_is_in(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = run("sample", "-m", "poems", "--seed=1").out
    assert run("sample", "-m", "poems/", "--seed=1").out == drawn
    Path("poems").mkdir()  # a folder of texts, perhaps
    assert run("sample", "-m", "poems/", "--seed=1").out == drawn
    assert "poems has no config.json" in refused(run("sample", "-m", "./poems/"), 3)
    monkeypatch.chdir("checkpoints/poems")
    assert run("sample", "-m", ".", "--seed=1").out == drawn


def test_summaries_put_the_newest_first() -> None:
    assert [each.name for each in summaries()] == ["draft", "prose", "poems", "sketch"]
