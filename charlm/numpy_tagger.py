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
        if "embedding.words.weight" in self.tensors:
            self.tensors["embedding.weight"] = self.tensors["embedding.words.weight"]

    def returned(self, stack: str, layer: int, x: ndarray) -> ndarray:
        return softmax(self.dense(f"{stack}.{layer}.readout", x))

    def probabilities(self, words: Sequence[Sequence[str | int]]) -> ndarray:
        """Return P of each tag for each word (W, K); a sentence has 2,000 tokens at most."""
        spelled = self.config.get("features") == "ngrams"  # a word is one token, and has features
        texts = ["".join(map(str, word)) for word in words]
        ids, starts, ends = [1], list[int](), list[int]()  # a sentence begins with <START> and ends with <EOS>
        gap = {"char": self.ids(" "), "byte": self.ids(b" ")}.get(self.config["tokenizer"], [])
        for word, text in zip(words, texts, strict=True):
            ids += gap if starts else []
            starts.append(len(ids))
            ids += self.ids([text] if spelled else word) or [0]
            ends.append(len(ids) - 1)
        ids.append(2)
        inputs = list(self.inputs(ids))
        if spelled:
            inputs[1:-1] = [x + self.features(text) for x, text in zip(inputs[1:-1], texts, strict=True)]
        vectors = np.array(self.read(inputs))[ends]
        if "backward_cells.0.weight_ih" in self.tensors:  # these have read from the end up to the start of the word
            vectors = np.hstack([vectors, np.array(self.read(inputs[::-1], "backward_cells")[::-1])[starts]])
        for layer in range(self.config.get("readout_layers", 1) - 1):
            vectors = np.tanh([self.dense(f"dense.{layer}", x) for x in vectors])
        shares = [softmax(self.dense("readout", x).astype(float)) for x in vectors]
        return np.array(shares).reshape(len(words), len(self.labels))

    def features(self, word: str) -> ndarray:
        """Return the sum of the vectors of a word in lower case, its shape, its prefixes, and its suffixes (E,)."""
        shape, lower, table = "", word.lower(), self.tensors["embedding.features"]
        for each in word:
            kind = "X" if each.isupper() else "x" if each.isalpha() else "9" if each.isdigit() else each
            shape += "" if shape.endswith(kind) else kind
        parts = [f"={lower}", f"~{shape[:16]}"]
        for length in range(1, min(4, len(lower)) + 1):
            parts += [f"<{lower[:length]}", f">{lower[-length:]}"]
        total = np.zeros(table.shape[1], np.float32)
        for part in parts:
            number = 0xCBF29CE484222325  # the hash FNV-1a
            for byte in part.encode("utf-8", "surrogatepass"):
                number = (number ^ byte) * 0x100000001B3 % 2**64
            total += table[number % (len(table) - 1) + 1]
        return total

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
