"""What a run recorded: the machine, and the points of its curves, from `metrics.jsonl`."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charlm.checkpoints.model_folder import METRICS
from charlm.errors import ModelError
from charlm.files.atomic import parse_json, read_file
from charlm.files.reading import read_errors

_LARGEST = 2**26  # bytes


@dataclass(frozen=True)
class Point:
    """The measurements after a step; None for what was not measured or is not finite. Losses are nats per token."""

    step: int
    seconds: float | None
    train: float | None
    valid: float | None
    gradient_norm: float | None  # before clipping
    learning_rate: float | None
    speed: float | None  # characters per second
    samples: tuple[str, ...]


@dataclass(frozen=True)
class RunLog:
    """The recorded run; `machine` is empty for a model of a charlm that did not record it."""

    machine: dict[str, str]
    points: tuple[Point, ...]


def read_log(folder: Path) -> RunLog:
    """Read the log in a model's folder; a missing file is an empty log. Raises ModelError for a damaged line."""
    path = folder / METRICS
    with read_errors(path, ModelError):
        try:
            lines = read_file(path, _LARGEST).splitlines()
        except FileNotFoundError:
            lines = []
    machine: dict[str, str] = {}
    points: list[Point] = []
    for number, line in enumerate(lines, 1):
        values = parse_json(path, line)
        step = values.get("step") if isinstance(values, dict) else None
        if type(step) is not int or step < 0:
            raise ModelError(f"{path} is damaged: line {number:,} has no step")
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
        train=_number(_first(values, "train_nats_per_")),
        valid=_valid(valid) if isinstance(valid, dict) else None,
        gradient_norm=_number(values.get("gradient_norm")),
        learning_rate=_number(values.get("learning_rate")),
        speed=_number(_first(values, "", "_per_second")),
        samples=tuple(map(str, samples)) if isinstance(samples, list) else (),
    )


def _first(values: dict[str, Any], start: str, end: str = "") -> object:
    """Return the value whose name has this start and end; the middle is a unit, such as token."""
    return next((value for name, value in values.items() if name.startswith(start) and name.endswith(end)), None)


def _valid(values: dict[str, Any]) -> float | None:
    """Return the held-out loss over the known tokens; a run without unknown characters recorded only one loss."""
    return _number(values.get("nats_per_token_known", values.get("nats_per_token")))


def _number(value: object) -> float | None:
    return float(value) if type(value) in (int, float) and math.isfinite(value) else None  # type: ignore[arg-type]
