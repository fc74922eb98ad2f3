"""Peak memory and time to the first step on a corpus of 1 GB, for every command that reads one.

    python benchmarks/large.py [--megabytes 1000] [--only NAME ...]

Memory is the sum of the proportional set sizes (PSS) of a command and of all processes that it starts, read 20 times
per second, or the largest resident set of one process (ru_maxrss) if that is more. Without /proc, it is the latter.
`evaluate` and `score` read the whole text with tiny models, which takes up to two hours each for 1 GB.
"""

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

CHARLM = [sys.executable, "-m", "charlm"]
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "charlm"]
STEPS = ["--steps=10", "--hidden-size=32", "--layers=1", "--embedding-size=8", "--overwrite"]
CORPORA = Path(__file__).parent.parent / "corpora"
SMALL = 500_000  # bytes of the texts that the small models learn
PROC = Path("/proc")

train = ["train", *STEPS, "--model=new"]
build = ["tokenizer", "build", "--overwrite", "--output=vocabulary", "--tokenizer"]
ROWS: dict[str, list[str]] = {
    "torch": ["info", "--system"],  # a process that has imported torch
    "stream": [*train, "text"],
    "again": [*train, "text"],  # the cache has its ids
    "line": [*train, "line"],
    "lines": [*train, "lines"],
    "shortest-lines": [*train, "shortest"],
    "gzip": [*train, "text.gz"],
    "pipe": [*train, "-"],
    "two-processes": [*train, "text"],
    "byte": [*train, "text", "--tokenizer=byte"],
    "word": [*train, "text", "--tokenizer=word"],
    "word-random": [*train, "words", "--tokenizer=word"],
    "subword": [*train, "text", "--tokenizer=subword"],
    "build-char": [*build, "char", "text"],
    "build-word": [*build, "word", "words"],
    "build-unigram": [*build, "subword", "words", "--vocab-size=16000"],
    "build-bpe": [*build, "subword", "words", "--vocab-size=16000", "--model-type=bpe"],
    "show": ["tokenizer", "show", "--model=text", "-"],
    "novelty": ["sample", "--model=text", "--novelty=text"],
    "gradients": ["gradients", "--model=text", "--file=text"],
    "neurons": ["neurons", "--model=text", "--file=text.gz", "--gates"],
    "report": ["report", "--model=text", "text"],
    "evaluate": ["evaluate", "--model=text", "text"],
    "evaluate-lines": ["evaluate", "--model=lines", "lines"],
    "evaluate-words": ["evaluate", "--model=words", "text"],
    "score-lines": ["score", "--json", "--model=lines", "--file=lines"],
    "score-pipe": ["score", "--json", "--model=lines", "--lines", "-"],
}
MODELS = {"text": "char", "lines": "char", "words": "word"}


def write_texts(folder: Path, megabytes: int) -> None:
    """Write running text, also as one line and compressed, short lines, the shortest lines, and rare words."""
    tunes, cats = ((CORPORA / name).read_bytes() for name in ("tunes.abc", "cats.txt"))
    draw = np.random.default_rng(0)
    repeated = {"text": tunes, "line": tunes.replace(b"\n", b" "), "lines": cats, "shortest": b"a\nb\n" * 250_000}
    for name, source in repeated.items():
        with (folder / name).open("wb") as file:
            for _ in range(megabytes * 1_000_000 // len(source)):
                file.write(source)
    with (folder / "words").open("wb") as text:
        for _ in range(megabytes):
            letters = draw.integers(ord("a"), ord("z"), (142_857, 7), dtype=np.uint8, endpoint=True)
            letters[:, -1] = ord(" ")
            text.write(letters.tobytes() + b"\n\n")
    with (folder / "text").open("rb") as source, gzip.open(folder / "text.gz", "wb", compresslevel=1) as packed:
        shutil.copyfileobj(source, packed, 2**20)
    for name, tokenizer in MODELS.items():
        (folder / f"{name}.small").write_bytes((cats if name == "lines" else tunes)[:SMALL])
        learn = ["train", *STEPS, f"--model={name}", f"--tokenizer={tokenizer}", f"{name}.small"]
        subprocess.run([*CHARLM, *learn], cwd=folder, check=True, capture_output=True)


def family(process: int) -> Iterator[int]:
    """Yield a process and all its descendants."""
    yield process
    for children in (PROC / str(process) / "task").glob("*/children"):
        for child in children.read_text().split():
            yield from family(int(child))


def together(process: int) -> int:
    """Return bytes of memory of a process and its descendants, with shared memory counted once."""
    total = 0
    try:
        for each in family(process):
            fields = (PROC / str(each) / "smaps_rollup").read_text().split()
            total += int(fields[fields.index("Pss:") + 1]) * 1024
    except (OSError, ValueError):  # a process has just ended
        pass
    return total


def measured(folder: Path, name: str) -> tuple[float, float | None, float, float]:
    """Return peak megabytes, seconds to the first sample, seconds in all, and processor seconds."""
    command = [*(TWO if name == "two-processes" else CHARLM), *ROWS[name]]
    before, first, peak = time.perf_counter(), None, 0
    piped = folder / ("lines" if name == "score-pipe" else "text") if "-" in command else Path(os.devnull)
    with piped.open("rb") as source, (folder / "said").open("w+b") as said:
        feeder = subprocess.Popen(["cat"], stdin=source, stdout=subprocess.PIPE)
        child = subprocess.Popen(
            command, cwd=folder, stdin=feeder.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert child.stderr and feeder.stdout
        feeder.stdout.close()
        ended = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not ended.wait(0.05):
                peak = max(peak, together(child.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        for line in child.stderr:
            said.write(line)
            if b"  sample  " in line and first is None:
                first = time.perf_counter() - before
        ended.set()
        watcher.join()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        feeder.wait()
        if child.returncode:
            said.seek(0)
            raise SystemExit(f"{name}: {said.read().decode()}")
    largest = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return max(peak, largest) / 1e6, first, time.perf_counter() - before, usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=ROWS, default=list(ROWS), help=", ".join(ROWS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as parent:
        os.environ["CHARLM_CACHE"] = str(Path(parent) / "cache")
        write_texts(Path(parent), options.megabytes)
        counted = "PSS of all processes" if (PROC / "self/smaps_rollup").exists() else "the largest process alone"
        print(f"{options.megabytes:,} MB; memory is {counted}")
        print(f"{'':<16} {'peak MB':>8} {'first step':>11} {'in all':>8} {'processor':>10}")
        for name in options.only:
            peak, first, seconds, processor = measured(Path(parent), name)
            shown = "" if first is None else f"{first:,.1f} s"
            print(f"{name:<16} {peak:>8,.0f} {shown:>11} {seconds:>6,.0f} s {processor:>8,.0f} s", flush=True)


if __name__ == "__main__":
    main()
