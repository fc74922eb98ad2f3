"""The gradient on its way back through a trained network, and through fresh ones from every start."""

from collections.abc import Iterator
from dataclasses import dataclass

from charlm.analysis.gradients import Clipping, Flow, clipping, flow
from charlm.analysis.reading import rows
from charlm.analysis.starts import fresh, starts
from charlm.config import ModelConfig, TrainConfig
from charlm.language_model import LanguageModel
from charlm.nn.network import Network
from charlm.registry import find
from charlm.tokenizers import Ids, Tokenizer

MOST = 10_000  # symbols of a text that are read
TRAINED = "trained"


@dataclass(frozen=True)
class Curve:
    """What was found of one network."""

    cell: str
    start: str  # the name of a Start, or "trained"
    flow: Flow
    clipping: Clipping


def of_model(model: LanguageModel, text: str, farthest: int, seed: int) -> Iterator[Curve]:
    """First the trained network, then fresh ones of its shape. Raises ConfigError for a text that is too short."""
    texts = rows(model.tokenizer, text, model.config.sequence, MOST)
    yield _curve(model.config, TRAINED, model.network, texts, farthest)
    yield from _fresh(model.config, model.tokenizer, texts, farthest, seed)


def of_cell(config: ModelConfig, text: str, farthest: int, seed: int) -> Iterator[Curve]:
    """Fresh networks that know the characters of the text. Raises ConfigError for one that is too short."""
    tokenizer = find(Tokenizer, config.tokenizer).train([[text]], config)
    yield from _fresh(config, tokenizer, rows(tokenizer, text, config.sequence, MOST), farthest, seed)


def _fresh(config: ModelConfig, tokenizer: Tokenizer, texts: list[Ids], farthest: int, seed: int) -> Iterator[Curve]:
    for start in starts(config.cell):
        yield _curve(config, start.name, fresh(config, tokenizer.size, start, seed), texts, farthest)


def _curve(config: ModelConfig, start: str, network: Network, texts: list[Ids], farthest: int) -> Curve:
    return Curve(config.cell, start, flow(network, texts, farthest), clipping(network, texts, TrainConfig.clip))
