"""The symbols of a text as a network reads them."""

import numpy as np
from numpy.typing import NDArray

from charlm.data.sequences import sequences_of
from charlm.tokenizers import Ids, Tokenizer


def rows(tokenizer: Tokenizer, text: str, kind: str, most: int) -> list[Ids]:
    """Each sequence of a text of this kind, START first; a line is closed by EOS. What is beyond `most` symbols in all
    is left out; empty lines are."""
    found: list[Ids] = []
    for sequence in filter(None, sequences_of(text, kind)):
        row = tokenizer.sequence(tokenizer.encode(sequence), eos=kind == "line")
        found.append(row[:most])
        most -= len(row)
        if most <= 1:
            break
    return found


def is_content(row: Ids) -> NDArray[np.bool_]:
    """(n,): the symbols of a row but START and EOS."""
    return np.isin(row, (Tokenizer.START, Tokenizer.EOS), invert=True)


def shown(tokenizer: Tokenizer, row: Ids) -> list[str]:
    """Each of them for people."""
    return [Tokenizer.REPLACEMENT if text is None else text for text in tokenizer.token_texts(row[is_content(row)])]


def completed(tokenizer: Tokenizer, row: Ids) -> list[str]:
    """The text that each of them completes; of a symbol that is the beginning of a character none."""
    decode = tokenizer.decoder()
    return [decode(int(symbol)) for symbol in row[is_content(row)]]
