"""Where a training run keeps its best model: nothing until there is one, then a whole model at every moment."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from charlm import checkpoint
from charlm.errors import ModelExistsError
from charlm.evaluation import Evaluation
from charlm.model_card import model_card
from charlm.network import Network
from charlm.planning import Plan
from charlm.preparation import Prepared
from charlm.reports import Progress
from charlm.storage import (
    CARD,
    METRICS,
    PLAN,
    beside,
    finish_publishing,
    json_line,
    publish,
    remove_model,
    write_atomic,
)


def check_free(folder: Path, overwrite: bool) -> None:
    """Raise ModelExistsError where a folder is there and may not be replaced."""
    if not folder.exists():
        return
    if not checkpoint.is_model(folder):
        raise ModelExistsError(f"{folder} is there and is not a charlm model, so it stays; choose another --model")
    if not overwrite:
        raise ModelExistsError(f"{folder} is there already; replace it with --overwrite, or choose another --model")


class RunFolder:
    """Writes beside `folder` until the first model is kept, then in it; with None nothing is written."""

    def __init__(self, folder: Path | None, overwrite: bool) -> None:
        self.folder = folder
        self._place = folder  # where files go now
        self._metrics: list[str] = []
        self.step = 0  # of the model that is kept whole
        if folder is None:
            return
        finish_publishing(folder)
        check_free(folder, overwrite)
        self._place = beside(folder, "new")
        remove_model(self._place)  # of a run that crashed before its first model

    def describe(self, plan: Plan, prepared: Prepared) -> None:
        """What is being trained, and on what; written with the first model."""
        self._plan, self._prepared = plan, prepared

    def keep(self, network: Network, step: int, evaluation: Evaluation) -> None:
        """Keep these weights in place of those before."""
        if self.folder is None or self._place is None:
            return
        self.step = 0
        if self._place == self.folder:
            self._write(network, step, evaluation)
            self.step = step
            return
        try:
            self._place.mkdir(parents=True)
            checkpoint.create(self._place, self._plan.model, self._prepared.tokenizer, self._corpus())
            self.revise(self._plan)
            self._write(network, step, evaluation)
            self._write_metrics()
            publish(self._place, self.folder)
        except BaseException:
            remove_model(self._place)
            raise
        self._place = self.folder
        self.step = step

    def log(self, step: int, seconds: float, progress: Progress, plan: Plan, evaluation: Evaluation) -> None:
        """Add a line to the metrics."""
        values = {
            "step": step,
            "seconds": round(seconds, 3),
            "train_nats_per_token": progress.nats_per_token,
            "valid": evaluation.summary(),
            "learning_rate": plan.learning_rate(step - 1),
            "characters_per_second": round(progress.characters_per_second),
        }
        self._metrics.append(json_line(values))
        if self._place is not None and self._place == self.folder:
            self._write_metrics()

    def revise(self, plan: Plan) -> None:
        """Store the plan as it is now."""
        self._plan = plan
        if self._place is not None and self._place.is_dir():
            write_atomic(self._place / PLAN, checkpoint.to_json(asdict(plan)))

    def _write(self, network: Network, step: int, evaluation: Evaluation) -> None:
        assert self._place is not None and self.folder is not None
        checkpoint.save_weights(self._place, network, step, evaluation.summary())
        card = model_card(self.folder.name, self._plan, self._prepared, network.parameter_count(), step, evaluation)
        write_atomic(self._place / CARD, card.encode())

    def _write_metrics(self) -> None:
        assert self._place is not None
        write_atomic(self._place / METRICS, "".join(line + "\n" for line in self._metrics).encode())

    def _corpus(self) -> dict[str, Any]:
        corpus, parts = self._prepared.corpus, self._prepared.parts
        return {
            "files": list(corpus.names),
            "held_out": list(self._prepared.held_out),
            "characters": corpus.characters,
            "sequences": len(parts.train) + (len(parts.valid) if parts.held_out else 0),
            "sha256": corpus.fingerprint(),
        }
