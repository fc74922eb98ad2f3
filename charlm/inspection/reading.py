"""The symbols of a text as a network reads them."""

import numpy as np

from charlm.data.sequences import whole
from charlm.tokenizers import Ids, Tokenizer


def rows(tokenizer: Tokenizer, text: str, kind: str, most: int) -> list[Ids]:
    """Each sequence of a text of this kind, START first; a line is closed by EOS. What is beyond `most` symbols in all
    is left out; empty lines are."""
    found: list[Ids] = []
    for sequence in filter(None, whole(text, kind)):
        end = [tokenizer.EOS] if kind == "line" else []
        row = np.concatenate(([tokenizer.START], tokenizer.encode(sequence), end)).astype(np.int32)
        found.append(row[:most])
        most -= len(row)
        if most <= 1:
            break
    return found


def symbols(tokenizer: Tokenizer, row: Ids) -> list[str]:
    """The text of each symbol of a row, START and EOS left out."""
    left_out = (Tokenizer.START, Tokenizer.EOS)
    texts = tokenizer.symbols([int(each) for each in row if each not in left_out])
    return [Tokenizer.REPLACEMENT if text is None else text for text in texts]
