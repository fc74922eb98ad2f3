"""Refuse a text that the vocabulary does not know: nothing could be learned from it, or measured on it."""

import numpy as np
from numpy.typing import NDArray

from charlm.config import ModelConfig, TextMode
from charlm.data import vocabulary
from charlm.data.split import Split
from charlm.errors import CorpusError
from charlm.tokenizers import Tokenizer


def check_held_out(split: Split, tokenizer: Tokenizer, model: ModelConfig, *, separate: bool) -> int:
    """Return the number of unknown characters held out, 0 if nothing is; `separate` if they are a text of their own.

    Raises CorpusError if all are unknown: any two networks would predict them equally well.
    """
    if not split.held_out:
        return 0
    characters = sum(map(len, split.valid))
    unknown = vocabulary.unknown_characters(tokenizer, split.valid, split.mode)
    if not unknown or unknown < characters:
        return unknown
    nothing = f"all {characters:,} characters held out are unknown: the vocabulary has none of them"
    valid = "move_end_or_valid" if split.mode == TextMode.STREAM else "name_valid"
    remedy = _other_vocabulary(model) or ("other_valid" if separate else valid)
    raise CorpusError(f"{nothing}, so validation cannot tell which network is best", remedy=remedy)


def check_training(counts: NDArray[np.int64], model: ModelConfig) -> None:
    """Raise CorpusError if no training target is known; `counts` (V,) says how often each token is a target."""
    if counts[Tokenizer.UNK] and not counts[len(Tokenizer.CONTROL) :].any():
        nothing = "all characters to train on are unknown: the vocabulary has none of them"
        raise CorpusError(nothing, remedy=_other_vocabulary(model) or "smaller_min_count")


def _other_vocabulary(model: ModelConfig) -> str:
    """Return the remedy for a vocabulary that was given or is closed, else an empty string."""
    if model.vocabulary:
        return "other_vocabulary"
    return "not_closed" if model.closed else ""
