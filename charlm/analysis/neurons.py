"""What single units do while a text is read, and which of them follow a property of it (Karpathy 2015).

A unit's activation is what its cell puts out after a symbol: h<t>, or of an LSTM a<t>. How well it follows is Pearson's
r between the two. Among hundreds of units the best does well by chance, so the first half of the text chooses and
the second half confirms: there r must have the same sign and be larger than by chance, which is what 99 of 100 shifts
of the property along the text do not reach (a shift keeps its rhythm, and breaks only the alignment).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from charlm.analysis.probes import PROPERTIES
from charlm.analysis.reading import completed, is_content
from charlm.errors import ConfigError
from charlm.nn.network import Network
from charlm.tokenizers import Ids, Tokenizer

_CHANCE = 0.99  # share of the shifts
_FEWEST = 16  # symbols in a half


@dataclass(frozen=True)
class Follower:
    """A unit, both numbers from 1, and its r with a property in each half of the text."""

    layer: int
    unit: int
    found: float  # in the first half, by which it was chosen
    confirmed: float  # in the second
    chance: float  # what |r| reaches there by chance

    @property
    def follows(self) -> bool:
        return self.found * self.confirmed > 0 and abs(self.confirmed) > self.chance


@torch.inference_mode()
def activations(network: Network, rows: Sequence[Ids]) -> NDArray[np.float32]:
    """Of every unit after every symbol of these rows, START and EOS left out: (n, L, H)."""
    found = []
    for row in rows:
        ids = network.column(row)
        units = torch.stack([layer.cell_outputs[:, 0] for layer in network.layers(ids)], dim=1)
        found.append(units.cpu().numpy()[is_content(row)])
    return np.concatenate(found)


def followers(values: NDArray[np.float32], wanted: NDArray[np.float64], count: int) -> list[Follower]:
    """The `count` units (n, L, H) that follow a property (n,) best in the first half. Raises ConfigError where it does
    not vary in both halves."""
    half = len(wanted) // 2
    for part, name in ((wanted[:half], "first"), (wanted[half:], "second")):
        if half < _FEWEST or np.ptp(part) == 0:
            raise ConfigError(f"it never changes in the {name} half of what is read; give a text that has more of it")
    flat = values.reshape(len(values), -1)
    first = _standard(flat[:half]).T @ _standard(wanted[:half]) / half  # (L · H,)
    best = np.argsort(-np.abs(first), kind="stable")[:count]
    rest = len(wanted) - half
    # r at every shift at once, by the Fourier transform; at no shift it is the one that confirms.
    shifted = np.fft.rfft(_standard(flat[half:, best]), axis=0) * np.fft.rfft(_standard(wanted[half:]))[:, None].conj()
    second = np.fft.irfft(shifted, rest, axis=0) / rest  # (shifts, count)
    chance = np.quantile(np.abs(second), _CHANCE, axis=0)
    found = []
    for place, unit in enumerate(best.tolist()):
        layer, number = divmod(unit, values.shape[2])
        figures = first[unit], second[0, place], chance[place]
        found.append(Follower(layer + 1, number + 1, *map(float, figures)))
    return found


def follow(network: Network, tokenizer: Tokenizer, rows: Sequence[Ids], name: str, count: int) -> list[Follower]:
    """`followers` of a property by its name in `PROPERTIES`. Raises ConfigError."""
    wanted = np.concatenate([at_symbols(name, completed(tokenizer, row)) for row in rows])
    try:
        return followers(activations(network, rows), wanted, count)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None


def at_symbols(name: str, pieces: Sequence[str]) -> NDArray[np.float64]:
    """The property at the last character up to the end of each piece of a text: (n,)."""
    values = np.fromiter(PROPERTIES[name]("".join(pieces)), dtype=np.float64)
    return values[np.maximum(np.cumsum([len(piece) for piece in pieces], dtype=np.int64) - 1, 0)]


def _standard(values: NDArray[Any]) -> NDArray[np.float64]:
    """Mean 0 and variance 1 down each column; zeros where all are the same."""
    centred: NDArray[np.float64] = values - values.mean(axis=0, dtype=np.float64)
    spread = np.broadcast_to(centred.std(axis=0), centred.shape)
    return np.where(spread > 1e-12, centred / np.maximum(spread, 1e-12), 0.0)
