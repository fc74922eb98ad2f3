"""A charlm model in numpy alone.

    model = Model("folder")
    logprobs = model.log_probabilities("the cat")  # (8, V), in nats
    print(dict(zip(model.tokens, logprobs[3])))  # log P of each token after "the"

A text is a string if tokens are characters, its UTF-8 bytes if they are bytes, else a list of tokens.
x<t> is the input of a layer, a<t> its output, c<t> its memory, Γ a gate, V the size of the vocabulary.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy import ndarray

TYPES = {"F32": "<f4", "BOOL": "?", "I64": "<i8", "I8": "i1", "BF16": "<u2"}  # of safetensors, and of numpy


def read_safetensors(path: Path) -> dict[str, ndarray]:
    """Read eight bytes with the length of the header, the header in JSON, then the numbers of all tensors."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, each in json.loads(data[8:start]).items():
        if name != "__metadata__":
            first, last = (start + offset for offset in each["data_offsets"])
            numbers = np.frombuffer(data[first:last], TYPES[each["dtype"]])
            if each["dtype"] == "BF16":  # the upper half of a float32
                numbers = (numbers.astype("<u4") << 16).view("<f4")
            tensors[name] = numbers.reshape(each["shape"])
    for name in [name for name in tensors if f"{name}.scales" in tensors]:  # int8: a scale for each row
        tensors[name] = tensors[name] * tensors.pop(f"{name}.scales")[:, None]
    return tensors


def sigmoid(a: ndarray) -> ndarray:
    return (1 + np.tanh(a / 2)) / 2  # equals 1 / (1 + exp(-a)), which would overflow


def softmax(a: ndarray) -> ndarray:
    powers = np.exp(a - a.max())
    shares: ndarray = powers / powers.sum()
    return shares


PARTS = "weight_ih", "bias_ih", "weight_hh", "bias_hh"  # the parameters of a layer: W_x, b, W_h, b'
G: dict[str, Callable[[ndarray], ndarray]]  # the activations
G = {"tanh": np.tanh, "relu": lambda a: np.maximum(a, 0), "sigmoid": sigmoid, "identity": np.positive}


