"""Gradient norms of a trained network, and of fresh networks from every initialization."""

from collections.abc import Iterator
from dataclasses import dataclass

from charlm.analysis.gradients import Clipping, GradientNorms, clipping, gradient_norms
from charlm.analysis.initialization import fresh_network, initializations
from charlm.analysis.token_rows import token_rows
from charlm.config import ModelConfig, TextMode, TrainConfig
from charlm.language_model import LanguageModel
from charlm.nn.network import Network
from charlm.registry import find
from charlm.tokenizers import Ids, Tokenizer

MOST = 10_000  # tokens that are read of a text
TRAINED = "trained"


@dataclass(frozen=True)
class GradientCurve:
    """The measurements of one network; `start` is "trained", or the name of an initialization."""

    cell: str
    start: str
    norms: GradientNorms
    clipping: Clipping


def curves_of_model(model: LanguageModel, text: str, farthest: int, seed: int) -> Iterator[GradientCurve]:
    """Measure the trained network, then fresh ones of its shape. Raises ConfigError for a text that is too short."""
    rows = token_rows(model.tokenizer, text, model.mode, MOST)
    yield _curve(model.config, TRAINED, model.network, rows, farthest)
    yield from _fresh_curves(model.config, model.tokenizer, rows, farthest, seed)


def curves_of_cell(config: ModelConfig, text: str, farthest: int, seed: int) -> Iterator[GradientCurve]:
    """Measure fresh networks that know the characters of the text. Raises ConfigError if the text is too short."""
    tokenizer = find(Tokenizer, config.tokenizer).train([[text]], config)
    rows = token_rows(tokenizer, text, TextMode(config.sequence), MOST)
    yield from _fresh_curves(config, tokenizer, rows, farthest, seed)


def _fresh_curves(
    config: ModelConfig, tokenizer: Tokenizer, rows: list[Ids], farthest: int, seed: int
) -> Iterator[GradientCurve]:
    for each in initializations(config.cell):
        yield _curve(config, each.name, fresh_network(config, tokenizer.size, each, seed), rows, farthest)


def _curve(config: ModelConfig, start: str, network: Network, rows: list[Ids], farthest: int) -> GradientCurve:
    norms = gradient_norms(network, rows, farthest)
    return GradientCurve(config.cell, start, norms, clipping(network, rows, TrainConfig.clip))
