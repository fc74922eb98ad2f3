"""JSON Lines: one object per line, whose keys say what it is an example of."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from charlm.errors import CorpusError
from charlm.examples import COLUMNS_OF, Columns, Example, Labeled, Pair, Place, Series, Tagged
from charlm.examples.formats import (
    LABEL_NAMES,
    SOURCE_NAMES,
    TARGET_NAMES,
    TEXT_NAMES,
    Format,
    Recognition,
    is_auto,
    nearly_all,
    plain_input,
)
from charlm.examples.numbers import is_measurement
from charlm.examples.rows import name_column, names
from charlm.examples.source import Source, checked_label, checked_text, few_columns
from charlm.wording import listed, plural, quoted

_KEYS = {
    "text": TEXT_NAMES,
    "label": LABEL_NAMES,
    "source": SOURCE_NAMES,
    "target": TARGET_NAMES,
    "token": ("tokens", "words"),
    "tag": ("tags", "ner_tags", "pos_tags", "upos", "chunk_tags"),
    "time": ("start",),
    "value": ("target", "values", "y"),
}
_TRANSLATION = "translation"  # an object with a text in each of two languages
_NAMES_OF_SERIES = ("unique_id", "item_id", "id", "name")
_KINDS = (str, int, bool)  # of a label


class JsonLines(Format):
    """Objects with text and label, tokens and tags, source and target, translation, or start and target."""

    order = 20
    tasks = ("classify", "tag", "pair", "series")

    def recognize(self, source: Source, task: str, columns: Columns) -> Recognition | None:
        lines = source.filled
        value = _value(lines[0]) if lines else None
        if not isinstance(value, dict) or not nearly_all(lines, sum(line.lstrip()[:1] == "{" for line in lines), task):
            return None
        if is_auto(task) and not nearly_all(lines, sum(isinstance(_value(line), dict) for line in lines)):
            return None
        first = _flat(value)
        tasks = [each for each in self.tasks if task in (each, "auto") and _fits(first, each, columns)]
        if len(tasks) > 1:
            raise CorpusError(
                f"{source.name} has objects with {names(list(first)).replace('columns', 'keys')}, which fit"
                f" {listed(tasks)}",
                remedy="name_task",
                first=tasks[0],
                second=tasks[1],
            )
        if not tasks:
            if is_auto(task):
                return None
            role = next(role for role in COLUMNS_OF[task] if _key(first, role, columns) is None)
            raise name_column(
                f"{source.name} has objects with {names(list(first)).replace('columns', 'keys')}, of which none is the"
                f" {role}",
                role,
                "NAME",
            )
        keys = {role: _one_key(source, first, role, columns) for role in COLUMNS_OF[tasks[0]]}
        known = [repr(key) for key in keys.values() if key is not None]
        return Recognition(tasks[0], f"each line is an object with {listed(known)}", Columns(**keys))

    def examples(self, source: Source, task: str, columns: Columns, notes: list[str]) -> Iterator[Example]:
        one, other = (getattr(columns, role) for role in COLUMNS_OF[task])
        for where, line in source.numbered():
            value = _value(line)
            if not isinstance(value, dict):
                raise CorpusError(f"{where} is not an object in JSON; correct the line")
            value = _flat(value)
            if missing := [key for key in (one, other) if key is not None and key not in value]:
                raise CorpusError(f"{where} has no {missing[0]!r}; add it, or remove the line")
            if task == "series":
                yield _series(where, value, one, other)
            elif task == "tag":
                yield _tagged(where, value, one, other)
            elif task == "pair":
                left = checked_text(where, _text(where, one, value[one]), "a source")
                yield Pair(left, checked_text(where, _text(where, other, value[other]), "a target"), where)
            else:
                text = checked_text(where, _text(where, one, value[one]))
                yield Labeled(text, _labels(where, other, value[other]), where)

    def inputs(self, source: Source, task: str, columns: Columns) -> Iterator[Example]:
        """Yield the input of each object. A line that is not an object is a text."""
        one, other = (getattr(columns, role) for role in COLUMNS_OF[task])
        for number, line in enumerate(source.lines, 1):
            where, value = source.at(number), _value(line)
            value = _flat(value) if isinstance(value, dict) else None
            if task == "series" and value is not None:
                yield _series(where, value, one, other)
            elif value is None or (key := one) not in value:
                yield plain_input(task, line, where)
            elif task == "tag":
                yield Tagged(_list(where, key, value[key]), where=where)
            else:
                yield plain_input(task, _text(where, key, value[key]), where)


def _value(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _flat(value: dict[str, Any]) -> dict[str, Any]:
    """Return an object with the texts of its translation as keys of their own."""
    inner = value.get(_TRANSLATION)
    return {**value, **inner} if isinstance(inner, dict) else value


def _key(value: Mapping[str, Any], role: str, columns: Columns) -> str | None:
    """Return the key of a role in an object: the one that was chosen, or the likeliest."""
    choice = getattr(columns, role)
    if choice is not None:
        return str(choice) if str(choice) in value else None
    inner = value.get(_TRANSLATION)
    if role in ("source", "target") and isinstance(inner, dict) and len(inner) == 2:
        return str(list(inner)[role == "target"])
    for key in _KEYS[role]:
        if key in value and _is_kind(role, value[key]):
            return key
    return None


def _is_kind(role: str, value: Any) -> bool:
    """Return whether a value has the type that a role needs."""
    if role in ("token", "tag"):
        return isinstance(value, list)
    if role == "value":
        return isinstance(value, list) and all(isinstance(each, int | float) for each in value)
    if role == "label":
        return all(isinstance(each, (*_KINDS, float)) for each in (value if isinstance(value, list) else [value]))
    return role == "time" or isinstance(value, str)


def _fits(value: Mapping[str, Any], task: str, columns: Columns) -> bool:
    if task == "series":
        return _key(value, "value", columns) is not None
    return all(_key(value, role, columns) is not None for role in COLUMNS_OF[task])


def _one_key(source: Source, value: Mapping[str, Any], role: str, columns: Columns) -> str | None:
    likely = [key for key in _KEYS[role] if key in value and _is_kind(role, value[key])]
    if role in ("label", "tag") and len(likely) > 1 and getattr(columns, role) is None:
        raise name_column(
            f"{source.name} has {len(likely)} keys that may have the {role}s, {listed([repr(key) for key in likely])}",
            role,
            likely[0],
        )
    return _key(value, role, columns)


def _text(where: Place, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise CorpusError(f"{where} has a {key!r} that is not a text; write it in quotation marks")
    return value


def _labels(where: Place, key: str, value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    for each in values:
        if isinstance(each, float) or (isinstance(each, str) and is_measurement(each)):
            raise name_column(f"{where} has the number {each} as its {key!r}, which is not a label", "label", "NAME")
        if not isinstance(each, _KINDS):
            raise CorpusError(f"{where} has a {key!r} that is not a label; write a text, a whole number, or a list")
    few_columns(where, len(values))
    return tuple(dict.fromkeys(checked_label(where, str(each)) for each in values))


def _list(where: Place, key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str | int) for each in value):
        raise CorpusError(f"{where} has a {key!r} that is not a list of texts; write one text for each token")
    few_columns(where, len(value))
    return tuple(map(str, value))


def _tagged(where: Place, value: Mapping[str, Any], one: str, other: str) -> Tagged:
    tokens, tags = _list(where, one, value[one]), _list(where, other, value[other])
    if len(tokens) != len(tags):
        counts = f"{plural(len(tokens), 'token')} and {plural(len(tags), 'tag')}"
        raise CorpusError(f"{where} has {counts}; give each token one tag")
    return Tagged(tokens, tuple(checked_label(where, tag, "tag") for tag in tags), where=where)


def _series(where: Place, value: Mapping[str, Any], start: str | None, key: str) -> Series:
    numbers = value.get(key)
    if not isinstance(numbers, list) or not numbers:
        raise CorpusError(f"{where} has no {quoted(key)} with numbers; give a list of them")
    for index, each in enumerate(numbers, 1):
        if isinstance(each, bool) or not isinstance(each, int | float) or not abs(each) < 1e300:
            raise CorpusError(f"{where} has {quoted(str(each))} as number {index:,} of {key!r}, which is not a number")
    named = next((str(value[key]) for key in _NAMES_OF_SERIES if key in value), f"line {where.line}")
    begin = str(value.get(start, "")) if start else ""
    times = tuple(begin if begin and not index else str(index + 1) for index in range(len(numbers)))
    return Series(named, times, np.array(numbers, float), np.zeros((len(numbers), 0)), where)
