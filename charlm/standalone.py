"""A charlm model read with numpy alone, to show how little it is.

    model = Model("folder")
    logprobs = model.log_probabilities("the cat")  # (8, V), in nats
    print(dict(zip(model.symbols, logprobs[3])))  # of each symbol to follow "the"

x<t> is what a layer reads, a<t> its output, c<t> its memory, Γ a gate, V the size of the vocabulary.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy import ndarray


def read_safetensors(path: Path) -> dict[str, ndarray]:
    """Eight bytes with the length of the header, the header as JSON, then the numbers of all tensors."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, each in json.loads(data[8:start]).items():
        if name != "__metadata__":
            first, last = (start + offset for offset in each["data_offsets"])
            numbers = np.frombuffer(data[first:last], {"F32": "<f4", "BOOL": "?"}[each["dtype"]])
            tensors[name] = numbers.reshape(each["shape"])
    return tensors


def sigmoid(a: ndarray) -> ndarray:
    return (1 + np.tanh(a / 2)) / 2  # 1 / (1 + exp(-a)), which would overflow


PARTS = "weight_ih", "weight_hh", "bias_ih", "bias_hh"  # of a layer: W_x, W_h, b, b'
G: dict[str, Callable[[ndarray], ndarray]]  # what g may be
G = {"tanh": np.tanh, "relu": lambda a: np.maximum(a, 0), "sigmoid": sigmoid, "identity": np.positive}


class Model:
    """`symbols`: the V it reads and predicts, in the order of the logits."""

    def __init__(self, folder: str | Path) -> None:
        config, vocabulary = (json.loads(Path(folder, f"{name}.json").read_bytes()) for name in ("config", "tokenizer"))
        self.config, self.tensors = config["model"], read_safetensors(Path(folder, "model.safetensors"))
        self.symbols = ["<UNK>", "<START>", "<EOS>", *vocabulary["characters"]]

    def cell(self, x: ndarray, h: ndarray, a: ndarray, c: ndarray) -> tuple[ndarray, ndarray]:
        """A step of a layer, x = W_x x<t> + b and h = W_h a<t-1> + b': its output a and memory c, before → after."""
        if self.config["cell"] == "rnn":
            return G[self.config["activation"] or "tanh"](x + h), c
        if self.config["cell"] == "gru":  # its memory is its output
            (xr, xz, xn), (hr, hz, hn) = np.split(x, 3), np.split(h, 3)
            r, z = sigmoid(xr + hr), sigmoid(xz + hz)  # Γr, and 1 − Γu
            return (1 - z) * np.tanh(xn + r * hn) + z * a, c
        i, f, g, o = np.split(x + h, 4)  # lstm: of Γu, Γf, c̃ and Γo
        c = sigmoid(i) * np.tanh(g) + sigmoid(f) * c
        return sigmoid(o) * np.tanh(c), c

    def logits(self, text: str) -> ndarray:
        """(n + 1, V): of what follows <START>, and what follows each of the n characters."""
        weights, number = self.tensors, {symbol: index for index, symbol in enumerate(self.symbols)}
        table = weights.get("embedding.weight")  # None: one-hot
        states = [(np.zeros(self.config["hidden_size"], np.float32),) * 2] * self.config["layers"]
        rows = []
        for index in (number.get(symbol, 0) for symbol in ("<START>", *text)):
            x = np.eye(1, len(number), index, np.float32)[0] if table is None else table[index]
            for layer, (a, c) in enumerate(states):
                W_x, W_h, b_x, b_h = (weights[f"cells.{layer}.{name}"] for name in PARTS)
                states[layer] = self.cell(W_x @ x + b_x, W_h @ a + b_h, a, c)
                x = states[layer][0]
            logits = weights["readout.weight"] @ x + weights["readout.bias"]
            rows.append(np.where(weights["predictable"], logits, -np.inf))  # what was never a target cannot come
        return np.array(rows)

    def log_probabilities(self, text: str) -> ndarray:
        """(n + 1, V): the logarithms of the softmax of the logits."""
        logits = self.logits(text)
        logprobs: ndarray = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        return logprobs
