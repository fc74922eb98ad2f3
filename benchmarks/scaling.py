"""What training on several machines gains, predicted from times measured on this machine.

    torchrun --nproc-per-node 2 benchmarks/scaling.py [--hidden-size 512 --layers 2 --batch-size 64 --threads 1]

In a step, each process computes its own rows, and one all-reduce averages the gradients. A ring of n processes needs
2 (n - 1) messages, and sends 2 (n - 1) / n times the bytes through each link (Patarasuk and Yuan 2009). Latency and
rate of the link come from all-reduces of two sizes over the loopback; a third size checks them. Other links have
their nominal rate. `DDP` is the step with torch's DistributedDataParallel, which sends while it computes.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import distributed as dist
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from charlm.config import ModelConfig, TrainConfig
from charlm.data.windows import Batch
from charlm.nn.network import Network
from charlm.training.distributed import Group, join
from charlm.training.learner import Learner

V = 65
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
    """Return seconds of an all-reduce of that many bytes; the rate is in bytes per second."""
    return 2 * (n - 1) * (size / n / rate + latency)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in (("hidden-size", 512), ("layers", 2), ("batch-size", 64), ("seq-len", 64), ("rounds", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--threads", type=int, default=1)
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
    wrapped = DistributedDataParallel(Network(shape, V).train())
    wrapped.module.compute_dtype = together.network.compute_dtype

    def by_ddp() -> None:
        wrapped.zero_grad()
        functional.cross_entropy(wrapped(batch.inputs)[0].flatten(0, 1), batch.targets.flatten()).backward()
        torch.nn.utils.clip_grad_norm_(wrapped.parameters(), config.clip)

    size = 4 * (together.network.parameter_count() + 3)
    step, shared, ddp = (
        seconds(each, asked.rounds)
        for each in (lambda: alone.backward(batch), lambda: together.backward(batch), by_ddp)
    )
    small, middle, large = (
        seconds(lambda length=length: dist.all_reduce(torch.zeros(length)), asked.rounds) for length in SIZES
    )
    rate = 2 * (n - 1) / n * 4 * (SIZES[2] - SIZES[0]) / (large - small)
    latency = max(0.0, small / 2 / (n - 1) - 4 * SIZES[0] / n / rate)
    if not group.first:
        return
    print(f"{n} processes of {rows} rows × {asked.seq_len}; {shape.shape}; bytes a step: {size:,}")
    print(f"gradient alone {step * 1e3:.1f} ms, shared {shared * 1e3:.1f} ms, by DDP {ddp * 1e3:.1f} ms")
    print(f"all-reduce over the loopback: {latency * 1e6:.0f} µs a message, {rate / 1e9:.2f} GB/s")
    predicted = by_ring(n, 4 * SIZES[1], rate, latency)
    print(f"of {4 * SIZES[1]:,} bytes: {middle * 1e3:.2f} ms, predicted {predicted * 1e3:.2f} ms\n")
    print(f"Share of the time that goes into steps, where each node keeps {rows} rows:\n")
    print("| nodes |" + "".join(f" {name} |" for name in LINKS))
    print("|---|" + "---|" * len(LINKS))
    for nodes in NODES:
        costs = [by_ring(nodes, size, gigabits * 1e9 / 8, delay) for gigabits, delay in LINKS.values()]
        print(f"| {nodes} |" + "".join(f" {step / (step + cost):.0%} |" for cost in costs))


if __name__ == "__main__":
    main()
