"""Arguments in a locale that is not UTF-8."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from charlm.cli import utf8

POSIX = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


@pytest.mark.skipif(sys.platform == "win32", reason="the encoding of arguments is that of POSIX")
def test_an_argument_is_read_as_utf_8_in_every_locale(line_folder: Path, tmp_path: Path) -> None:
    """The text and the name of a file; a process begins again in the UTF-8 mode of Python."""
    (tmp_path / "café").write_text("the cat\n")
    command = [sys.executable, "-m", "charlm", "score", "--json", "-q", "-m", str(line_folder), "--file", "café", "thé"]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, **POSIX}, capture_output=True, check=True)
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["thé", "the cat"]


def test_bytes_of_the_locale_that_are_not_utf_8_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding, expected in (("ISO-8859-1", 1), ("utf-8", 0)):
        monkeypatch.setattr("locale.getencoding", lambda encoding=encoding: encoding)
        monkeypatch.setattr("sys.stderr", err := io.StringIO())
        utf8.warn_of_other_bytes(["score", "th\udce9", "thé"])
        assert err.getvalue().count("is not UTF-8, which charlm expects") == expected
