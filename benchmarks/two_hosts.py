"""All-reduces and steps of two hosts over slow links, next to what `scaling.py` predicts. Needs root and Linux.

    python benchmarks/two_hosts.py [--rates 10 30 100 300] [--delay 10] [-- --hidden-size 256 --batch-size 16]

The hosts are network namespaces of this machine, each with one core; `tests/support/slow_link.py` is the link. Before
the all-reduces, the link is measured by itself: the rate of a transfer of 10 MB, and a round trip.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

SUPPORT = Path(__file__).parents[1] / "tests" / "support"
SCALING = Path(__file__).with_name("scaling.py")


def main() -> None:
    sys.path.insert(0, str(SUPPORT))
    from hosts import measure, refusal, two_hosts

    parser = argparse.ArgumentParser()
    parser.add_argument("--rates", nargs="+", type=float, default=[10, 30, 100, 300], help="Mbit/s")
    parser.add_argument("--delay", type=float, default=10, help="Milliseconds, in each direction.")
    parser.add_argument("rest", nargs="*", help="Options of scaling.py, after --.")
    asked = parser.parse_args()
    if why := refusal():
        raise SystemExit(why)
    for rate in asked.rates:
        with TemporaryDirectory() as folder, two_hosts(Path(folder), rate=rate * 1e6, delay=asked.delay / 1e3) as hosts:
            measured, round_trip = measure(*hosts)
            print(
                f"\nLink: {measured / 1e6:.1f} Mbit/s by a transfer, round trip {round_trip * 1e3:.1f} ms", flush=True
            )
            options = f"{SCALING} --link {rate:g} {asked.delay:g} {' '.join(asked.rest)}"
            launch = "torchrun --nnodes 2 --nproc-per-node 1 --rdzv-id link --rdzv-backend c10d"
            running = [host.start(f"{launch} --rdzv-endpoint host1:29400 {options}") for host in hosts]
            codes = [each.code(600) for each in running]
            print(running[0].out if codes == [0, 0] else running[0].err + running[1].err, flush=True)


if __name__ == "__main__":
    main()
