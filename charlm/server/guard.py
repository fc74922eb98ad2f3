"""What a request must fulfill before it is read: its host, its origin, its key, its type, and the room for it.

A page of another site can send requests to a server on this machine. It cannot set the host or the origin, so a foreign
one is refused, also under a name that was pointed at this machine (DNS rebinding).
"""

import asyncio
import hmac
import logging
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from charlm.files.atomic import json_line
from charlm.server.errors import RequestError
from charlm.server.limits import Limits

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
LOG = logging.getLogger("charlm.server")
_OPEN_TO_ALL = "/healthz"
_PATIENCE = 30.0  # seconds after the limit of a request until a client that does not read is left
_LAST_WORD = 0.5  # seconds for the answer to a request that is ended
_SHOWN = 80  # characters of a path in the log
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
LAST_EVENT = b"data: [DONE]\n\n"
_CLOSED = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}


class Guard:
    """Wraps the application.

    hosts: the values of the header Host that are answered. key: what clients must send; None: nothing.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], key: str | None, limits: Limits) -> None:
        self._app, self._hosts, self._key, self._limits = app, frozenset(hosts), key, limits
        self.stopping = self._ended = False
        self._open: set[asyncio.Timeout] = set()

    @property
    def open(self) -> int:
        """Number of open requests."""
        return len(self._open)

    def end(self) -> None:
        """End the open requests now; each is answered by an error."""
        self.stopping = self._ended = True
        for limit in self._open:
            limit.reschedule(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1000})
            else:
                await self._app(scope, receive, send)
            return
        began, answer = time.perf_counter(), _Answer(send)
        try:
            await self._answer(scope, receive, answer)
        finally:
            path = ascii(scope["path"][:_SHOWN])[1:-1]
            LOG.info("%s %s %s %.3f s", scope["method"], path, answer.status, time.perf_counter() - began)

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            self._check(scope)
        except RequestError as error:
            await response(error.values(), error.status, error.headers)(scope, receive, answer)
            return
        limit = asyncio.timeout(self._limits.seconds + _PATIENCE)  # nobody keeps a place forever
        self._open.add(limit)
        try:
            async with limit:
                await self._app(scope, receive, answer)
        except TimeoutError:
            if self._ended:
                await answer.stop(scope, receive)
            else:
                LOG.warning("a client did not read its answer in time")
        finally:
            self._open.discard(limit)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if headers.get("host", "").lower() not in self._hosts:
            raise RequestError("the server does not answer under this host", status=421, code="host_not_allowed")
        origin = headers.get("origin")
        if origin is not None and _host_of(origin) not in self._hosts:
            raise RequestError("pages of other sites may not use the server", status=403, code="origin_not_allowed")
        if scope["path"] != _OPEN_TO_ALL:
            self._check_key(headers)
        if scope["method"] != "POST":
            return
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise RequestError("send Content-Type: application/json", status=415, code="content_type")
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > self._limits.body:
            raise too_large(self._limits)
        if self.stopping:
            raise _stopping()
        if self.open >= self._limits.open:
            raise RequestError(
                f"{self._limits.open} requests are open; try again", status=429, code="rate_limit_exceeded"
            )

    def _check_key(self, headers: Headers) -> None:
        if self._key is None:
            return
        kind, _, given = headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._key.encode())
        if kind.lower() != "bearer" or not right:
            raise RequestError("send the key as Authorization: Bearer KEY", status=401, code="invalid_api_key")


class _Answer:
    """Passes on what is sent to a client. status: 499 until an answer begins, since the client may vanish before."""

    status = 499

    def __init__(self, send: Send) -> None:
        self._send, self._has_events = send, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._has_events = Headers(raw=message["headers"])["content-type"].startswith("text/event-stream")
        await self._send(message)

    async def stop(self, scope: Scope, receive: Receive) -> None:
        """Say that the server stops, unless the client does not read, or gets another answer already."""
        error = _stopping()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORD):
                if self.status == 499:
                    await response(error.values(), error.status)(scope, receive, self)
                elif self._has_events:
                    await self({"type": "http.response.body", "body": event(error.values()) + LAST_EVENT})


def _stopping() -> RequestError:
    return RequestError("the server is stopping", status=503, code="stopping")


def too_large(limits: Limits) -> RequestError:
    """Return the refusal of a body."""
    return RequestError(f"the body has more than {limits.body:,} bytes", status=413, code="body_too_large")


def response(values: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a response in JSON."""
    given = {**HEADERS, **_CLOSED, **(headers or {})}
    return Response(encoded(values), status, given, "application/json")


def encoded(values: Any) -> bytes:
    """Return JSON in ASCII, with control characters escaped and null for numbers that are not finite."""
    return json_line(values, ascii_only=True).encode()


def event(values: Any) -> bytes:
    """Return a server-sent event."""
    return b"data: " + encoded(values) + b"\n\n"


def hosts_for(addresses: Collection[str], allowed: Collection[str], port: int) -> set[str]:
    """Return the values of Host for the addresses of a server, with its port, and for further names.

    A further name without a port stands for itself and for the name with the port of the server.
    """
    names = {f"{name.lower()}:{port}" for name in (*LOOPBACK, *addresses, *allowed)}
    names |= {name.lower() for name in allowed}
    return names | ({name.lower() for name in (*LOOPBACK, *addresses)} if port == 80 else set())


def _host_of(origin: str) -> str:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return ""
    return parts.netloc.lower() if parts.scheme in ("http", "https") and not parts.path else ""
