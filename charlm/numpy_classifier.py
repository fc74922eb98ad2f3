"""A classifier of charlm in numpy alone; its model card has this class below the program of `numpy_loader.py`."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy import ndarray

from charlm.numpy_loader import Model, sigmoid, softmax


class Classifier(Model):
    """`labels`: the labels that a text may get."""

    def __init__(self, folder: str | Path) -> None:
        super().__init__(folder)
        self.labels: list[str] = json.loads(Path(folder, "labels.json").read_bytes())["labels"]

    def returned(self, stack: str, layer: int, x: ndarray) -> ndarray:
        return softmax(self.dense(f"{stack}.{layer}.readout", x))

    def pooled(self, outputs: ndarray, middle: int) -> ndarray:
        """Return one vector for the outputs (T, D) of all tokens, of which the forward cells have the first columns."""
        kind = self.config.get("pooling", "attention")
        last = np.concatenate([outputs[-1, :middle], outputs[0, middle:]])
        if kind == "attention":
            return np.asarray(softmax(outputs @ self.tensors["pooling.query"]) @ outputs)
        parts = {"last": last, "mean": outputs.mean(0), "max": outputs.max(0)}
        return np.concatenate(list(parts.values())) if kind == "concat" else parts[kind]

    def probabilities(self, text: Sequence[str | int]) -> dict[str, float]:
        """Return the probability of each label; they sum to 1 unless a text may have several labels."""
        ids = [1, *self.ids(text)[:2000], 2]  # a text begins with <START> and ends with <EOS>
        outputs = np.array(self.outputs(ids))
        middle = outputs.shape[1]
        if "backward_cells.0.weight_ih" in self.tensors:
            outputs = np.hstack([outputs, self.outputs(ids[::-1], "backward_cells")[::-1]])
        x = self.pooled(outputs, middle)
        for layer in range(self.config.get("readout_layers", 1) - 1):
            x = np.tanh(self.dense(f"dense.{layer}", x))
        scores = self.dense("readout", x).astype(float) / max(float(self.tensors["temperature"]), 1e-3)
        shares = sigmoid(scores) if self.config.get("multi_label") else softmax(scores)
        return dict(zip(self.labels, map(float, shares), strict=True))
