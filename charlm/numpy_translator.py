"""A model of pairs of charlm in numpy alone; its model card has this class below the program of `numpy_loader.py`."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy import ndarray

from charlm.numpy_loader import Model, softmax


class Translator(Model):
    """Sources and targets are texts for `Model`; a target is a list of symbols if each of them is a token."""

    def __init__(self, folder: str | Path) -> None:
        super().__init__(folder)
        self.facts = json.loads(Path(folder, "pairs.json").read_bytes())
        codes = {chr(0xF0000 + index): symbol for index, symbol in enumerate(self.facts["symbols"] or ())}
        self.tokens = [codes.get(token, token) for token in self.tokens]  # longer symbols have a private character

    def returned(self, stack: str, layer: int, x: ndarray) -> ndarray:
        return softmax(self.dense(f"{stack}.{layer}.readout", x))

    def attended(self, memory: ndarray, queries: ndarray) -> ndarray:
        """Return tanh(W [context; output]) for outputs (m, H): the context is a mean of what is known of the source."""
        size = len(memory)
        scores = queries @ (memory @ self.tensors["attention.score.weight"].T).T
        progress = np.minimum(1, np.arange(len(queries)) / (self.tensors["ratio"] * size))
        distances = np.arange(size) / size - progress[:, None]
        scores = scores - np.exp(self.tensors["attention.log_sharpness"]) * distances**2
        contexts = np.array([softmax(row) for row in scores]) @ memory
        combined: ndarray = np.tanh(np.hstack([contexts, queries]) @ self.tensors["attention.combine.weight"].T)
        return combined

    def after(self, source: Sequence[int], target: Sequence[int]) -> ndarray:
        """Return log P (m + 1, V) of the token after <START> and each of the m tokens of a target."""
        source = [1, *source[:2000]]
        outputs = np.array(self.outputs([*source, 1, *target]))
        memory, x = outputs[: len(source)], outputs[len(source) :]
        if "backward_cells.0.weight_ih" in self.tensors:
            memory = np.hstack([memory, self.outputs(source[::-1], "backward_cells")[::-1]])
        if "attention.score.weight" in self.tensors:
            x = self.attended(memory, x)
        for layer in range(self.config.get("readout_layers", 1) - 1):
            x = np.tanh([self.dense(f"dense.{layer}", each) for each in x])
        logits = np.array([self.dense("readout", each) for each in x], float)
        logits = np.where(self.tensors["predictable"], logits, -np.inf)  # the targets have no other token
        logprobs: ndarray = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        return logprobs

    def log_probability(self, source: Sequence[str | int], target: Sequence[str | int]) -> float:
        """Return log P(target | source) in nats, with the end of the target."""
        answer = self.ids(target)[:2000]
        return float(self.after(self.ids(source), answer)[range(len(answer) + 1), [*answer, 2]].sum())

    def answer(self, source: Sequence[str | int]) -> list[str | int]:
        """Return the tokens of a target, each the likeliest one."""
        read, answer = self.ids(source), list[int]()
        for step in range(min(2000, int(np.ceil(self.facts["per_token"] * (1 + len(read[:2000])))))):
            logprobs = self.after(read, answer)[-1]
            if not step and not self.facts["empty"]:
                logprobs[2] = -np.inf  # no target is empty
            if (token := int(logprobs.argmax())) == 2:
                break
            answer.append(token)
        return [self.tokens[token] for token in answer]
