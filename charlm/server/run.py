"""Listen on a port, and serve until a signal asks to stop."""

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address

import uvicorn

from charlm.errors import ConfigError
from charlm.files.reading import reason
from charlm.server.app import Service
from charlm.server.guard import Guard, hosts_for
from charlm.server.limits import Limits

_BACKLOG = 2048
_LAST_SECONDS = 1  # for clients to read the last answers
_LOOK_EVERY = 0.05  # seconds, whether the open requests are finished
_ATTEMPTS = 10  # connections for each request that may be open


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False


def check_access(host: str, allowed: Collection[str], key: str | None) -> None:
    """Raise ConfigError for a server that others may reach without a key, or for an empty key."""
    if key == "":
        raise ConfigError("CHARLM_API_KEY is empty; give it a value, or unset it")
    if key is None and (allowed or not is_loopback(host)):
        what = "another host" if allowed else f"the address {host}"
        raise ConfigError(f"{what} needs a key; set CHARLM_API_KEY")


def listen(host: str, port: int) -> socket.socket:
    """Take a port; clients wait until `serve` answers them. Raises ConfigError if it cannot be taken."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = addresses[0]
        taken = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigError(f"the address {host} cannot be used: {reason(error)}", remedy="other_host") from None
    try:
        if os.name == "posix":  # elsewhere, two servers could take the same port
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen(_BACKLOG)
    except OSError as error:
        taken.close()
        problem = f"port {port} of {host} cannot be used: {reason(error)}"
        raise ConfigError(problem, remedy="other_port") from None
    return taken


def url(taken: socket.socket, host: str) -> str:
    """Return the address that a client uses."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{taken.getsockname()[1]}"


def server(
    service: Service,
    taken: socket.socket,
    host: str,
    *,
    allowed: Collection[str] = (),
    key: str | None = None,
    limits: Limits,
    on_ready: Callable[[], None] = lambda: None,
    on_stopping: Callable[[int], None] = lambda still_open: None,
) -> "Server":
    """Return a server, which `run` runs until a signal or `stop`, and then until the open requests are finished.

    on_ready: called when the first client is answered. on_stopping: called with the number of open requests.
    """
    own = [] if host in ("0.0.0.0", "::") else [f"[{host}]" if ":" in host else host]
    guard = service.application(hosts_for(own, allowed, taken.getsockname()[1]), key)
    config = uvicorn.Config(
        guard,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        limit_concurrency=_ATTEMPTS * limits.open,
        timeout_graceful_shutdown=_LAST_SECONDS,
        ws="none",
    )
    return Server(config, taken, guard, limits.grace, on_ready, on_stopping)


class Server(uvicorn.Server):  # type: ignore[misc, unused-ignore]  # uvicorn may be missing
    """A server that a signal stops with the exit code of the command, and not with that of the signal."""

    def __init__(
        self,
        config: uvicorn.Config,
        taken: socket.socket,
        guard: Guard,
        grace: float,
        on_ready: Callable[[], None],
        on_stopping: Callable[[int], None],
    ) -> None:
        super().__init__(config)
        self._taken, self._guard, self._grace = taken, guard, grace
        self._on_ready, self._on_stopping = on_ready, on_stopping

    def listen(self) -> None:
        """Serve until `stop` is called, or a signal arrives in the main thread."""
        self.run(sockets=[self._taken])

    def stop(self) -> None:
        """Refuse new requests, and finish the open ones. A second call ends these too."""
        self.force_exit = self._guard.stopping
        self._guard.stopping = self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {}
        for name in ("SIGINT", "SIGTERM", "SIGHUP") if threading.current_thread() is threading.main_thread() else ():
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, lambda number, frame: self.stop())
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish the open requests, and end those that take too long. New ones are refused, and connections are not."""
        self._on_stopping(self._guard.open)
        until = time.monotonic() + self._grace
        while self._guard.open and not self.force_exit and time.monotonic() < until:
            await asyncio.sleep(_LOOK_EVERY)
        self._guard.end()
        await super().shutdown(sockets)
