"""The error of a run whose loss is not a finite number, in spite of half the learning rate."""

from pathlib import Path

from charlm.errors import DivergenceError
from charlm.plan import Plan


def diverged(what: str, step: int, plan: Plan, kept_in: Path | None) -> DivergenceError:
    """Return the error; `what` is not finite, and `kept_in` is the folder of the best model so far, or None."""
    kept = f"; the best model so far is kept in {kept_in}" if kept_in else ""
    halved = " and half of it" if plan.halved_at is not None else ""
    at = f"{what} is not a finite number at step {step:,}, at a peak learning rate of {plan.peak:g}"
    return DivergenceError(f"{at}{halved}{kept}", remedy="learning_rate", value=plan.peak / 4)