class Model:
    """`tokens`: the V tokens that the model reads and predicts, in the order of the logits."""

    def __init__(self, folder: str | Path) -> None:
        config, tokenizer = (json.loads(Path(folder, f"{name}.json").read_bytes()) for name in ("config", "tokenizer"))
        self.config, self.tensors = config["model"], read_safetensors(Path(folder, "model.safetensors"))
        texts = next((tokenizer[name] for name in ("characters", "words", "pieces") if name in tokenizer), range(256))
        self.tokens = ["<UNK>", "<START>", "<EOS>", *texts]

    def cell(self, x: ndarray, W: ndarray, b: ndarray, a: ndarray, c: ndarray) -> tuple[ndarray, ndarray]:
        """Take a step of a layer: x = W_x x<t> + b, W_h, b', and the last output a and memory c → the new a and c."""
        kind = self.config["cell"]
        if kind == "mingru":
            z, n = np.split(x, 2)
            return sigmoid(-z) * a + sigmoid(z) * n, c
        if kind == "minlstm":
            f, i, n = np.split(x, 3)
            f = sigmoid(np.logaddexp(0, -i) - np.logaddexp(0, -f))  # f / (f + i) of their sigmoids
            return f * a + (1 - f) * n, c
        if kind == "gru-cho":
            (xr, xu, xn), (Wr, Wu, Wn), (br, bu, bn) = np.split(x, 3), np.split(W, 3), np.split(b, 3)
            r, u = sigmoid(xr + Wr @ a + br), sigmoid(xu + Wu @ a + bu)
            return u * np.tanh(xn + Wn @ (r * a) + bn) + (1 - u) * a, c
        h = W @ a + b
        if kind in ("rnn", "jordan"):
            return G[self.config["activation"] or "tanh"](x + h), c
        if kind == "gru-simple":
            u, n = np.split(x + h, 2)
            return sigmoid(u) * np.tanh(n) + sigmoid(-u) * a, c
        if kind == "gru":  # its memory is its output
            (xr, xz, xn), (hr, hz, hn) = np.split(x, 3), np.split(h, 3)
            r, z = sigmoid(xr + hr), sigmoid(xz + hz)  # Γr, and 1 − Γu
            return (1 - z) * np.tanh(xn + r * hn) + z * a, c
        if kind != "lstm":  # a cell added to charlm has to be added here too
            raise ValueError(f"this reader has no equations for the cell {kind!r}")
        i, f, g, o = np.split(x + h, 4)  # the pre-activations of Γu, Γf, c̃ and Γo
        c = sigmoid(i) * np.tanh(g) + sigmoid(f) * c
        return sigmoid(o) * np.tanh(c), c

    def dense(self, name: str, x: ndarray) -> ndarray:
        """Return W x + b."""
        result: ndarray = self.tensors[f"{name}.weight"] @ x + self.tensors[f"{name}.bias"]
        return result

    def readout(self, x: ndarray) -> ndarray:
        """Map the output of the last layer to logits (V,)."""
        for layer in range(self.config.get("readout_layers", 1) - 1):
            x = np.tanh(self.dense(f"dense.{layer}", x))
        if self.config.get("readout") == "adaptive":
            return self.adaptive(x)
        table = self.tensors["embedding.weight" if self.config.get("tie_weights") else "readout.weight"]
        logits = table @ x + self.tensors["readout.bias"]
        return np.where(self.tensors["predictable"], logits, -np.inf)  # the model predicts no other token

    def adaptive(self, x: ndarray) -> ndarray:
        """Return log P (V,), where P = P(group) · P(token | group); each frequent token is a group by itself."""
        logits, tails = self.dense("readout.head", x), list[ndarray]()
        while f"readout.tail.{len(tails)}.0.weight" in self.tensors:
            narrow, wide = (self.tensors[f"readout.tail.{len(tails)}.{part}.weight"] for part in (0, 1))
            tails.append(wide @ (narrow @ x))
        places = self.tensors["readout.places"]  # rank of each token by frequency
        mask = np.where(self.tensors["predictable"], 0, -np.inf)[np.argsort(places)]
        first, *masks = np.split(mask, np.cumsum([len(logits) - len(tails), *map(len, tails[:-1])]))
        head = softmax(logits + np.append(first, [each.max() for each in masks]))
        shares = [head[: len(first)]]
        for P, tail, each in zip(head[len(first) :], tails, masks, strict=True):
            shares.append(P * softmax(tail + each) if P else np.zeros_like(tail))
        with np.errstate(divide="ignore"):  # log 0 is minus infinity
            logprobs: ndarray = np.log(np.concatenate(shares)[places])
        return logprobs

    def returned(self, stack: str, layer: int, x: ndarray) -> ndarray:
        """Return what a layer of a Jordan network feeds back: a distribution computed from its output."""
        last = layer == self.config["layers"] - 1
        return softmax(self.readout(x) if last else self.dense(f"{stack}.{layer}.readout", x))

    def outputs(self, ids: Sequence[int], stack: str = "cells") -> list[ndarray]:
        """Return the output (H,) of the last layer after each token; `stack` has the names of the layers."""
        return self.read(self.inputs(ids), stack)

    def inputs(self, ids: Sequence[int]) -> Iterable[ndarray]:
        """Return the input (E,) of each token."""
        table = self.tensors.get("embedding.weight")  # a one-hot input has no table
        scale = np.float32(self.config["hidden_size"] ** 0.5 if self.config.get("tie_weights") else 1)
        eye = (np.eye(1, len(self.tokens), index, np.float32)[0] for index in ids)
        return eye if table is None else (scale * table[index] for index in ids)

    def read(self, inputs: Iterable[ndarray], stack: str = "cells") -> list[ndarray]:
        """Return the output (H,) of the last layer after each input (E,)."""
        weights, none = self.tensors, np.zeros((0, self.config["hidden_size"]))  # mingru has no W_h
        numbers = range(self.config["layers"])
        layers = [[weights.get(f"{stack}.{layer}.{name}", none) for name in PARTS] for layer in numbers]
        states = [(np.zeros(W_h.shape[1], np.float32), np.zeros(W_h.shape[1], np.float32)) for _, _, W_h, _ in layers]
        rows = []
        for x in inputs:
            for layer, (W_x, b_x, W_h, b_h) in enumerate(layers):
                a, c = self.cell(W_x @ x + b_x, W_h, b_h, *states[layer])
                x = a + x if layer and self.config.get("residual") else a
                states[layer] = (self.returned(stack, layer, x) if self.config["cell"] == "jordan" else a, c)
            rows.append(x)
        return rows

    def ids(self, text: Sequence[str | int]) -> list[int]:
        """Return the number of each token; 0 is an unknown one."""
        numbers = {token: index for index, token in enumerate(self.tokens) if index > 2}
        return [numbers.get(token, 0) for token in text]

    def logits(self, text: Sequence[str | int]) -> ndarray:
        """Return logits (n + 1, V): of the token after <START>, and of the token after each of the n tokens."""
        return np.array([self.readout(x) for x in self.outputs([1, *self.ids(text)])])

    def log_probabilities(self, text: Sequence[str | int]) -> ndarray:
        """Return log P (n + 1, V), the logarithms of the softmax of the logits."""
        logits = self.logits(text)
        logprobs: ndarray = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        return logprobs
