"""Activations of single units, and their correlation with a property of the text (Karpathy et al. 2015).

The activation of a unit is the output of its cell after a token: h<t>, or a<t> of an LSTM. Among hundreds of units, the
best correlation is large by chance. So the first half of the text selects the units and the second half confirms them:
there Pearson's r must have the same sign and be larger than by chance. The chance level is the value that 99 of 100
shifts of the property along the text do not reach; a shift keeps the rhythm of the property and breaks its alignment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from charlm.analysis.probes import PROBES
from charlm.analysis.token_rows import completed_texts, is_content
from charlm.errors import ConfigError
from charlm.nn.network import Network
from charlm.tokenizers import Ids, Tokenizer

_CHANCE = 0.99  # share of the shifts
_FEWEST = 16  # tokens in a half


@dataclass(frozen=True)
class UnitCorrelation:
    """The correlation r of a unit with a property in each half of the text; layers and units count from 1."""

    layer: int
    unit: int
    first_half: float  # r, by which the unit was selected
    second_half: float  # r, which confirms it or not
    chance: float  # the level that |r| reaches there by chance

    @property
    def follows(self) -> bool:
        """Whether the second half confirms the correlation."""
        return self.first_half * self.second_half > 0 and abs(self.second_half) > self.chance


@torch.inference_mode()
def activations(network: Network, rows: Sequence[Ids]) -> NDArray[np.float32]:
    """Return the activation of every unit after every token of the rows except START and EOS: (n, L, H)."""
    values = []
    for row in rows:
        ids = network.column(row)
        units = torch.stack([layer.cell_outputs[:, 0] for layer in network.layers(ids)], dim=1)
        values.append(units.cpu().numpy()[is_content(row)])
    return np.concatenate(values)


def correlated_units(values: NDArray[np.float32], probe: NDArray[np.float64], count: int) -> list[UnitCorrelation]:
    """Return the `count` units (n, L, H) whose correlation with a probe (n,) is largest in the first half.

    Raises ConfigError if the probe is constant in one of the halves, or if there are too few tokens.
    """
    half = len(probe) // 2
    for part, name in ((probe[:half], "first"), (probe[half:], "second")):
        if half < _FEWEST or np.ptp(part) == 0:
            raise ConfigError(f"it never changes in the {name} half of the text; give a longer text")
    flat = values.reshape(len(values), -1)
    first = _standardized(flat[:half]).T @ _standardized(probe[:half]) / half  # (L · H,)
    best = np.argsort(-np.abs(first), kind="stable")[:count]
    rest = len(probe) - half
    # The Fourier transform gives r at every shift at once; r at shift 0 is the one that confirms.
    spectrum = np.fft.rfft(_standardized(probe[half:]))[:, None].conj()
    shifted = np.fft.rfft(_standardized(flat[half:, best]), axis=0) * spectrum
    second = np.fft.irfft(shifted, rest, axis=0) / rest  # (shifts, count)
    chance = np.quantile(np.abs(second), _CHANCE, axis=0)
    correlations = []
    for rank, index in enumerate(best.tolist()):
        layer, unit = divmod(index, values.shape[2])
        figures = first[index], second[0, rank], chance[rank]
        correlations.append(UnitCorrelation(layer + 1, unit + 1, *map(float, figures)))
    return correlations


def find_units(
    network: Network, tokenizer: Tokenizer, rows: Sequence[Ids], name: str, count: int
) -> list[UnitCorrelation]:
    """Apply `correlated_units` to a probe by its name in `PROBES`. Raises ConfigError."""
    probe = np.concatenate([probe_values(name, completed_texts(tokenizer, row)) for row in rows])
    try:
        return correlated_units(activations(network, rows), probe, count)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None


def probe_values(name: str, texts: Sequence[str]) -> NDArray[np.float64]:
    """The probe after each token (n,), at the last character that the tokens so far complete."""
    values = np.fromiter(PROBES[name]("".join(texts)), dtype=np.float64)
    return values[np.maximum(np.cumsum([len(text) for text in texts], dtype=np.int64) - 1, 0)]


def _standardized(values: NDArray[Any]) -> NDArray[np.float64]:
    """Scale each column to mean 0 and variance 1; a constant column becomes zeros."""
    centered: NDArray[np.float64] = values - values.mean(axis=0, dtype=np.float64)
    spread = np.broadcast_to(centered.std(axis=0), centered.shape)
    return np.where(spread > 1e-12, centered / np.maximum(spread, 1e-12), 0.0)
