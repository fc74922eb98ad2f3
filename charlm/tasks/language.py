"""The task of a language model: predict the next token of a text."""

from typing import Any, ClassVar

from charlm.config import ModelConfig, TrainConfig
from charlm.counts import file as counts_file
from charlm.language_model import LanguageModel
from charlm.model import Contents, Record, rebuilt_tokenizer
from charlm.nn.mixed import MixedNetwork, network_of
from charlm.progress import OnProgress, ignore
from charlm.tasks import Task
from charlm.tasks.text import preparation
from charlm.tasks.text.card import program
from charlm.tasks.text.dataset import TextDataset
from charlm.tasks.text.preparation import TextSource
from charlm.tokenizers import Tokenizer


class Language(Task):
    """Learns the probability of a text, token by token."""

    kind = "language model"
    files = ("tokenizer.json",)
    more_files: ClassVar = {"counts.safetensors": "ngram_order"}
    verb = "sample"
    figure = (("bits_per_char_known", "bits/char"), ("bits_per_char", "bits/char"))
    settings = ("ngram", "ngram_guesses", "shortlist")

    @classmethod
    def read(
        cls,
        source: Any,
        valid: Any | None,
        model: ModelConfig,
        *,
        tokenizer: Tokenizer | None = None,
        on_progress: OnProgress = ignore,
    ) -> TextSource:
        return preparation.read(source, valid, model, tokenizer, on_progress)

    @classmethod
    def prepare(
        cls,
        source: TextSource,
        model: ModelConfig,
        config: TrainConfig,
        *,
        tokenizer: Tokenizer | None = None,
        on_progress: OnProgress = ignore,
    ) -> TextDataset:
        return preparation.prepared(source, model, config, tokenizer, on_progress)

    @classmethod
    def program(cls, config: ModelConfig) -> str:
        return program(config)

    @classmethod
    def empty_model(
        cls, config: ModelConfig, contents: Contents, *, name: str = "", record: Record | None = None
    ) -> LanguageModel:
        tokenizer = rebuilt_tokenizer(config, contents)
        network = network_of(config, tokenizer.size)
        # A process that has counted the text itself only needs the weights.
        if isinstance(network, MixedNetwork) and counts_file.NAME in contents.files:
            network.counts = counts_file.read(contents.files[counts_file.NAME], tokenizer.size)
        return LanguageModel(config, tokenizer, network.eval(), name=name, record=record)
