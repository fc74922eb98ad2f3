"""A smaller model for charlm: its weights are rounded in the file, and every command reads it like any other model."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from charlm.checkpoints import card_name
from charlm.checkpoints.claim import check_free
from charlm.checkpoints.model_folder import WEIGHTS
from charlm.checkpoints.model_paths import model_path
from charlm.checkpoints.record import ROUNDING, TrainingRecord
from charlm.errors import ConfigError
from charlm.exports import Export, Exported
from charlm.files.tensor_header import ROUNDINGS


class Folder(Export):
    roundings = ("int8", "bfloat16")
    holds_counts = True

    @property
    def folder(self) -> Path:
        return model_path(str(self.output))

    def paths(self) -> Sequence[Path]:
        """Return no file, because a model is a folder; it must be free."""
        check_free(self.folder, self.overwrite, "overwrite_output")
        return ()

    def write(self) -> Exported:
        record = self.model.record
        if not isinstance(record, TrainingRecord):
            raise ConfigError("only a model that charlm has trained or loaded can be saved")
        rounding = record.metadata.get(ROUNDING, ROUNDINGS[0])
        if ROUNDINGS.index(rounding) > 0 and rounding != self.rounding:
            raise ConfigError(f"the weights of {self.model.name} are {rounding} already; export the model before that")
        rounded = replace(record, metadata={**record.metadata, ROUNDING: self.rounding})
        rounded.save(self.model, self.folder, self.overwrite)
        card_name.rename(self.folder, self.model.name, self.folder.name)
        size = (self.folder / WEIGHTS).stat().st_size
        numbers = sum(each.numel() * each.element_size() for each in self.model.network.state_dict().values())
        notes, values = self.loss()
        saved = f"{WEIGHTS} has {size:,} bytes, {size / numbers:.0%} of those of float32"
        return Exported((self.folder,), (saved, *notes), {**values, "bytes": size, "share": size / numbers})
