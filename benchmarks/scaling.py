"""What training on several machines gains, predicted from times measured on this machine.

    torchrun --nproc-per-node 2 benchmarks/scaling.py [--hidden-size 512 --layers 2 --batch-size 64 --threads 1]

In a step, each process computes its own rows, and one all-reduce averages the gradients. A ring of n processes needs
2 (n - 1) messages, and sends 2 (n - 1) / n times the bytes through each link (Patarasuk and Yuan 2009). gloo sends a
message only after the receiver has asked for it, so each takes two delays of the link. Latency and rate of the
loopback come from all-reduces of two sizes; a third size checks them. Other links have their nominal rate and delay.
`DDP` is the step with torch's DistributedDataParallel, which sends while it computes; in float16, it sends half the
bytes.

Started by a torchrun on each of two hosts, `--link MBIT_S MS` prints the measured times of all-reduces next to those
that the nominal rate and delay predict. `benchmarks/two_hosts.py` does so for several links.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import distributed as dist
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import fp16_compress_hook
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from charlm.config import ModelConfig, TrainConfig
from charlm.data.windows import Batch
from charlm.nn.network import Network
from charlm.training.distributed import Group, join
from charlm.training.learner import Learner

V = 65
PAYLOAD = 1448 / 1500  # of a packet of Ethernet, without the headers of IP and TCP
LINKS = {"1 Gbit/s": (1, 50e-6), "10 Gbit/s": (10, 30e-6), "25 Gbit/s": (25, 20e-6), "100 Gbit/s": (100, 10e-6)}
NODES = (2, 4, 8, 16, 64)
SIZES = (2**12, 2**18, 2**22)  # numbers in an all-reduce; the second is predicted from the others


def seconds(action: Callable[[], object], rounds: int) -> float:
    """Return the minimum over rounds of the slowest process's seconds."""
    times = []
    for _ in range(rounds + 1):
        dist.barrier()
        before = time.perf_counter()
        action()
        spent = torch.tensor(time.perf_counter() - before, dtype=torch.float64)
        dist.all_reduce(spent, dist.ReduceOp.MAX)
        times.append(spent.item())
    return min(times[1:])


def by_ring(n: int, size: int, rate: float, latency: float) -> float:
    """Return seconds of an all-reduce of `size` bytes: `rate` in bytes per second, `latency` in seconds per message."""
    return 2 * (n - 1) * (size / n / rate + latency)


def by_link(n: int, size: int, gigabits: float, delay: float) -> float:
    """Return seconds of an all-reduce over links with this nominal rate per second and delay in seconds."""
    return by_ring(n, size, PAYLOAD * gigabits * 1e9 / 8, 2 * delay)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in (("hidden-size", 512), ("layers", 2), ("batch-size", 64), ("seq-len", 64), ("rounds", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--link", nargs=2, type=float, metavar=("MBIT_S", "MS"), help="Nominal rate and delay.")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    torch.manual_seed(0)
    with join() as group:
        measure(group, asked)


def measure(group: Group, asked: argparse.Namespace) -> None:
    shape = ModelConfig(
        sequence="stream", embedding_size=64, hidden_size=asked.hidden_size, layers=asked.layers, dropout=0.0
    )
    config, n = TrainConfig(), group.size
    rows = asked.batch_size // n
    ids = torch.randint(3, V, (asked.seq_len + 1, rows))
    batch = Batch(ids[:-1], ids[1:], None, fresh=False)
    alone, together = (Learner(Network(shape, V), config, each) for each in (Group(), group))
    wrapped, halved = (DistributedDataParallel(Network(shape, V).train()) for _ in range(2))
    halved.register_comm_hook(None, fp16_compress_hook)

    def by_ddp(wrapped: DistributedDataParallel) -> None:
        wrapped.module.compute_dtype = together.network.compute_dtype
        wrapped.zero_grad()
        functional.cross_entropy(wrapped(batch.inputs)[0].flatten(0, 1), batch.targets.flatten()).backward()
        torch.nn.utils.clip_grad_norm_(wrapped.parameters(), config.clip)

    size = 4 * (together.network.parameter_count() + 3)
    step, shared, ddp, smaller = (
        seconds(each, asked.rounds)
        for each in (
            lambda: alone.backward(batch),
            lambda: together.backward(batch),
            lambda: by_ddp(wrapped),
            lambda: by_ddp(halved),
        )
    )
    small, middle, large, gradient = (
        seconds(lambda length=length: dist.all_reduce(torch.zeros(length)), asked.rounds)
        for length in (*SIZES, size // 4)
    )
    rate = 2 * (n - 1) / n * 4 * (SIZES[2] - SIZES[0]) / (large - small)
    latency = max(0.0, small / 2 / (n - 1) - 4 * SIZES[0] / n / rate)
    if not group.first:
        return
    print(f"{n} processes of {rows} rows × {asked.seq_len}; {shape.shape}; bytes a step: {size:,}")
    print(f"gradient alone {step * 1e3:.1f} ms, shared {shared * 1e3:.1f} ms, by DDP {ddp * 1e3:.1f} ms")
    print(f"by DDP with gradients in float16 {smaller * 1e3:.1f} ms")
    if asked.link:
        compare(
            n,
            {**dict(zip((4 * each for each in SIZES), (small, middle, large), strict=True)), size: gradient},
            *asked.link,
        )
        return
    print(f"all-reduce over the loopback: {latency * 1e6:.0f} µs a message, {rate / 1e9:.2f} GB/s")
    predicted = by_ring(n, 4 * SIZES[1], rate, latency)
    print(f"of {4 * SIZES[1]:,} bytes: {middle * 1e3:.2f} ms, predicted {predicted * 1e3:.2f} ms\n")
    print(f"Share of the time that goes into steps, where each node keeps {rows} rows:\n")
    print("| nodes |" + "".join(f" {name} |" for name in LINKS))
    print("|---|" + "---|" * len(LINKS))
    for nodes in NODES:
        costs = [by_link(nodes, size, *link) for link in LINKS.values()]
        print(f"| {nodes} |" + "".join(f" {step / (step + cost):.0%} |" for cost in costs))


def compare(n: int, measured: dict[int, float], megabits: float, milliseconds: float) -> None:
    """Print the seconds of an all-reduce of each size next to the prediction for a link of this rate and delay."""
    print(f"\nAll-reduce by {n} processes over {megabits:g} Mbit/s with a delay of {milliseconds:g} ms:\n")
    print("| bytes | measured | predicted | measured / predicted |\n|---|---|---|---|")
    for size, spent in sorted(measured.items()):
        predicted = by_link(n, size, megabits / 1e3, milliseconds / 1e3)
        print(f"| {size:,} | {spent * 1e3:.1f} ms | {predicted * 1e3:.1f} ms | {spent / predicted:.2f} |")


if __name__ == "__main__":
    main()
