"""A language model with counts in numpy alone; its model card has this class below the program of `numpy_loader.py`."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy import ndarray

from charlm.numpy_loader import TYPES, Model, read_safetensors, sigmoid


class MixedModel(Model):
    """A network and counts of n-grams: P = (1 − g) · P_network + g · P_counts. `logits` are the network's alone."""

    def __init__(self, folder: str | Path) -> None:
        super().__init__(folder)
        TYPES.update({"U8": "u1", "U16": "<u2", "U32": "<u4"})
        path = Path(folder, "counts.safetensors")
        self.counts = read_safetensors(path)
        for name in [name for name in self.counts if name.endswith((".children", ".followers"))]:
            self.counts[name] = np.concatenate([[0], np.cumsum(self.counts[name], dtype=int)])  # where each row begins
        data = path.read_bytes()
        stated = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        self.order, self.root = int(stated["order"]), (int(stated["count"]), int(stated["followers"]))

    def counted(self, context: Sequence[int]) -> tuple[ndarray, int]:
        """Return P_counts (V,) after a context by Kneser-Ney, and the number of its gate.

        Each longer context that was counted gives its followers their shares, and scales what shorter ones gave.
        """
        P, node, depth, (count, followers) = self.counts["unigrams"].astype(float), 0, 0, self.root
        while depth < min(self.order - 1, len(context)):
            names = ("children", "tokens", "counts", "followers", "following", "shares")
            children, tokens, counts, starts, following, codes = (self.counts[f"{depth + 1}.{name}"] for name in names)
            first, last = children[node : node + 2]
            node = first + int(np.searchsorted(tokens[first:last], context[-1 - depth]))
            if node == last or tokens[node] != context[-1 - depth]:
                break
            row = slice(*starts[node : node + 2])
            shares = 2.0 ** (codes[row] / -2048)
            P *= 1 - shares.sum()
            P[following[row]] += shares
            depth, count, followers = depth + 1, int(counts[node]), len(shares)
            if context[-depth] == 1:  # nothing comes before <START>
                break
        return P, (12 * depth + min(count, 11)) * 4 + (followers > 1) + (followers > 2) + (followers > 4)

    def guided(self, h: ndarray, counted: ndarray) -> ndarray:
        """Return what the readout reads of the output h (H,), given P_counts (V,)."""
        if "guidance.turn.weight" not in self.tensors:
            return h
        best = np.argsort(-counted, kind="stable")[:2]  # the likeliest tokens
        vector = counted[best] @ self.tensors["guidance.vectors"][best]
        scale, shift = np.split(self.tensors["guidance.turn.weight"] @ vector, 2)
        changed: ndarray = h * (1 + scale) + shift
        return changed

    def log_probabilities(self, text: Sequence[str | int]) -> ndarray:
        """Return log P (n + 1, V) by both together."""
        ids, rows = [1, *self.ids(text)], []
        for t, h in enumerate(self.outputs(ids), 1):
            counted, number = self.counted(ids[:t])
            logits = self.readout(self.guided(h, counted))
            network = np.exp(logits - np.logaddexp.reduce(logits))
            gate = self.tensors["gate_table"][number] + h @ self.tensors["gate_vector"] / len(h)
            rows.append(sigmoid(-gate) * network + sigmoid(gate) * counted)
        with np.errstate(divide="ignore"):  # log 0 is minus infinity
            logprobs: ndarray = np.log(rows)
        return logprobs
