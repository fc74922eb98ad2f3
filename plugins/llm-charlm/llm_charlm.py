"""Models of `charlm serve` in the llm command: each is `charlm/NAME`."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import llm

_SECONDS_TO_LIST = 1.0  # the plugin is loaded by every command of llm
_SECONDS_TO_ANSWER = 600.0


def _open(path: str, values: dict[str, Any] | None, seconds: float) -> Any:
    address = os.environ.get("CHARLM_SERVER", "http://127.0.0.1:8080").rstrip("/")
    if urlsplit(address).scheme not in ("http", "https"):
        raise ValueError("CHARLM_SERVER must begin with http:// or https://")
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get("CHARLM_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    data = None if values is None else json.dumps(values).encode()
    return urlopen(Request(address + path, data, headers), timeout=seconds)


@llm.hookimpl
def register_models(register: Callable[..., None]) -> None:
    """Register the language models of the server; none if it does not run."""
    try:
        with _open("/v1/models", None, _SECONDS_TO_LIST) as reply:
            models = json.load(reply)["data"]
    except (OSError, ValueError, KeyError):
        return
    for model in models:
        if model.get("task") == "language":
            register(Charlm(model["id"]))


class Charlm(llm.Model):
    """A model of the server, which continues the prompt."""

    can_stream = True

    class Options(llm.Options):
        """Fields of the request."""

        max_tokens: int | None = None
        temperature: float | None = None
        top_p: float | None = None
        seed: int | None = None
        stop: str | None = None

    def __init__(self, name: str) -> None:
        self.name, self.model_id = name, f"charlm/{name}"

    def execute(self, prompt: Any, stream: bool, response: Any, conversation: Any = None) -> Iterator[str]:
        """Yield the text as it arrives."""
        options = {name: value for name, value in prompt.options.model_dump().items() if value is not None}
        values = {"model": self.name, "prompt": prompt.prompt, "stream": stream, **options}
        try:
            reply = _open("/v1/completions", values, _SECONDS_TO_ANSWER)
        except HTTPError as error:
            raise llm.ModelError(json.load(error)["error"]["message"]) from None
        with reply:
            if not stream:
                yield json.load(reply)["choices"][0]["text"]
                return
            for line in reply:
                data = line.decode().removeprefix("data: ").strip()
                if data and data != "[DONE]":
                    part = json.loads(data)
                    if "error" in part:
                        raise llm.ModelError(part["error"]["message"])
                    yield from (choice["text"] for choice in part["choices"])
