"""The fields of a request in JSON, each checked when it is read."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from charlm.errors import ConfigError
from charlm.server.errors import RequestError
from charlm.settings import check_count, check_range
from charlm.tokenizers import SURROGATE
from charlm.wording import nearest, quoted


def parse(body: bytes) -> "Fields":
    """Return the fields of a body. Raises RequestError unless it is a JSON object."""
    try:
        values = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        problem = str(error).partition(": line")[0] if isinstance(error, json.JSONDecodeError) else "it is damaged"
        raise RequestError(f"the body is not JSON in UTF-8: {problem}") from None
    if not isinstance(values, dict):
        raise RequestError("the body must be a JSON object")
    return Fields(values)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


class Fields:
    """Fields by name. Null counts as not given."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {name: value for name, value in values.items() if value is not None}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def only(self, known: Collection[str]) -> None:
        """Raise RequestError for a field of another name."""
        for name in self._values:
            if name not in known:
                near = nearest(name, list(known))
                hint = f"; did you mean {near[0]}?" if near else ""
                raise RequestError(f"there is no field {quoted(name, 40)}{hint}", param=name[:40], code="unknown_field")

    def rest(self, without: Collection[str]) -> dict[str, Any]:
        """Return the fields of other names, unchecked."""
        return {name: value for name, value in self._values.items() if name not in without}

    def whole(self, name: str, default: int | None, low: int, high: int) -> int | None:
        """Return a whole number within bounds."""
        value = self._values.get(name, default)
        _check(name, lambda: check_count(name, value, low, high))
        return value

    def number(self, name: str, default: float | None, low: float, high: float, *, open_low: bool = False) -> Any:
        """Return a number within bounds."""
        value = self._values.get(name, default)
        _check(name, lambda: check_range(name, value, low, high, open_low=open_low))
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Return true or false."""
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise RequestError(f"{name} must be true or false", param=name)
        return value

    def text(self, name: str, default: str | None = None) -> str | None:
        """Return a text."""
        value = self._values.get(name, default)
        if value is not None:
            check_text(name, value)
        return value

    def texts(self, name: str) -> list[str] | None:
        """Return a text, or a list of texts, as a list; None if there is none."""
        value = self._values.get(name)
        if value is None:
            return None
        for each in (texts := value if isinstance(value, list) else [value]):
            check_text(name, each)
        return texts

    def raw(self, name: str) -> Any:
        """Return a value unchecked."""
        return self._values.get(name)


def check_text(name: str, value: object) -> None:
    """Raise RequestError unless a value is a text of whole characters."""
    if not isinstance(value, str):
        raise RequestError(f"{name} must be a text", param=name)
    if SURROGATE.search(value):
        raise RequestError(f"{name} has half of a UTF-16 character", param=name)


def _check(name: str, check: Any) -> None:
    try:
        check()
    except ConfigError as error:
        raise RequestError(str(error), param=name) from None
