"""Many clients at a time: some read slowly, some vanish, some send garbage, and nothing is lost.

`make soak` sends a thousand requests of 64 clients.
"""

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import QUICK, SMALL, STREAM
from mixtures import trained_only
from serving import Address
from soak import SOAK

import charlm

pytest.importorskip("starlette", reason="the extra `serve` is not installed")
REQUESTS, CLIENTS, TOKENS = (1000, 64, 200) if SOAK else (60, 16, 20)
KINDS = ("whole", "whole", "stream", "stream", "score", "slow", "cut", "garbage")
MOST_GROWTH = 30 * 2**20  # bytes


@pytest.fixture(scope="module")
def mixed_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "mixed"
    with trained_only():
        charlm.train(STREAM, replace(SMALL, ngram="4"), QUICK, folder=folder)
    return folder


@pytest.mark.parametrize("served", ["stream", "mixed"])
@pytest.mark.skipif(sys.platform != "linux", reason="the memory of another process is read in /proc")
def test_nothing_is_lost_and_the_memory_does_not_grow(
    start: Callable[..., "subprocess.Popen[str]"],
    served: str,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = request.getfixturevalue(f"{served}_folder")
    process = start("serve", "-q", "-m", folder, "--port", "0")
    assert process.stdout
    address = Address(int(process.stdout.readline().rpartition(":")[2]))
    model = charlm.load(folder)
    assert isinstance(model, charlm.LanguageModel)
    expected = [sample.text for sample in model.sample("In", length=TOKENS, count=1, seed=1)]
    expected += [model.sample("In", length=TOKENS, seed=seed)[0].text for seed in range(2, 9)]
    logprob = model.score("In the word").logprob

    def ask(number: int) -> str:
        kind = KINDS[number % len(KINDS)]
        seed = number // len(KINDS) % 8 + 1
        values = {"prompt": "In", "max_tokens": TOKENS, "seed": seed, "stream": kind != "whole"}
        if kind == "whole":
            text = address.post("/v1/completions", **values).values["choices"][0]["text"]
            assert text == expected[seed - 1]
        elif kind == "stream":
            parts = address.post("/v1/completions", **values).events
            assert "".join(part["choices"][0]["text"] for part in parts) == expected[seed - 1]
        elif kind == "score":
            score = address.post("/score", text="In the word").values["scores"][0]
            assert score["logprob"] == pytest.approx(logprob, abs=1e-5)
        else:
            _misbehave(kind, address.port, json.dumps(values).encode(), random.Random(number))
        return kind

    sizes = []
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor(CLIENTS) as threads:
        for _ in range(2):  # the first half fills the pools of the allocator
            counts.update(threads.map(ask, range(REQUESTS // 2)))
            sizes.append(_resident(process.pid))
    until = time.monotonic() + 10
    while (still_open := address.get("/healthz").values["open"]) and time.monotonic() < until:
        time.sleep(0.05)
    growth = sizes[1] - sizes[0]
    with capsys.disabled():
        if SOAK:
            print(f"\n{served}: {CLIENTS} clients: {dict(counts)}, {still_open} open, memory {growth / 2**20:+.1f} MB")
    assert sum(counts.values()) == 2 * (REQUESTS // 2) and still_open == 0
    assert growth < MOST_GROWTH


def _misbehave(kind: str, port: int, body: bytes, numbers: random.Random) -> None:
    head = f"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        if kind == "garbage":
            client.sendall(
                numbers.choice((numbers.randbytes(200), b"GET / HTTP/9\r\n\r\n", request.replace(b"{", b"[")))
            )
        elif kind == "cut":
            client.sendall(request[: numbers.randrange(len(request) + 1)])
        else:
            client.sendall(request)
            client.recv(100)
            time.sleep(0.5 if SOAK else 0.1)


def _resident(process: int) -> int:
    """The bytes of memory that a process holds."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
