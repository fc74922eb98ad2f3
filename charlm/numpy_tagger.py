"""A tagger of charlm in numpy alone; its model card has this class below the program of `numpy_loader.py`."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy import ndarray

from charlm.numpy_loader import Model, softmax


class Tagger(Model):
    """`labels`: the tags that a word may get. A word is a text for `Model`: a string if tokens are characters."""

    def __init__(self, folder: str | Path) -> None:
        super().__init__(folder)
        values = json.loads(Path(folder, "tags.json").read_bytes())
        self.labels, self.scheme = values["tags"], values["scheme"]

    def returned(self, stack: str, layer: int, x: ndarray) -> ndarray:
        return softmax(self.dense(f"{stack}.{layer}.readout", x))

    def probabilities(self, words: Sequence[Sequence[str | int]]) -> ndarray:
        """Return P of each tag for each word (W, K); a sentence has 2,000 tokens at most."""
        ids, starts, ends = [1], list[int](), list[int]()  # a sentence begins with <START> and ends with <EOS>
        gap = {"char": self.ids(" "), "byte": self.ids(b" ")}.get(self.config["tokenizer"], [])
        for word in words:
            ids += gap if starts else []
            starts.append(len(ids))
            ids += self.ids(word) or [0]
            ends.append(len(ids) - 1)
        ids.append(2)
        vectors = np.array(self.outputs(ids))[ends]
        if "backward_cells.0.weight_ih" in self.tensors:  # these have read from the end up to the start of the word
            vectors = np.hstack([vectors, np.array(self.outputs(ids[::-1], "backward_cells")[::-1])[starts]])
        for layer in range(self.config.get("readout_layers", 1) - 1):
            vectors = np.tanh([self.dense(f"dense.{layer}", x) for x in vectors])
        shares = [softmax(self.dense("readout", x).astype(float)) for x in vectors]
        return np.array(shares).reshape(len(words), len(self.labels))

    def may_follow(self, tag: str, before: str) -> bool:
        """Return whether the scheme of the tags allows a tag after another one; the start and the end are O."""
        (prefix, _, kind), (prefix_before, _, kind_before) = tag.partition("-"), before.partition("-")
        same = kind == kind_before and before != "O"
        if self.scheme in ("plain", "IOB1", "IOB2"):
            return same or prefix != {"plain": None, "IOB1": "B", "IOB2": "I"}[self.scheme]
        is_open = prefix_before in ("B", "I")
        return is_open == (prefix in ("I", "E", "L")) and (same or not is_open)

    def tags(self, words: Sequence[Sequence[str | int]]) -> list[str]:
        """Return the likeliest sequence of tags that the scheme allows (Viterbi 1967)."""
        around = [*self.labels, "O"]
        costs = np.array([[0.0 if self.may_follow(tag, before) else -1e12 for tag in around] for before in around])
        best, paths = costs[-1, :-1], list[ndarray]()
        for shares in self.probabilities(words):
            if paths:  # the first word comes after the start
                through = best[:, None] + costs[:-1, :-1]
                paths.append(through.argmax(0))
                best = through.max(0)
            else:
                paths.append(np.arange(len(best)))
            best = best + np.log(np.maximum(shares, 1e-300))
        indices = [int((best + costs[:-1, -1]).argmax())] if paths else []
        for previous in paths[:0:-1]:
            indices.append(int(previous[indices[-1]]))
        return [self.labels[index] for index in indices[::-1]]
