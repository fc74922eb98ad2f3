"""Train the n-gram that a model is compared with: over the model's tokens, on the model's training text."""

from typing import Any

import numpy as np

from charlm.comparison.ngram import KneserNey
from charlm.data.corpus import Corpus
from charlm.data.sequences import Lines, Streams, all_sequences, encode_sequences
from charlm.data.split import hold_out
from charlm.errors import CorpusError
from charlm.language_model import LanguageModel
from charlm.nn.probability import TokenProgress
from charlm.progress import ignore


def training_text(description: dict[str, Any], corpus: Corpus) -> tuple[Streams | Lines, bool]:
    """Return the part of a corpus that an n-gram learns from, and whether the model was trained on that part.

    The held-out part is left out if the corpus is that of the model, by its fingerprint; any other corpus is used
    whole. description: the return value of `checkpoint.describe`.

    Raises CorpusError for a corpus that is too large for memory.
    """
    if corpus.large:
        size = f"{', '.join(corpus.names)} has {corpus.characters:,} characters"
        raise CorpusError(f"{size}, too many for an n-gram, whose counts are kept in memory; give a part of it")
    mode, same = description["config"]["sequence"], corpus.fingerprint() == description["corpus"]["sha256"]
    if same and not description["corpus"]["held_out"]:
        return hold_out(corpus.documents, mode, description["plan"]["train"]["valid_fraction"]).train, True
    return all_sequences(corpus.documents, mode), same


def train_ngram(
    model: LanguageModel, order: int, texts: Streams | Lines, on_progress: TokenProgress = ignore
) -> KneserNey:
    """Train a Kneser-Ney n-gram that can predict the same tokens as the model. `KneserNey.train` documents the rest."""
    ids = np.concatenate(list(encode_sequences(model.tokenizer, texts, close=model.ends)))
    allowed = model.network.allowed_tokens.cpu().numpy()
    return KneserNey.train(model.tokenizer.sequences(ids), order, allowed, on_progress)
