"""A locale decides nothing: arguments, names of files, and texts are UTF-8 everywhere."""

import json
import locale
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Outcome

Run = Callable[..., Outcome]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="arguments are Unicode there")
PLAIN = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
WORLDS = {"POSIX": {"LC_ALL": "POSIX"}, "Latin-1": {"LC_ALL": "en_US.ISO-8859-1"}}


@pytest.fixture(scope="module")
def latin1(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a locale whose encoding is Latin-1."""
    folder = tmp_path_factory.mktemp("locales")
    for source in ("en_US", "C"):
        command = ["localedef", "-c", "-i", source, "-f", "ISO-8859-1", str(folder / "en_US.ISO-8859-1")]
        try:
            subprocess.run(command, capture_output=True, check=False)
        except FileNotFoundError:
            break
        if (folder / "en_US.ISO-8859-1").exists():
            return str(folder)
    pytest.skip("there is no localedef, or no source of a locale")


def charlm_in(world: dict[str, str], place: Path, *arguments: str | bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "charlm", *arguments]
    environment = {**os.environ, **PLAIN, **world}
    environment.pop("PYTHONIOENCODING", None)
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, check=False)


@pytest.mark.parametrize("world", WORLDS)
def test_the_bytes_of_an_argument_are_utf_8(
    world: str, request: pytest.FixtureRequest, line_folder: Path, tmp_path: Path
) -> None:
    settings = dict(WORLDS[world])
    if world == "Latin-1":
        settings["LOCPATH"] = request.getfixturevalue("latin1")
    shutil.copytree(line_folder, tmp_path / "checkpoints" / "lü")
    text = "aé".encode()
    scored = charlm_in(settings, tmp_path, "score", "--model", "lü".encode(), "--json", "--quiet", text)
    assert scored.returncode == 0, scored.stderr
    values = json.loads(scored.stdout)
    assert (values["text"], values["tokens"], values["unknown"]) == ("aé", ["a", None, None], 1)
    listed = charlm_in(settings, tmp_path, "list")
    assert "\nlü".encode() in listed.stdout


def test_an_argument_in_the_encoding_of_the_locale_is_named_with_the_locale(latin1: str, tmp_path: Path) -> None:
    done = charlm_in({**WORLDS["Latin-1"], "LOCPATH": latin1}, tmp_path, "score", "-m", "none", b"a\xe9")
    assert (done.returncode, done.stdout) == (3, b"")
    first = done.stderr.splitlines()[0]
    assert first == rb"a\xe9 is not UTF-8, which charlm expects; the encoding of the locale, ISO-8859-1, is not used"


@pytest.mark.parametrize("encoding", ["UTF-8", "ANSI_X3.4-1968", "ISO-8859-1", "nonsense"])
def test_only_a_text_and_only_a_locale_with_its_own_letters_is_worth_a_word(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setattr(locale, "getencoding", lambda: encoding)
    name = os.fsdecode(b"caf\xe9")
    (tmp_path / name).touch()
    assert "is not UTF-8, which" not in run("evaluate", name, "--model=none").err
    said = "caf\\xe9x is not UTF-8, which" in run("evaluate", f"{name}x", "--model=none").err.replace("\udce9", "\\xe9")
    assert said == (encoding in ("ISO-8859-1", "nonsense"))
