"""What a run wrote of itself: the machine, and the points of its curves, from `metrics.jsonl`."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charlm.checkpoints.model_folder import METRICS
from charlm.errors import ModelError
from charlm.files.atomic import parse_json, read_file

_LARGEST = 2**26  # bytes


@dataclass(frozen=True)
class Point:
    """After so many steps; None is what was not measured there, or is no number. Losses are nats per token."""

    step: int
    seconds: float | None
    train: float | None
    valid: float | None
    gradient_norm: float | None  # before clipping
    learning_rate: float | None
    speed: float | None  # characters a second
    samples: tuple[str, ...]


@dataclass(frozen=True)
class RunLog:
    """`machine` is empty in a model from before it was written down."""

    machine: dict[str, str]
    points: tuple[Point, ...]


def read_log(folder: Path) -> RunLog:
    """Raises ModelError, with the line, for a file that is no log; one that is missing is an empty log."""
    path = folder / METRICS
    try:
        lines = read_file(path, _LARGEST).splitlines()
    except FileNotFoundError:
        lines = []
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from None
    machine: dict[str, str] = {}
    points: list[Point] = []
    for number, line in enumerate(lines, 1):
        values = parse_json(path, line)
        step = values.get("step") if isinstance(values, dict) else None
        if type(step) is not int or step < 0:
            raise ModelError(f"line {number:,} of {path} has no step; it is damaged")
        if isinstance(values.get("machine"), dict):
            machine = {str(name): str(value) for name, value in values["machine"].items()}
        else:
            points.append(_point(step, values))
    return RunLog(machine, tuple(points))


def _point(step: int, values: dict[str, Any]) -> Point:
    valid, samples = values.get("valid"), values.get("samples")
    return Point(
        step=step,
        seconds=_number(values.get("seconds")),
        train=_number(values.get("train_nats_per_token")),
        valid=_number(valid.get("nats_per_token")) if isinstance(valid, dict) else None,
        gradient_norm=_number(values.get("gradient_norm")),
        learning_rate=_number(values.get("learning_rate")),
        speed=_number(values.get("characters_per_second")),
        samples=tuple(map(str, samples)) if isinstance(samples, list) else (),
    )


def _number(value: object) -> float | None:
    return float(value) if type(value) in (int, float) and math.isfinite(value) else None  # type: ignore[arg-type]
