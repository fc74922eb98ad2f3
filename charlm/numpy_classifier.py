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

    def ngrams(self, text: str) -> ndarray:
        """Return the scores of a text by its words, its pairs of words, and one to six characters of each word."""
        table, text = self.tensors["ngrams.table"], " ".join(["", *text[:10_000].lower().split(), ""])
        codes = np.array([ord(each) for each in text], np.uint64)
        spaces = [index for index, each in enumerate(text) if each == " "]
        parts = [(first, last + 1) for n in (1, 2) for first, last in zip(spaces, spaces[n:], strict=False)]
        parts += [
            (first, first + n)
            for n in range(1, 7)
            for first in range(len(text) - n + 1)
            if " " not in (text[first + 1 : first + n - 1] if n > 1 else text[first])
        ]
        if not parts:
            return np.asarray(self.tensors["ngrams.bias"])
        first, end = np.array(parts).T
        a = 0x100000001B3  # the hash of a part: its codes times powers of this number, summed, and mixed
        powers, inverses = (np.cumprod(np.full(len(codes), each, np.uint64)) for each in (a, pow(a, -1, 2**64)))
        sums = np.append(np.uint64(0), np.cumsum(codes * powers))
        hashes = (sums[end] - sums[first]) * inverses[first]
        hashes = (hashes ^ (hashes >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
        rows = (hashes ^ (hashes >> np.uint64(29))) % np.uint64(len(table) - 1) + np.uint64(1)
        return np.asarray(30 * table[rows].mean(0) + self.tensors["ngrams.bias"])

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
        scores = self.dense("readout", x).astype(float)
        if "ngrams.table" in self.tensors:
            decoded = text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else "".join(map(str, text))
            scores += float(self.tensors["ngrams.weight"]) * self.ngrams(decoded)
        scores /= max(float(self.tensors["temperature"]), 1e-3)
        shares = sigmoid(scores) if self.config.get("multi_label") else softmax(scores)
        return dict(zip(self.labels, map(float, shares), strict=True))
