"""A server of this process, in a thread of its own, on a free port of the loopback."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from charlm.cli.serve import _answers
from charlm.model import Model


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def values(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The values of server-sent events, without the last one, which has none."""
        lines = self.body.decode().split("\n\n")
        assert lines[-2:] == ["data: [DONE]", ""]
        return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    port: int
    batches: Sequence[Any] = ()  # of the language models

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **headers: str) -> Reply:
        return self.send("GET", path, None, headers)

    def post(self, path: str, **values: Any) -> Reply:
        return self.send("POST", path, json.dumps(values).encode(), {"Content-Type": "application/json"})

    def send(self, method: str, path: str, body: bytes | Iterator[bytes] | None, headers: dict[str, str]) -> Reply:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # a body that is too large is not read to its end
                connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()


@contextmanager
def serving(
    models: Sequence[Model], *, key: str | None = None, page: Any = None, log_prompts: bool = False, **limits: Any
) -> Iterator[Address]:
    """Serve these models for as long as the block runs."""
    from charlm.server import run
    from charlm.server.app import Service
    from charlm.server.limits import Limits
    from charlm.server.served import Models

    ready, bounds = threading.Event(), Limits(**limits)
    served = Models([(model, 1) for model in models])
    service = Service(served, bounds, answer=_answers, page=page, log_prompts=log_prompts)
    with run.listen("127.0.0.1", 0) as taken:
        server = run.server(service, taken, "127.0.0.1", key=key, limits=bounds, on_ready=ready.set)
        thread = threading.Thread(target=server.listen)
        thread.start()
        try:
            assert ready.wait(30)
            yield Address(taken.getsockname()[1], [each.batch for each in served.all() if each.batch])
        finally:
            server.stop()
            thread.join(30)
            assert not thread.is_alive()
