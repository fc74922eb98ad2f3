"""Run the commands of every lesson and write their output into the page.

    python docs/lessons.py [--check]

A `text` block after an `sh` block is its output. All commands run in one folder, next to `corpora/`, in the order of
lessons/README.md. `--check` trains small networks for 5 steps, looks at short texts, and writes nothing.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
LESSONS = HERE / "lessons"
_BLOCK = re.compile(r"```sh\n(.*?)```\n\n```text\n(.*?)```\n", re.DOTALL)


def pages() -> Iterator[Path]:
    """Yield the lessons in the order of the list in README.md."""
    index = (LESSONS / "README.md").read_text(encoding="utf-8")
    return (LESSONS / name for name in re.findall(r"\]\(([\w-]+\.md)\)", index))


def output(commands: str, folder: Path, program: Path) -> str:
    """Return what the commands write to stdout; raises CalledProcessError if one of them fails."""
    if not (folder / "corpora").exists():
        (folder / "corpora").symlink_to(HERE.parent / "corpora")
    environment = os.environ | {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "80"}
    shell = ["bash", "-e", "-o", "pipefail", "-c", commands]
    done = subprocess.run(shell, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, check=True)
    return re.sub(r"^checkpoints/.*\n", "", done.stdout, flags=re.MULTILINE)  # training prints its folder


def remade(page: str, folder: Path, program: Path, *, quickly: bool = False) -> str:
    """Return the page with the output of its commands, run with `program` as charlm."""

    def block(match: re.Match[str]) -> str:
        commands = match[1]
        for option, small in (("steps", "5"), ("hidden-size", "16")) if quickly else ():
            commands = re.sub(rf"--{option} \d+", f"--{option} {small}", commands)
        if quickly:
            commands = re.sub(r"(charlm gradients .*)--file \S+", r'\1"the cats, which slept, were full"', commands)
        return f"```sh\n{match[1]}```\n\n```text\n{output(commands, folder, program)}```\n"

    return _BLOCK.sub(block, page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    program = Path(sys.executable).with_name("charlm")
    with TemporaryDirectory() as folder:
        for path in pages():
            print(path.name, flush=True)
            page = remade(path.read_text(encoding="utf-8"), Path(folder), program, quickly=check)
            if not check:
                path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
