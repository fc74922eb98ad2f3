"""Train the n-gram that a model is compared with: over the model's tokens, on the model's training text."""

from collections.abc import Callable
from typing import Any

import numpy as np

from charlm.counts import Counts, CountSettings
from charlm.data.corpus import Corpus
from charlm.data.sequences import Lines, Streams, all_sequences, encode_sequences
from charlm.data.split import hold_out
from charlm.errors import CorpusError
from charlm.language_model import LanguageModel
from charlm.progress import ignore
from charlm.tokenizers import Tokenizer

MOST_CHARACTERS = 2**25  # each takes about 70 bytes of memory at order 12


def training_text(description: dict[str, Any], corpus: Corpus) -> tuple[Streams | Lines, bool]:
    """Return the part of a corpus that an n-gram learns from, and whether the model was trained on that part.

    The held-out part is left out if the corpus is that of the model, by its fingerprint; any other corpus is used
    whole. description: the return value of `checkpoint.describe`.

    Raises CorpusError for a corpus of more than MOST_CHARACTERS.
    """
    if corpus.characters > MOST_CHARACTERS:
        size = f"{', '.join(corpus.names)} has {corpus.characters:,} characters"
        most = f"the counts of an n-gram are kept in memory, so give at most {MOST_CHARACTERS:,}"
        raise CorpusError(f"{size}; {most}")
    mode, same = description["config"]["sequence"], corpus.fingerprint() == description["corpus"]["sha256"]
    if same and not description["corpus"]["held_out"]:
        return hold_out(corpus.documents, mode, description["plan"]["train"]["valid_fraction"]).train, True
    return all_sequences(corpus.documents, mode), same


def train_ngram(
    model: LanguageModel, order: int, texts: Streams | Lines, on_progress: Callable[[int], None] = ignore
) -> Counts:
    """Count all n-grams of a text, for the tokens that the model can predict.

    on_progress: called now and then with the number of further tokens that are counted. Raises ConfigError for an order
    out of range.
    """
    settings = CountSettings(order=order, limit=0)
    ids = np.concatenate(list(encode_sequences(model.tokenizer, texts, close=model.ends)))
    starts = np.flatnonzero(np.append(Tokenizer.EOS, ids[:-1]) == Tokenizer.EOS)
    reported = 0

    def on_counting(share: float) -> None:
        nonlocal reported
        further = int(share * len(ids)) - reported
        reported += further
        on_progress(further)

    return Counts.of(ids, starts, model.network.allowed_tokens.cpu().numpy(), settings, on_counting)
