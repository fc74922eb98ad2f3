"""Tokens per second of 64 clients of `charlm serve`, over those of `charlm sample --count 64` in the same run.

    python benchmarks/serving.py MODEL ...

Each MODEL is a language model of streams, whose texts end at their length. The server is a process of its own. Clients
and sampling take turns in this process, on one thread each. Each client asks for one text and reads it to its end,
whole or as a stream. The processor's seconds are those of the server alone, and of sampling alone. The wall clock
includes the clients, which need a processor too. It needs Linux, where /proc has the seconds of another process.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import torch

import charlm

CLIENTS, LENGTH, ROUNDS = 64, 500, 6
SETTINGS = {"prompt": "The ", "temperature": 0.8}
WAYS = {"whole": {"stream": False}, "stream": {"stream": True, "stream_options": {"include_usage": True}}}
WAYS["temperatures"] = WAYS["whole"]  # a different one for each client
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Server:
    """`charlm serve` with one model, in a process of its own."""

    def __init__(self, name: str) -> None:
        command = [sys.executable, "-m", "charlm", "serve", "-q", "-m", name, "--port", "0"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **ONE_THREAD})
        assert self._process.stdout
        self.port = int(self._process.stdout.readline().rpartition(":")[2])

    def seconds(self) -> float:
        """Return the seconds of the processor that the process has used, in steps of 10 ms."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self._process.terminate()
        assert self._process.wait(60) == 0


async def ask(port: int, seed: int, way: str) -> bytes:
    """Return the answer to one request, read to its end."""
    own = {"temperature": 0.6 + 0.4 * seed / CLIENTS} if way == "temperatures" else {}
    body = json.dumps({**SETTINGS, **WAYS[way], **own, "seed": seed, "max_tokens": LENGTH}).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + body)
    answer = await reader.read()
    writer.close()
    return answer


async def ask_all(port: int, way: str) -> list[bytes]:
    return await asyncio.gather(*(ask(port, seed, way) for seed in range(CLIENTS)))


def check(answers: list[bytes]) -> int:
    """Return the number of events, and fail unless all tokens arrived."""
    for answer in answers:
        assert f'"completion_tokens":{LENGTH}'.encode() in answer.replace(b" ", b""), answer[:500]
    return sum(answer.count(b"data: ") for answer in answers)


def spent(action: Callable[[], object], seconds: Callable[[], float]) -> tuple[float, float]:
    """Return the seconds of a processor, and those of the wall clock, that an action takes."""
    used, began = seconds(), time.perf_counter()
    action()
    return seconds() - used, time.perf_counter() - began


def measure(name: str) -> None:
    model = charlm.load(name)
    assert not model.line, "a line may end before its length"
    actions: dict[str, tuple[Callable[[], object], Callable[[], float]]] = {
        "sample": (lambda: model.sample(**SETTINGS, count=CLIENTS, length=LENGTH, seed=1), time.process_time)
    }
    with closing(Server(name)) as server:
        events = {way: check(asyncio.run(ask_all(server.port, way))) for way in WAYS}  # and warm up
        for way in WAYS:
            actions[way] = (lambda way=way: asyncio.run(ask_all(server.port, way)), server.seconds)
        times = {each: [spent(*actions[each])] for each in actions}
        for _ in range(ROUNDS - 1):
            for each, action in actions.items():
                times[each].append(spent(*action))
    best = {each: [min(column) for column in zip(*rows, strict=True)] for each, rows in times.items()}
    tokens = CLIENTS * LENGTH
    for way in WAYS:
        rates = [[tokens / best[each][clock] for each in (way, "sample")] for clock in (0, 1)]
        cells = [f"{mine:,.0f} | {theirs:,.0f} | {mine / theirs:.2f}" for mine, theirs in rates]
        print(f"| {model.name} | {way} | {events[way]:,} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    torch.set_num_threads(1)
    print(f"{CLIENTS} clients, {LENGTH} tokens each, one thread; tokens per second of the processor and of the clock")
    print("| model | texts | events | server, processor | sample | ratio | server, clock | sample | ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in sys.argv[1:]:
        measure(name)


if __name__ == "__main__":
    main()
