"""The figures of a validation, which every task computes in its own way."""

from collections.abc import Mapping
from typing import Protocol

from charlm.cost import Cost


class Metrics(Protocol):
    """How well a network answers the held-out part."""

    @property
    def objective(self) -> tuple[float, ...]:
        """What a run minimizes, compared number by number; NaN is never better."""

    @property
    def cost(self) -> Cost:
        """One number that compares networks of all shapes and tokenizers on the same data."""

    @property
    def headline(self) -> float | None:
        """The figure of the validation curve; None if there is none."""

    @property
    def parts(self) -> Mapping[str, float | None]:
        """The headline of each part of the network alone, by its name; empty for a network of one part."""
        return {}

    @property
    def brief(self) -> str:
        """The figures in a line of a log."""

    @property
    def sentence(self) -> str:
        """The figures in words."""

    def summary(self) -> dict[str, float | None]:
        """Return the figures of a validation, as they are stored and printed."""

    def curves(self) -> dict[str, float | None]:
        """Return the figures for TensorBoard, by their names."""
