"""One figure of a validation that compares networks of different shapes and tokenizers."""

import math
from typing import NamedTuple


class Cost(NamedTuple):
    """A figure with its name in words. gain: whether more of it is better."""

    figure: float | None
    name: str
    gain: bool = False

    def __str__(self) -> str:
        return f"{'–' if self.figure is None else f'{self.figure:.4f}'} {self.name}"

    @property
    def value(self) -> float:
        """What a search minimizes: the figure, or minus the figure; NaN if it does not exist."""
        if self.figure is None:
            return math.nan
        return -self.figure if self.gain else self.figure

    @property
    def value_name(self) -> str:
        """The name of `value`."""
        return f"minus the {self.name}" if self.gain else self.name
