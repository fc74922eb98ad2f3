"""The command: it takes a port, says where it listens, and finishes what is open when it is asked to stop."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import Outcome
from serving import Address, Reply

import charlm

pytest.importorskip("starlette", reason="the extra `serve` is not installed")


def test_a_port_in_use_is_refused_before_the_model_is_read(run: Callable[..., Outcome], line_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        outcome = run("serve", "-m", line_folder, "--port", port)
    assert (outcome.code, outcome.out) == (2, "")
    reason = "port {} of 127.0.0.1 cannot be used: address already in use; choose another --port; 0 takes a free one"
    assert reason.format(port) in " ".join(outcome.err.lower().split())


def test_what_cannot_be_served_is_refused(
    run: Callable[..., Outcome], line_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHARLM_API_KEY", raising=False)
    for options, code, message in (
        (["-m", "nope"], 3, "there is no model"),
        (["-m", line_folder, "--host", "0.0.0.0"], 2, "needs a key; set CHARLM_API_KEY"),
        (["-m", line_folder, "--allowed-host", "example.org"], 2, "needs a key; set CHARLM_API_KEY"),
        (["-m", line_folder, "-m", line_folder, "--port", 0], 2, "two models have the name lines; rename one"),
        (["-m", line_folder, "--host", "192.0.2.1.5"], 2, "needs a key"),
        (["-m", line_folder, "--max-tokens", 0], 2, "tokens is 0; it must be at least 1"),
    ):
        outcome = run("serve", *options)
        assert outcome.code == code and message in " ".join(outcome.err.split()), outcome.err


def test_without_the_extra_the_error_says_what_to_install(
    run: Callable[..., Outcome], line_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("charlm.server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    outcome = run("serve", "-m", line_folder)
    assert outcome.code == 2 and "run pip install starlette uvicorn" in " ".join(outcome.err.split())


def test_a_signal_refuses_new_requests_and_finishes_the_open_one(
    start: Callable[..., "subprocess.Popen[str]"], stream_folder: Path
) -> None:
    process = start("serve", "-m", stream_folder, "--port", "0", "--max-tokens", "1000000")
    assert process.stdout and process.stderr
    address = Address(int(process.stdout.readline().rpartition(":")[2]))
    replies: list[Reply] = []
    begun = threading.Event()

    def ask() -> None:
        begun.set()
        replies.append(address.post("/v1/completions", prompt="In", max_tokens=1_000_000, seed=2))

    asking = threading.Thread(target=ask)
    asking.start()
    assert begun.wait(10)
    while not replies and not address.get("/healthz").values["open"]:
        pass
    process.send_signal(signal.SIGTERM)
    asking.join(60)
    assert process.wait(30) == 0
    choice = replies[0].values["choices"][0]
    assert (replies[0].status, choice["finish_reason"]) == (200, "length")
    assert choice["text"] == charlm.load(stream_folder).sample("In", length=1_000_000, seed=2)[0].text  # type: ignore[attr-defined]
    assert "stopping; 1 request to finish" in process.stderr.read()


def test_while_it_stops_new_requests_are_refused_and_long_ones_end_after_the_grace(
    start: Callable[..., "subprocess.Popen[str]"], stream_folder: Path
) -> None:
    """Each client gets an answer: an error in the place of a text, or at the end of a stream."""
    most = 10**9
    process = start("serve", "-m", stream_folder, "--port", "0", "--max-tokens", most, "--grace", "2")
    assert process.stdout and process.stderr
    address = Address(int(process.stdout.readline().rpartition(":")[2]))
    with ThreadPoolExecutor(2) as threads:
        whole, stream = (
            threads.submit(address.post, "/v1/completions", prompt="In", max_tokens=most, stream=stream)
            for stream in (False, True)
        )
        while address.get("/healthz").values["open"] < 2:
            pass
        process.send_signal(signal.SIGTERM)
        while (health := address.get("/healthz")).status == 200:
            pass
        assert (health.status, health.values) == (503, {"status": "stopping", "open": 2})
        refused = address.post("/v1/completions", prompt="In")
        for reply in (refused, whole.result()):
            error = reply.values["error"]
            assert (reply.status, error["code"], error["message"]) == (503, "stopping", "the server is stopping")
        *parts, last = stream.result().events
        assert last == refused.values and all(part["choices"][0]["finish_reason"] is None for part in parts)
    assert process.wait(30) == 0
    log = process.stderr.read()
    assert "stopping; 2 requests to finish" in log and "Traceback" not in log
