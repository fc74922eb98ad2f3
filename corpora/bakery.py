"""Hourly sales of bakeries: series with a trend, a season of a day, and a season of a week, to try to forecast.

    python corpora/bakery.py              write bakery.csv next to this file

The sales of an hour are the product of a level that grows, the weight of the hour, and the weight of the day of the
week, plus noise. So the best possible forecast is known: it misses by the noise alone. Its errors are printed.
"""

import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

HERE = Path(__file__).parent
SEED = 24
WEEKS, START = 8, datetime(2024, 1, 1)  # a Monday
DAY, WEEK = 24, 7

# Weights of the hours of a day and of the days of a week in percent; on average 100.
HOURS = (
    20, 20, 20, 20, 30, 60, 120, 200, 230, 190, 150, 140, 170, 160, 120, 110, 130, 150, 120, 80, 60, 40, 30, 30,
)  # fmt: skip
DAYS = (90, 85, 90, 95, 110, 150, 80)


class Bakery(NamedTuple):
    """Mean sales of an hour at the start, their growth per week, and the largest noise, all in rolls."""

    name: str
    level: float
    growth: float
    noise: float


BAKERIES = (
    Bakery("corner", 40, 1.5, 6),
    Bakery("harbor", 75, -1.0, 10),
    Bakery("market", 120, 4.0, 16),
    Bakery("mill", 30, 0.5, 4),
    Bakery("station", 200, 2.0, 28),
)


def expected(bakery: Bakery, hour: int) -> float:
    """Return the sales of an hour, counted from the start, without the noise: the best possible forecast."""
    level = bakery.level + bakery.growth * hour / (DAY * WEEK)
    return level * HOURS[hour % DAY] * DAYS[hour // DAY % WEEK] / 10_000


def sales(bakery: Bakery, random: Random) -> list[str]:
    """Draw the sales of all hours, with one digit after the point. The noise has a triangular distribution."""
    noise = [bakery.noise * (random.random() + random.random() - 1) for _ in range(WEEKS * WEEK * DAY)]
    return [f"{expected(bakery, hour) + each:.1f}" for hour, each in enumerate(noise)]


def corpus() -> str:
    """Return the text of bakery.csv: the series one after the other, with an hour per line."""
    random = Random(SEED)
    lines = ["unique_id,ds,y"]
    for bakery in BAKERIES:
        for hour, value in enumerate(sales(bakery, random)):
            lines.append(f"{bakery.name},{START + timedelta(hours=hour)},{value}")
    return "".join(f"{line}\n" for line in lines)


def errors(text: str) -> dict[str, tuple[float, float]]:
    """Return the mean absolute error and the root mean squared error of the best possible forecast, of each series."""
    values: dict[str, list[float]] = {}
    for line in text.splitlines()[1:]:
        name, _, value = line.split(",")
        values.setdefault(name, []).append(float(value))
    return {bakery.name: _errors(bakery, values[bakery.name]) for bakery in BAKERIES}


def _errors(bakery: Bakery, values: Sequence[float]) -> tuple[float, float]:
    misses = [value - expected(bakery, hour) for hour, value in enumerate(values)]
    return sum(map(abs, misses)) / len(misses), (sum(miss**2 for miss in misses) / len(misses)) ** 0.5


def main() -> int:
    text = corpus()
    try:
        (HERE / "bakery.csv").write_text(text, "ascii", newline="\n")
    except OSError as error:
        print(f"bakery.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"bakery.csv: {len(BAKERIES)} series of {WEEKS * WEEK * DAY} hours, {len(text)} characters")
    for name, (absolute, square) in errors(text).items():
        print(f"{name:>8}: the best forecast has a mean absolute error of {absolute:.2f}, and an RMSE of {square:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
