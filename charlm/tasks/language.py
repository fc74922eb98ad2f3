"""The task of a language model: predict the next token of a text."""

from typing import Any

from charlm.config import MAX_VOCABULARY, ModelConfig, TrainConfig
from charlm.data import vocabulary
from charlm.errors import ConfigError
from charlm.language_model import TOKENIZER_FILE, LanguageModel
from charlm.model import Contents, Model, Record
from charlm.nn.network import Network
from charlm.progress import OnProgress, ignore
from charlm.registry import find
from charlm.tasks import BadFileError, Task
from charlm.tasks.text import preparation
from charlm.tasks.text.dataset import TextDataset
from charlm.tasks.text.preparation import TextSource
from charlm.tokenizers import Tokenizer


class Language(Task):
    """Learns the probability of a text, token by token."""

    kind = "language model"
    files = ("tokenizer.json",)
    verb = "sample"
    figure = ("bits_per_char_known", "bits_per_char")
    figure_name = "bits/char"

    @classmethod
    def read(
        cls,
        source: Any,
        valid: Any | None,
        model: ModelConfig,
        *,
        tokenizer: Tokenizer | None = None,
        like: Model | None = None,
        on_progress: OnProgress = ignore,
    ) -> TextSource:
        tokenizer = like.tokenizer if isinstance(like, LanguageModel) else tokenizer
        return preparation.read(source, valid, model, tokenizer, on_progress)

    @classmethod
    def prepare(
        cls,
        source: TextSource,
        model: ModelConfig,
        config: TrainConfig,
        *,
        tokenizer: Tokenizer | None = None,
        like: Model | None = None,
        on_progress: OnProgress = ignore,
    ) -> TextDataset:
        tokenizer = like.tokenizer if isinstance(like, LanguageModel) else tokenizer
        return preparation.prepared(source, model, config, tokenizer, on_progress)

    @classmethod
    def empty_model(
        cls, config: ModelConfig, contents: Contents, *, name: str = "", record: Record | None = None
    ) -> LanguageModel:
        stated = contents.stated.get("vocabulary_size")
        if type(stated) is not int or not len(Tokenizer.CONTROL) <= stated <= MAX_VOCABULARY:
            raise ConfigError(f"vocabulary_size is {stated!r}, which is impossible")
        find(Tokenizer, config.tokenizer)  # fails here if the configuration is wrong, not the vocabulary
        try:
            tokenizer = vocabulary.rebuild(contents.files[TOKENIZER_FILE], config.tokenizer)
        except ValueError as error:
            raise BadFileError(TOKENIZER_FILE, f"is not a vocabulary: {error}") from None
        if tokenizer.size != stated:
            raise BadFileError(TOKENIZER_FILE, f"has {tokenizer.size} tokens, but config.json says {stated}")
        network = Network(config, tokenizer.size)
        return LanguageModel(config, tokenizer, network.eval(), name=name, record=record)
