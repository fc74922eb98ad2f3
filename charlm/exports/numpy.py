"""numpy: a program of one file, next to the files that it reads; Python and numpy are all it needs.

The program is the one of the model card. It is written into the model's folder, or into another one with copies of the
weights, the configuration and the vocabulary.
"""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from charlm.checkpoints.model_folder import CONFIG, WEIGHTS
from charlm.checkpoints.record import TrainingRecord
from charlm.checkpoints.write import create, save_weights
from charlm.errors import ModelError
from charlm.exports import Export, Exported
from charlm.files.atomic import write_atomic
from charlm.files.rounding import rounded
from charlm.files.tensor_header import ROUNDINGS, read_header
from charlm.files.tensors import fingerprint
from charlm.registry import find
from charlm.tasks import Task, declared


class Program(Export):
    roundings = ROUNDINGS
    holds_counts = True

    def paths(self) -> Sequence[Path]:
        self._program()
        folder = self.output.parent
        if self._lies_with_the_weights():
            return (self.output,)
        return (self.output, *(folder / name for name in (WEIGHTS, CONFIG, *self.model.contents().files)))

    def write(self) -> Exported:
        paths = self.paths()
        if len(paths) > 1:
            corpus = self.model.record.corpus if isinstance(self.model.record, TrainingRecord) else {}
            create(self.output.parent, self.model.config, self.model.contents(), corpus)
            save_weights(self.output.parent, self._weights(), {})
        write_atomic(self.output, self._program().encode())
        notes, values = self.loss()
        return Exported(tuple(paths), ("the program needs numpy alone, and reads the files next to it", *notes), values)

    def _program(self) -> str:
        task = self.model.config.task
        program = find(Task, task).program(self.model.config)
        if not program:
            kind = declared()[task]["kind"]
            raise ModelError(f"{self.model.name} is a {kind}, for which there is no program in numpy")
        return f"{program}\n"

    def _weights(self) -> dict[str, Tensor]:
        return rounded(self.model.network.state_dict(), self.rounding)

    def _lies_with_the_weights(self) -> bool:
        """Whether the program is written into a folder that has these very weights."""
        try:
            stated = read_header(self.output.parent / WEIGHTS).metadata.get("sha256_tensors")
        except (OSError, ModelError):
            return False
        return bool(stated == fingerprint(self._weights()))
