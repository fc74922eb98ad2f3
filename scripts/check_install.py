"""Check an installed charlm: train, sample, and score outside the clone, with the interpreter that runs this script.

Fails if a command fails, if the package does not declare its types, or if the compiled loops are missing.
"""

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from importlib.metadata import files
from pathlib import Path

from charlm.counts.native.library import library

TEXT = "The cat sat on the mat, and the dog lay on the rug.\n\n" * 200
COMMANDS = (
    ("train", "text.txt", "--model", "small", "--steps", "20", "--quiet"),
    ("sample", "--model", "small", "--prompt", "The ", "--length", "40"),
    ("score", "--model", "small", "the cat", "tac eht"),
)


def run(*arguments: str, folder: str) -> str:
    """Run a charlm command in `folder`, and return what it prints."""
    program = Path(sysconfig.get_path("scripts")) / "charlm"
    print("charlm", *arguments, flush=True)
    environment = os.environ | {"PYTHONUTF8": "1"}
    return subprocess.run(
        [program, *arguments], check=True, cwd=folder, env=environment, stdout=subprocess.PIPE, encoding="utf-8"
    ).stdout


def main() -> None:
    names = [path.as_posix() for path in files("charlm-rnn") or ()]
    assert "charlm/py.typed" in names, "the installed package lacks charlm/py.typed"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "text.txt").write_text(TEXT, encoding="utf-8")
        system = json.loads(run("info", "--system", "--json", folder=folder))
        print(system["package"], system["recurrence"])
        assert Path(system["package"]).is_relative_to(sys.prefix), "charlm is not installed in this environment"
        assert system["recurrence"] != "torch", "the compiled loops are missing"
        assert library() is not None, "the compiled counts are missing"
        for command in COMMANDS:
            print(run(*command, folder=folder))


if __name__ == "__main__":
    sys.exit(main())
