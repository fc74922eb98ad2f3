"""Everything that the rest of a run depends on, and its form in a training state."""

import torch

from charlm.checkpoints.training_state import TrainingState
from charlm.errors import ConfigError, ModelError
from charlm.nn.trainable import Trainable
from charlm.plan import Plan
from charlm.tasks import Dataset
from charlm.training.best import Best, best_from, tensors_of, values_of, without_best
from charlm.training.learner import Learner
from charlm.training.meter import Meter
from charlm.training.run_folder import RunFolder


class Resumable:
    """A run that can be saved after any step, and returned to that step by this or another process."""

    dataset: Dataset
    plan: Plan
    run_folder: RunFolder
    meter: Meter
    device: torch.device
    network: Trainable
    learner: Learner
    best: Best | None
    step: int
    validated_step: int

    def state(self) -> TrainingState:
        """Collect the state of the run. The tensors are the run's own memory, not copies."""
        data = self.run_folder.data
        values = {
            "plan": self.plan.to_json(),
            "corpus": self.dataset.sha256,
            **({"start": data["start"]} if "start" in data else {}),
            "validated": self.validated_step,
            **self.meter.values(),
            **values_of(self.best),
        }
        return TrainingState(self.step, values, self.learner.tensors() | tensors_of(self.best))

    def restore(self, state: TrainingState, *, resumed: bool = False) -> None:
        """Return to a state, of another process if `resumed`. Raises ModelError for a state that is not of this run."""
        shapes, metrics_from = self.network.state_dict(), self.dataset.metrics_from
        try:
            self.learner.restore(without_best(state.tensors))
            self.best = best_from(state.values, state.tensors, shapes, self.device, metrics_from)
            self.validated_step = int(state.values["validated"])
            self.meter.restore(state.values, resumed=resumed)
        except (ConfigError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise ModelError(f"{self.run_folder.folder}: step {state.step} is not of this run: {error}") from None
        self.step = state.step
