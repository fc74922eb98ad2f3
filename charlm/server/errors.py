"""What a request is refused with, in the form of the completions interface."""

from http import HTTPStatus
from typing import Any

from charlm.errors import CharlmError, ModelError

_KINDS = {401: "authentication_error", 429: "rate_limit_error"}


class RequestError(Exception):
    """A request that is not answered.

    status: of the response. param: the field of the request that is wrong. code: a word for programs.
    """

    def __init__(self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message, self.status, self.param, self.code = message, status, param, code

    @property
    def headers(self) -> dict[str, str]:
        """What else the response says."""
        if self.status == HTTPStatus.UNAUTHORIZED:
            return {"WWW-Authenticate": "Bearer"}
        if self.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            return {"Retry-After": "1"}
        unread = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_TIMEOUT)  # the rest of the body
        return {"Connection": "close"} if self.status in unread else {}

    def values(self) -> dict[str, Any]:
        """Return the body of the response."""
        kind = _KINDS.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


def refusal(error: Exception, param: str | None = None) -> RequestError:
    """Return the refusal for an error of the library; nothing of another error is shown to the client."""
    if isinstance(error, RequestError):
        return error
    if isinstance(error, ModelError):
        return RequestError(str(error), status=500, code="model_error")
    if isinstance(error, CharlmError):
        return RequestError(f"{error}{_HINTS.get(error.remedy, '')}", param=param)
    if isinstance(error, TimeoutError):
        return RequestError("the request took too long", status=504, code="timeout")
    return RequestError("the server failed; its log has the reason", status=500)


_HINTS = {"unknown": '; leave it out, or send "unknown": "unk" or "skip"'}
