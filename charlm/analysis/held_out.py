"""The held-out text that a report quotes: that of the run, or another text."""

from itertools import chain
from typing import Any

from charlm.comparison.own_text import held_out_split, learned_from
from charlm.config import TextMode
from charlm.data.corpus import Corpus
from charlm.data.documents import first_texts
from charlm.data.sequences import sequences_of
from charlm.tokenizers import reads_any_bytes

_MOST_CHARACTERS = 200_000  # more would take time and show nothing new


def held_out(described: dict[str, Any], corpus: Corpus | None) -> tuple[list[str], str]:
    """Return sequences of held-out text, about 200,000 characters at most, and where they are from, in words.

    `described` is `checkpoint.describe` of the model. `corpus` replaces the text of the run. Raises NoTextError if it
    is None and the files of the run are missing or changed.
    """
    if corpus is None:
        split, where = held_out_split(described)
        return first_texts(split.valid, _MOST_CHARACTERS), where
    mode, any_bytes = TextMode(described["config"]["sequence"]), reads_any_bytes(described["config"]["tokenizer"])
    beginnings = (sequences_of(document.head(_MOST_CHARACTERS), mode) for document in corpus.documents)
    learned = learned_from(described["corpus"], corpus.documents, any_bytes=any_bytes)
    warning = " (the model was trained on this text)" if any(learned) else ""
    return first_texts(chain.from_iterable(beginnings), _MOST_CHARACTERS), ", ".join(corpus.names) + warning
