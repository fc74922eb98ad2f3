"""The result of a run: its best network as a model."""

from charlm.checkpoints import write
from charlm.checkpoints.model_folder import CARD, METRICS, PLAN
from charlm.checkpoints.record import TrainingRecord
from charlm.files.atomic import to_json
from charlm.model import Model
from charlm.training.run_folder import metrics_file
from charlm.training.trainer import Trainer


def trained_model(trainer: Trainer) -> Model:
    """Return the best network of a run that has ended. Raises DivergenceError if no validation gave a finite loss."""
    best = trainer.best
    if best is None:
        raise trainer.diverged("the validation loss")
    trainer.network.load_state_dict(best.weights)
    record = TrainingRecord(
        corpus=dict(trainer.run_folder.data),
        metadata=write.metadata(best.step, best.summary()),
        files={
            PLAN: to_json(trainer.plan.to_json()),
            METRICS: metrics_file(trainer.meter.lines),
            CARD: trainer.card(best).encode(errors="backslashreplace"),
        },
    )
    network = trainer.network.eval()
    return trainer.dataset.model(trainer.plan.model, network, name=trainer.name, record=record)
