"""The models of a server."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from charlm.errors import ConfigError
from charlm.language_model import LanguageModel
from charlm.model import Model
from charlm.server.batch import Batch
from charlm.server.errors import RequestError
from charlm.server.fields import Fields
from charlm.tasks import declared
from charlm.wording import listed, nearest, quoted

# A model, texts or None, and options → an answer to each text in plain values. Raises CharlmError.
Answer = Callable[[Model, Sequence[str] | None, Mapping[str, Any]], list[Mapping[str, Any]]]
Page = Callable[[LanguageModel], str]  # a model → a page to write with. Raises ConfigError if it has none


@dataclass(frozen=True)
class Served:
    """A model that is served.

    created: when it was trained, in seconds since 1970. batch: of its completions; None for a model of another task.
    """

    model: Model
    created: int
    batch: Batch | None

    @property
    def name(self) -> str:
        """The id of the model."""
        return self.model.name

    def values(self) -> dict[str, Any]:
        """Describe the model for a client."""
        return {
            "id": self.name,
            "object": "model",
            "created": self.created,
            "owned_by": "charlm",
            "task": self.model.config.task,
        }


class Models:
    """The models of a server by name."""

    def __init__(self, models: Sequence[tuple[Model, int]]) -> None:
        """Take models, each with when it was trained. Raises ConfigError if two have the same name."""
        self._served: dict[str, Served] = {}
        for model, created in models:
            if model.name in self._served:
                raise ConfigError(f"two models have the name {model.name}; rename one")
            batch = Batch(model.network, model.tokenizer.EOS) if isinstance(model, LanguageModel) else None
            self._served[model.name] = Served(model, created, batch)

    def all(self) -> list[Served]:
        """Return all models."""
        return list(self._served.values())

    def of(self, fields: Fields) -> Served:
        """Return the model that a request names; it need not name the only one."""
        name = fields.text("model")
        if name is None and len(self._served) > 1:
            raise RequestError(f"name a model: {listed(list(self._served))}", param="model", code="model_missing")
        return self.named(next(iter(self._served)) if name is None else name)

    def named(self, name: str) -> Served:
        """Return a model by name. Raises RequestError if it is not served."""
        if name not in self._served:
            near = nearest(name, list(self._served))
            hint = f"; did you mean {near[0]}?" if near else ""
            message = f"there is no model {quoted(name, 40)}, only {listed(list(self._served))}{hint}"
            raise RequestError(message, status=404, param="model", code="model_not_found")
        return self._served[name]


def language_model(served: Served) -> tuple[LanguageModel, Batch]:
    """Return a language model with its batch. Raises RequestError for a model of another task."""
    if isinstance(served.model, LanguageModel) and served.batch is not None:
        return served.model, served.batch
    task = declared()[served.model.config.task]
    message = f"{served.name} is a {task['kind']}, which cannot do this; send it to /predict"
    raise RequestError(message, param="model", code="wrong_task")
