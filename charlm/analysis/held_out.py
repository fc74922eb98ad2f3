"""The held-out text that a report quotes: that of the run, or another text."""

from itertools import chain
from typing import Any

from charlm.comparison.learned import Learned, learned_from
from charlm.comparison.own_text import held_out_split
from charlm.config import TextMode
from charlm.data.corpus import Corpus
from charlm.data.documents import first_texts
from charlm.data.sequences import sequences_of

_MOST_CHARACTERS = 200_000  # more would take time and show nothing new


def held_out(described: dict[str, Any], corpus: Corpus | None) -> tuple[list[str], str]:
    """Return sequences of held-out text, about 200,000 characters at most, and where they are from, in words.

    `described` is `checkpoint.describe` of the model. `corpus` replaces the text of the run. Raises NoTextError if it
    is None and the files of the run are missing or changed.
    """
    if corpus is None:
        split, where = held_out_split(described)
        return first_texts(split.valid, _MOST_CHARACTERS), where
    mode = TextMode(described["config"]["sequence"])
    beginnings = (sequences_of(document.head(_MOST_CHARACTERS), mode) for document in corpus.documents)
    learned = Learned.total(learned_from(described, corpus.documents), [each.size for each in corpus.documents])
    warning = f" (the model was trained on {learned.in_words('this text')})" if learned.trained_on else ""
    return first_texts(chain.from_iterable(beginnings), _MOST_CHARACTERS), ", ".join(corpus.names) + warning
