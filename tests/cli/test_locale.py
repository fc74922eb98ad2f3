"""Arguments in a locale that is not UTF-8."""

import subprocess
import sys
from pathlib import Path

import pytest

from charlm.cli.locale import warn_misread


@pytest.mark.parametrize(
    ("encoding", "argument", "warned"),
    [
        ("iso8859-1", "nÃ©", True),  # é in UTF-8, read byte by byte
        ("ascii", "n\udcc3\udca9", True),
        ("iso8859-1", "né", False),  # typed in the encoding of the locale
        ("iso8859-1", "plain", False),
        ("utf-8", "né", False),
        ("utf-8", "n\udce9", False),
    ],
)
def test_letters_that_the_locale_changes_are_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], encoding: str, argument: str, warned: bool
) -> None:
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: encoding)
    warn_misread(["score", argument])
    expected = (
        f"warning: the locale reads arguments as {encoding}, but 'né' is UTF-8; to have it read so, run the command"
    )
    assert capsys.readouterr().err == (f"{expected} with PYTHONUTF8=1\n" if warned else "")


def test_a_file_is_found_without_a_warning(tmp_path: Path) -> None:
    """Its name is bytes, whatever the locale reads them as."""
    (tmp_path / "é").write_text("")
    program = "import sys; from charlm.cli.locale import warn_misread; warn_misread(sys.argv[1:])"
    env = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", program, "é"], cwd=tmp_path, env=env, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
