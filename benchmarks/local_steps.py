"""Two hosts over a slow link with `--sync-every N`, next to one host: tokens per second, and held-out loss.

    python benchmarks/local_steps.py tinyshakespeare.txt [--minutes 1] [--steps 1000] [--sync-every 1 8 32 128]

Each host has one core and takes 32 rows of a step: 32 × 64 tokens by one host, 64 × 64 by two. The first table gives
all runs equal time, and the second gives them equal tokens: one process then takes all 64 rows. The link and the hosts
are those of `two_hosts.py`, so the script needs root and Linux.

The goals were set before the first measurement, for `--sync-every 32` at 100 Mbit/s: 1.5 times the tokens per second of
one host, a loss at equal tokens that is at most 0.05 nats above that of one process, and a lower loss at equal time.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

SUPPORT = Path(__file__).parents[1] / "tests" / "support"
LAUNCH = "torchrun --nnodes 2 --nproc-per-node 1 --rdzv-id poems --rdzv-backend c10d --rdzv-endpoint host1:29400"
ROWS = 32  # of each host


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--sync-every", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--rate", type=float, default=100, help="Mbit/s")
    parser.add_argument("--delay", type=float, default=10, help="Milliseconds, in each direction.")
    parser.add_argument("--hidden-size", type=int, default=256)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    for budget in (
        f"--minutes {asked.minutes:g}" if asked.minutes else "",
        f"--steps {asked.steps}" if asked.steps else "",
    ):
        if not budget:
            continue
        print(f"\n{budget}, {asked.layers} × gru {asked.hidden_size}, {asked.rate:g} Mbit/s, {asked.delay:g} ms:\n")
        print("| hosts | rows | `--sync-every` | steps | tokens/s | held-out nats |\n|---|---|---|---|---|---|")
        alone = ROWS if "minutes" in budget else 2 * ROWS
        report(1, alone, 1, trained(asked, 1, f"{budget} --batch-size {alone}"))
        for every in asked.sync_every:
            options = f"{budget} --batch-size {2 * ROWS} --sync-every {every}"
            report(2, 2 * ROWS, every, trained(asked, 2, options))


def report(hosts: int, rows: int, every: int, result: dict[str, Any]) -> None:
    nats = result["validation"]["nats_per_token"]
    print(
        f"| {hosts} | {rows} | {every} | {result['steps']:,} | {result['characters_per_second']:,.0f} | {nats:.4f} |",
        flush=True,
    )


def trained(asked: argparse.Namespace, count: int, options: str) -> dict[str, Any]:
    """Train on one host or on two, and return what `train --json` prints."""
    sys.path.insert(0, str(SUPPORT))
    from hosts import two_hosts

    network = f"--hidden-size {asked.hidden_size} --layers {asked.layers} --threads 1 --seed {asked.seed}"
    command = f"-m charlm train corpus.txt --model m --json {network} {options}"
    with (
        TemporaryDirectory() as folder,
        two_hosts(Path(folder), rate=asked.rate * 1e6, delay=asked.delay / 1e3) as hosts,
    ):
        for host in hosts:
            shutil.copy(asked.corpus, host.folder / "corpus.txt")
        start = LAUNCH if count == 2 else "python"
        running = [host.start(f"{start} {command}") for host in hosts[:count]]
        codes = [each.code(3600) for each in running]
        if any(codes):
            raise SystemExit("\n".join(each.err for each in running))
        result: dict[str, Any] = json.loads(running[0].out)
        return result


if __name__ == "__main__":
    main()
