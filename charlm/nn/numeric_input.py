"""Numeric: the numbers x<t> themselves, k at each step, in place of the vectors of tokens.

The first layer needs W_x x<t> + b, which is the cell's own projection, so the compiled loops run on numbers.
"""

from torch import Tensor

from charlm.nn.cells import Cell
from charlm.nn.embeddings import InputLayer
from charlm.nn.native.fused import Projected


class NumericInput(InputLayer):
    """An input layer for numbers: k columns, already scaled, in float32."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.size = columns

    def vectors(self, values: Tensor) -> Tensor:
        return values

    def project(self, values: Tensor, cell: Cell) -> Projected:
        return cell.project(values)
