"""A corpus of 1 GB: peak memory of the process, as the operating system measures it, and seconds to the first step.

    python benchmarks/large.py [--megabytes 1000] [--evaluate]

Running text, one single line, short lines, packed by gzip, and through a pipe. `--evaluate` reads all of it with a tiny
model as well, by `evaluate` and by `score --file`, which takes an hour.
"""

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHARLM = [sys.executable, "-m", "charlm"]
TINY = ["--steps=10", "--hidden-size=32", "--layers=1", "--embedding-size=8", "--overwrite"]
CORPORA = Path(__file__).parent.parent / "corpora"


def write(path: Path, source: bytes, megabytes: int) -> None:
    with path.open("wb") as file:
        for _ in range(megabytes * 1_000_000 // len(source)):
            file.write(source)


def measured(folder: Path, command: list[str], pipe: Path | None = None) -> tuple[float, float | None, float, float]:
    """Peak megabytes, seconds to the first steps (where a first sample is drawn), in all, and of the processor."""
    before = time.perf_counter()
    first = None
    with (pipe or Path(os.devnull)).open("rb") as stdin:
        feeder = subprocess.Popen(["cat"], stdin=stdin, stdout=subprocess.PIPE)
        child = subprocess.Popen(
            [*CHARLM, *command], cwd=folder, stdin=feeder.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert child.stderr and feeder.stdout
        feeder.stdout.close()
        said = b""
        for line in child.stderr:
            said += line
            if line.startswith(b"sample") and first is None:
                first = time.perf_counter() - before
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        feeder.wait()
    if child.returncode:
        raise SystemExit(said.decode())
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    return usage.ru_maxrss * unit / 1e6, first, time.perf_counter() - before, usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--evaluate", action="store_true")
    options = parser.parse_args()
    cats, tunes = ((CORPORA / name).read_bytes() for name in ("cats.txt", "tunes.abc"))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["CHARLM_CACHE"] = str(folder / "cache")
        write(folder / "text", tunes, options.megabytes)
        write(folder / "line", tunes.replace(b"\n", b" "), options.megabytes)
        write(folder / "lines", cats, options.megabytes)
        with (folder / "text").open("rb") as text, gzip.open(folder / "text.gz", "wb", compresslevel=1) as packed:
            shutil.copyfileobj(text, packed, 2**20)
        import_torch = measured(folder, ["info", "--system"])[0]
        print(f"{options.megabytes:,} MB; a process that has imported torch takes {import_torch:,.0f} MB")
        print(f"{'':<24} {'peak MB':>8} {'first step':>11} {'in all':>8} {'processor':>10}")
        train = ["train", *TINY, "-m"]
        runs: list[tuple[str, list[str], Path | None]] = [
            ("running text", [*train, "text", "text"], None),
            ("the same again", [*train, "text", "text"], None),
            ("one line", [*train, "line", "line"], None),
            ("short lines", [*train, "lines", "lines"], None),
            ("packed by gzip", [*train, "gz", "text.gz"], None),
            ("through a pipe", [*train, "pipe", "-"], folder / "text"),
        ]
        if options.evaluate:
            runs += [
                ("evaluate", ["evaluate", "-q", "-m", "text", "text"], None),
                ("evaluate lines", ["evaluate", "-q", "-m", "lines", "lines"], None),
                ("score lines", ["score", "-q", "--json", "-m", "lines", "--file", "lines"], None),
            ]
        for name, command, pipe in runs:
            peak, first, seconds, processor = measured(folder, command, pipe)
            shown = "" if first is None else f"{first:,.1f} s"
            print(f"{name:<24} {peak:>8,.0f} {shown:>11} {seconds:>6,.0f} s {processor:>8,.0f} s", flush=True)


if __name__ == "__main__":
    main()
