"""The language model that a run starts from: its weights, its shape, and its description."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from charlm.checkpoints.checkpoint import find_folder, load
from charlm.checkpoints.model_folder import unfinished
from charlm.checkpoints.record import TrainingRecord
from charlm.config import ModelConfig, TrainConfig
from charlm.errors import ConfigError, ModelError
from charlm.files.tensors import fingerprint
from charlm.model import Model
from charlm.tasks import declared

_ENCODER = ("embedding", "embedding_size", "cell", "activation", "hidden_size", "layers", "residual")
_ABOVE = ("readout_layers", "readout", "shortlist", "tie_weights")  # only a language model has them
_VOCABULARY = ("tokenizer", "closed", "model_type")
_LANGUAGE = ModelConfig.task


@dataclass(frozen=True)
class Start:
    """A language model, the name or the path that was given, and the SHA-256 of its weights."""

    model: Model
    name: str
    sha256: str

    def vocabulary(self, model: ModelConfig, keywords: Mapping[str, Any]) -> ModelConfig:
        """Return the settings with the kind of tokenizer of the model. Raises ConfigError for another kind."""
        if model.vocabulary is not None:
            given = "a vocabulary was given, but a network that starts from a model learns its own from the text"
            raise ConfigError(given, remedy="no_vocabulary_or_start")
        return self._merged(_VOCABULARY, model, keywords)

    def shape(self, model: ModelConfig, config: TrainConfig, keywords: Mapping[str, Any]) -> ModelConfig:
        """Return the settings with the shape of the model. Raises ConfigError for another shape."""
        if "tokenizer.json" not in declared()[model.task]["files"]:
            raise ConfigError(f"a {declared()[model.task]['kind']} reads no text, so it cannot start from {self.name}")
        model = self._merged(_ENCODER + _ABOVE * (model.task == _LANGUAGE), model, keywords)
        own_input = declared()[model.task].get("input_settings", ())
        if "features" in own_input and model.features == "ngrams":
            raise ConfigError(
                f"{self.name} reads no features of words, nor does a network that starts from it",
                remedy="leave_out",
                settings=["features"],
            )
        if "features" in own_input:
            model = replace(model, features="none")
        if config.freeze and model.tie_weights:
            tied = f"freeze does not work with the tied weights of {self.name}: its table is also the readout's"
            raise ConfigError(f"{tied}, which has to learn", remedy="leave_out", settings=["freeze"])
        return model

    def config(self, config: TrainConfig) -> TrainConfig:
        """Return the settings of the run with the name and the SHA-256 of the model."""
        return replace(config, start_from=self.name, start_sha256=self.sha256)

    def origin(self) -> dict[str, Any]:
        """Describe the model and its corpus for config.json."""
        record = self.model.record
        corpus = record.corpus if isinstance(record, TrainingRecord) else {}
        return {"model": self.name, "sha256": self.sha256, "corpus": corpus}

    def _merged(self, names: tuple[str, ...], model: ModelConfig, keywords: Mapping[str, Any]) -> ModelConfig:
        own = {name: getattr(self.model.config, name) for name in names}
        for name, value in own.items():
            asked = getattr(model, name)
            is_given = asked != getattr(ModelConfig, name) or keywords.get(name) is not None
            if is_given and asked != value and (name, asked) != ("readout", "auto"):
                raise ConfigError(
                    f"{self.name} has {name} = {value}, which a network that starts from it keeps, not {asked}",
                    remedy="leave_out",
                    settings=[name],
                )
        return replace(model, **own)


def find_start(given: Model | None, config: TrainConfig) -> Start | None:
    """Return the model from which a new run starts; None if the settings name none.

    given: a model that was loaded, in place of a name. Raises ModelError for a model that does not exist, is not
    finished, or is not a language model, and if a plan names another one; ConfigError for a model whose network
    has not learned.
    """
    name = config.start_from
    if name is None:
        return None
    model = given
    if model is None:
        try:
            folder = find_folder(name)
            if unfinished(folder):
                raise ModelError(
                    f"the training of {name} is not finished, so its weights will change", remedy="resume_first"
                )
            model = load(folder)
        except ModelError as error:
            if config.start_sha256:
                missing = f"{error}; the plan starts from this model (SHA-256 of its weights {config.start_sha256})"
                raise ModelError(missing, remedy="give_start_again") from None
            raise
    if model.config.task != _LANGUAGE:
        kind = declared()[model.config.task]["kind"]
        raise ModelError(f"{name} is a {kind}; a run starts from a language model")
    model.require_network()
    sha256 = fingerprint(model.network.state_dict())
    if config.start_sha256 not in (None, sha256):
        other = f"{name} is not the model that the plan starts from: the SHA-256 of its weights is {sha256}"
        raise ModelError(f"{other}, and that of the plan {config.start_sha256}", remedy="give_start_again")
    return Start(model, name, sha256)
