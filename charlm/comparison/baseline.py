"""The n-gram that is compared with a model: over the model's tokens, of the text that the model learned from."""

from typing import Any

import numpy as np

from charlm.comparison.ngram import KneserNey
from charlm.data.corpus import Corpus
from charlm.data.sequences import Lines, Streams, all_sequences, encode_sequences
from charlm.data.split import hold_out
from charlm.errors import CorpusError
from charlm.language_model import LanguageModel
from charlm.nn.probability import TokenProgress


def learned(told: dict[str, Any], corpus: Corpus) -> tuple[Streams | Lines, bool]:
    """The part of a text to count, and whether it is what the model learned from, without what was held out.

    told: what `checkpoint.describe` says of the model; a text of another fingerprint than its corpus is taken whole.
    Raises CorpusError for one that is larger than what is held in memory.
    """
    if corpus.large:
        many = f"{', '.join(corpus.names)} has {corpus.characters:,} characters"
        raise CorpusError(f"{many}, too many for an n-gram, whose counts are held in memory; give a part of it")
    kind, same = told["config"]["sequence"], corpus.fingerprint() == told["corpus"]["sha256"]
    if same and not told["corpus"]["held_out"]:
        return hold_out(corpus.documents, kind, told["plan"]["train"]["valid_fraction"]).train, True
    return all_sequences(corpus.documents, kind), same


def baseline(
    model: LanguageModel, order: int, texts: Streams | Lines, told: TokenProgress = lambda count: None
) -> KneserNey:
    """Kneser-Ney of that order, which can predict what the model can; told: as in `KneserNey.train`."""
    ids = np.concatenate(list(encode_sequences(model.tokenizer, texts, close=model.ends)))
    return KneserNey.train(model.tokenizer.sequences(ids), order, model.network.allowed_tokens.cpu().numpy(), told)
