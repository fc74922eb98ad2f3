"""The application: which path answers what."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from charlm.language_model import LanguageModel
from charlm.server.completion_request import completion_request
from charlm.server.completions import Completions, events
from charlm.server.engine import Engine
from charlm.server.errors import RequestError, refusal
from charlm.server.fields import Fields, parse
from charlm.server.guard import HEADERS, LOG, Guard, response, too_large
from charlm.server.limits import Limits
from charlm.server.other_requests import predict, score, tokenize, tokenizer_info, untokenize
from charlm.server.served import Answer, Models, Page, language_model

Result = TypeVar("Result")


class Service:
    """The models, the engine that draws their texts, and the paths by which clients reach them.

    answer: how models of other tasks answer; None: they do not. page: the page at `/`; None: there is none.
    log_prompts: whether the log may have the text of requests.
    """

    def __init__(
        self,
        models: Models,
        limits: Limits,
        *,
        answer: Answer | None = None,
        page: Page | None = None,
        log_prompts: bool = False,
    ) -> None:
        self._models, self._limits, self._answer, self._page = models, limits, answer, page
        self._log_prompts, self._engine = log_prompts, Engine()
        self._guard: Guard | None = None
        self._pages: dict[str, bytes] = {}

    def application(self, hosts: Collection[str], key: str | None) -> Guard:
        """Return the ASGI application. hosts: the values of Host that it answers; key: what clients must send."""
        routes = [
            Route("/v1/models", self._list, methods=["GET"]),
            Route("/v1/models/{name:path}", self._describe, methods=["GET"]),
            Route("/v1/completions", self._completions, methods=["POST"]),
            Route("/score", self._reader(score), methods=["POST"]),
            Route("/predict", self._reader(self._predict), methods=["POST"]),
            Route("/tokenizer_info", self._tokenizer_info, methods=["GET"]),
            Route("/tokenize", self._reader(tokenize), methods=["POST"]),
            Route("/detokenize", self._reader(untokenize), methods=["POST"]),
            Route("/healthz", self._health, methods=["GET"]),
            Route("/", self._show_page, methods=["GET"]),
        ]
        handlers: dict[Any, Any] = {RequestError: _refuse, HTTPException: _refuse_path}
        app = Starlette(routes=routes, exception_handlers=handlers, lifespan=self._lifespan)
        self._guard = Guard(app, hosts=hosts, key=key, limits=self._limits)
        return self._guard

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        self._engine.start()
        yield
        self._engine.stop()

    async def _list(self, request: Request) -> Response:
        return response({"object": "list", "data": [each.values() for each in self._models.all()]})

    async def _describe(self, request: Request) -> Response:
        return response(self._models.named(request.path_params["name"]).values())

    async def _health(self, request: Request) -> Response:
        assert self._guard is not None
        stopping = self._guard.stopping
        values = {"status": "stopping" if stopping else "ok", "open": self._guard.open - 1}  # besides this one
        return response(values, 503 if stopping else 200)

    async def _show_page(self, request: Request) -> Response:
        name = request.query_params.get("model")
        served = self._models.all()[0] if name is None else self._models.named(name)
        if self._page is None or not isinstance(served.model, LanguageModel):
            raise RequestError("there is no page here; clients send requests to /v1/completions", status=404)
        if served.name not in self._pages:
            with self._refusing():
                self._pages[served.name] = (await self._read(self._page, served.model)).encode()
        return Response(self._pages[served.name], 200, HEADERS, "text/html; charset=utf-8")

    async def _tokenizer_info(self, request: Request) -> Response:
        return response(tokenizer_info(self._models, Fields(dict(request.query_params)), self._limits))

    def _predict(self, models: Models, fields: Fields, limits: Limits) -> Any:
        return predict(models, fields, limits, self._answer)

    def _reader(self, answer: Callable[[Models, Fields, Limits], Any]) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint whose answers are computed in the threads that read."""

        async def endpoint(request: Request) -> Response:
            fields = await self._fields(request)
            with self._refusing():
                async with asyncio.timeout(self._limits.seconds):
                    return response(
                        await self._unless_gone(request, self._read(answer, self._models, fields, self._limits))
                    )

        return endpoint

    async def _completions(self, request: Request) -> Response:
        fields = await self._fields(request)
        model, batch = language_model(self._models.of(fields))
        asked = completion_request(fields, self._limits)
        completions = Completions(model, batch, self._engine, asked)
        with self._refusing():
            async with asyncio.timeout(self._limits.seconds):
                await self._unless_gone(request, completions.read(self._limits.prompt))
                if not asked.stream:
                    return response(await self._unless_gone(request, completions.whole()))
        parts = events(completions.parts(), self._limits.seconds, self._note)
        return StreamingResponse(parts, 200, HEADERS, "text/event-stream; charset=utf-8")

    async def _fields(self, request: Request) -> Fields:
        """Read the body, up to its limits."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.seconds):
                async for part in request.stream():
                    body += part
                    if len(body) > self._limits.body:
                        raise too_large(self._limits)
        except TimeoutError:
            raise RequestError("the body did not arrive in time", status=408, code="timeout") from None
        except ClientDisconnect:
            raise RequestError("the client vanished", status=499) from None
        if self._log_prompts:
            LOG.info("%s", ascii(bytes(body).decode("utf-8", "replace"))[1:-1])
        return parse(bytes(body))

    def _read(self, function: Callable[..., Result], *arguments: object) -> "asyncio.Future[Result]":
        return asyncio.wrap_future(self._engine.read(function, *arguments))

    async def _unless_gone(self, request: Request, answer: Awaitable[Result]) -> Result:
        """Wait for an answer; cancel it if the client vanishes."""
        answering = asyncio.ensure_future(answer)
        watching = asyncio.ensure_future(request.receive())  # the body was read, so only the end can come
        try:
            await asyncio.wait({answering, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                raise RequestError("the client vanished", status=499)
            return answering.result()
        finally:
            for task in (answering, watching):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Turn an error of the block into a refusal."""
        try:
            yield
        except Exception as error:
            refused = refusal(error)
            if refused.status == 500:
                self._note(error)
            raise refused from None

    def _note(self, error: Exception) -> None:
        """Log an error that is the server's own. Its message may quote a prompt, so only its kind and place appear."""
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "?"
        LOG.error("%s at %s%s", type(error).__name__, where, f": {str(error)!a}" if self._log_prompts else "")


async def _refuse(request: Request, error: RequestError) -> Response:
    return response(error.values(), error.status, error.headers)


async def _refuse_path(request: Request, error: HTTPException) -> Response:
    words = {404: "there is nothing at this path", 405: "this path has another method"}
    refused = RequestError(words.get(error.status_code, error.detail), status=error.status_code)
    return response(refused.values(), error.status_code, dict(error.headers or {}))
