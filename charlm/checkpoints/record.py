"""How a model was trained: what its folder holds in addition to the network and the vocabulary."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charlm.checkpoints.claim import claim
from charlm.checkpoints.model_folder import CARD, METRICS, PLAN, lock, remove_model, swap_in
from charlm.checkpoints.write import create, save_weights
from charlm.errors import ModelError, SaveError
from charlm.files.atomic import read_file, write_atomic
from charlm.files.reading import reason
from charlm.files.rounding import rounded
from charlm.files.tensor_header import ROUNDINGS
from charlm.model import Model
from charlm.plan import LARGEST_PLAN

ROUNDING = "weights"  # the entry of the metadata that says how the weights are rounded; without it they are not
STATED = ("step", "validation", ROUNDING)  # entries of the metadata that belong to the record
_LARGEST = {PLAN: LARGEST_PLAN, METRICS: 2**24, CARD: 2**24}  # bytes


@dataclass(frozen=True)
class TrainingRecord:
    """The record of a training, which `Model.save` writes.

    corpus: its description in config.json. metadata: step, validation and rounding of the weights. files: the content
    of plan.json, metrics.jsonl and README.md, as far as the model has them.
    """

    corpus: dict[str, Any]
    metadata: Mapping[str, str]
    files: Mapping[str, bytes]

    def save(self, model: Model, folder: Path, overwrite: bool) -> None:
        """Write a model to a folder, which is complete or does not change.

        Raises ModelExistsError if the folder exists and may not be replaced, ModelInUseError while it is trained, and
        SaveError if the disk refuses it.
        """
        weights = rounded(model.network.state_dict(), self.metadata.get(ROUNDING, ROUNDINGS[0]))
        with lock(folder):
            path = claim(folder, overwrite, remedy="overwrite")
            try:
                path.mkdir()
                create(path, model.config, model.contents(), self.corpus)
                for name, content in self.files.items():
                    write_atomic(path / name, content)
                save_weights(path, weights, self.metadata)
                swap_in(path, folder)
            except OSError as error:
                raise SaveError(
                    f"{folder} cannot be written: {error.filename or path}: {reason(error)}", remedy="other_folder"
                ) from None
            finally:
                remove_model(path)


def read_files(folder: Path) -> dict[str, bytes]:
    """Return the files of a model that only describe it; one that is missing or unusual is left out."""
    files = {}
    for name, limit in _LARGEST.items():
        try:
            files[name] = read_file(folder / name, limit)
        except (OSError, ModelError):
            continue
    return files
