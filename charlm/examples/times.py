"""Times of a series: numbers, months, quarters, dates, and times of day, at regular steps."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from charlm.errors import CorpusError
from charlm.examples import Place
from charlm.wording import plural, quoted

_INTEGER = re.compile(r"[+-]?\d{1,15}(\.0*)?", re.ASCII)
_COMPACT = re.compile(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", re.ASCII)
_MONTH = re.compile(r"(\d{4})[-/](\d{1,2})", re.ASCII)
_QUARTER = re.compile(r"(\d{4})-?[Qq]([1-4])", re.ASCII)
_EPOCH = datetime(1970, 1, 1)
_LEAST_MONTH = 28 * 86400  # seconds


class _Unit(NamedTuple):
    """A kind of time: its unit, and the number of a text in this unit."""

    unit: str
    parse: Callable[[str], int | None]


def _integer(text: str) -> int | None:
    return int(text.partition(".")[0]) if _INTEGER.fullmatch(text) else None


def _month(text: str) -> int | None:
    match = _MONTH.fullmatch(text)
    return 12 * int(match[1]) + int(match[2]) - 1 if match and 1 <= int(match[2]) <= 12 else None


def _quarter(text: str) -> int | None:
    match = _QUARTER.fullmatch(text)
    return 4 * int(match[1]) + int(match[2]) - 1 if match else None


def _date(text: str) -> datetime | None:
    try:
        value = datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        return None
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def _seconds(text: str) -> int | None:
    value = _date(text) if "-" in text or "/" in text or _COMPACT.fullmatch(text) else None
    return round((value - _EPOCH) / timedelta(seconds=1)) if value else None


_UNITS = (
    _Unit("second", lambda text: _seconds(text) if _COMPACT.fullmatch(text) else None),
    _Unit("number", _integer),
    _Unit("month", _month),
    _Unit("quarter", _quarter),
    _Unit("second", _seconds),
)


def is_time(text: str) -> bool:
    """Return whether a text is a date, a month, a quarter, or a whole number."""
    return any(unit.parse(text.strip()) is not None for unit in _UNITS)


def is_date(text: str) -> bool:
    """Return whether a text is a date, a month, or a quarter, but not a number."""
    text = text.strip()
    return any(unit.parse(text) is not None for unit in _UNITS[2:])


def order(places: Sequence[Place], times: Sequence[str]) -> list[int]:
    """Return the indices of times in ascending order.

    Raises CorpusError for a text that is not a time, a time that occurs twice, and the first step that differs from
    the others.
    """
    if len(times) < 2:
        return list(range(len(times)))
    unit, numbers = _parsed(places, [text.strip() for text in times])
    indices = sorted(range(len(numbers)), key=numbers.__getitem__)
    ordered = [numbers[index] for index in indices]
    steps = [later - earlier for earlier, later in pairwise(ordered)]
    if unit == "second" and len(set(steps)) > 1 and min(steps) >= _LEAST_MONTH:
        months = _months([times[index].strip() for index in indices])
        if months is not None:
            unit, steps = "month", [later - earlier for earlier, later in pairwise(months)]
    usual = Counter(steps).most_common(1)[0][0] or max(steps)
    for number, step in enumerate(steps, 1):
        before, here = indices[number - 1], indices[number]
        if not step:
            raise CorpusError(f"{places[here]} has the time {quoted(times[here])} again; keep one row for each time")
        if step != usual:
            raise CorpusError(
                f"{places[here]} has the time {quoted(times[here])} after {quoted(times[before])}, but other steps are"
                f" {_worded(usual, unit)}; fill the gap, or keep the rows on one side of it"
            )
    return indices


def continued(times: Sequence[str], count: int) -> tuple[str, ...]:
    """Return the times after the last ones, at the same step, in the form of the last one.

    Times of which the step is not known are continued by numbers from 1.
    """
    last = [text.strip() for text in times[-3:]]
    unit = next((each for each in _UNITS if last and all(each.parse(text) is not None for text in last)), None)
    if unit is None or len(last) < 2:
        return tuple(map(str, range(1, count + 1)))
    numbers = [number for number in map(unit.parse, last) if number is not None]
    step = numbers[-1] - numbers[-2]
    if unit.unit == "number":
        return tuple(str(numbers[-1] + step * each) for each in range(1, count + 1))
    text = last[-1]
    if unit.unit == "month":
        mark = text[4]
        months = (numbers[-1] + step * each for each in range(1, count + 1))
        return tuple(f"{month // 12:04}{mark}{month % 12 + 1:02}" for month in months)
    if unit.unit == "quarter":
        start, _, _ = text.upper().rpartition("Q")
        quarters = (numbers[-1] + step * each for each in range(1, count + 1))
        return tuple(f"{each // 4:04}{start[4:]}{text[-2]}{each % 4 + 1}" for each in quarters)
    return tuple(_written(text, each) for each in _dates(last, step, count))


def _dates(last: Sequence[str], step: int, count: int) -> list[datetime]:
    """Return the dates after the last ones, at a step in seconds or in months."""
    start = _EPOCH + timedelta(seconds=_seconds(last[-1]) or 0)
    months = _months(last) if step >= _LEAST_MONTH else None
    dates = []
    try:
        for number in range(1, count + 1):
            if months is None:
                dates.append(start + timedelta(seconds=step * number))
                continue
            year, month = divmod(months[-1] - 1 + (months[-1] - months[-2]) * number, 12)
            following = datetime(year + month // 11, (month + 1) % 12 + 1, 1)  # the first day of the month after it
            ends = (start + timedelta(days=1)).day == 1
            day = (following - timedelta(days=1)).day
            dates.append(start.replace(year=year, month=month + 1, day=day if ends else min(start.day, day)))
    except (OverflowError, ValueError):
        raise CorpusError(f"a forecast after {quoted(last[-1])} would end after the year 9999; ask for less") from None
    return dates


def _written(like: str, value: datetime) -> str:
    """Write a time in the form of another one."""
    if _COMPACT.fullmatch(like):
        return value.strftime("%Y%m%d")
    if len(like) == 10:
        return value.strftime(f"%Y{like[4]}%m{like[4]}%d")
    text = value.isoformat(like[10] if like[10] in "T " else "T", "minutes" if len(like) == 16 else "auto")
    text = text.replace("-", "/") if "/" in like else text
    zone = "Z" if like.endswith("Z") else "+00:00" if _date(like) and re.search(r"[+-]\d\d:?\d\d$", like[10:]) else ""
    return text + zone


def _parsed(places: Sequence[Place], times: Sequence[str]) -> tuple[str, list[int]]:
    """Return the unit of the times, and their numbers in it."""
    for unit in _UNITS:
        if unit.parse(times[0]) is not None:
            numbers = list(map(unit.parse, times))
            if None not in numbers:
                return unit.unit, [number for number in numbers if number is not None]
            wrong = numbers.index(None)
            if any(other.parse(times[wrong]) is not None for other in _UNITS):
                continue
            break
    else:
        wrong = 0
    example = "write 1949-01, 1949-01-31, or 1949-01-31 12:00"
    raise CorpusError(f"{places[wrong]} has {quoted(times[wrong])}, which is not a time like the others; {example}")


def _months(times: Sequence[str]) -> list[int] | None:
    """Return the months of dates that have one day of the month, or are the last days; otherwise None."""
    dates = [value for value in map(_date, times) if value]
    is_last = all((value + timedelta(days=1)).day == 1 for value in dates if value.year < 9999)
    if len({(value.day, value.time()) for value in dates}) > 1 and not is_last:
        return None
    return [12 * value.year + value.month for value in dates]


def _worded(step: int, unit: str) -> str:
    """Return a step in words: 1 month, 2 days, 1 hour."""
    if unit == "second":
        for name, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
            if step % length == 0:
                return plural(step // length, name)
    return f"{step:,}" if unit == "number" else plural(step, unit)
