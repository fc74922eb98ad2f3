"""The rows of tokens that a network reads for a text, and what each token of a row stands for."""

import numpy as np
from numpy.typing import NDArray

from charlm.config import TextMode
from charlm.data.sequences import sequences_of
from charlm.tokenizers import Ids, Tokenizer


def token_rows(tokenizer: Tokenizer, text: str, mode: TextMode, most: int) -> list[Ids]:
    """Encode each sequence of a text, beginning with START; a line also ends with EOS.

    Empty lines are left out, and so is everything after the first `most` tokens of the text.
    """
    rows: list[Ids] = []
    for sequence in filter(None, sequences_of(text, mode)):
        row = tokenizer.sequence(tokenizer.encode(sequence), eos=mode == TextMode.LINE)
        rows.append(row[:most])
        most -= len(row)
        if most <= 1:
            break
    return rows


def is_content(row: Ids) -> NDArray[np.bool_]:
    """Mask (n,) of the tokens of a row that are neither START nor EOS."""
    return np.isin(row, (Tokenizer.START, Tokenizer.EOS), invert=True)


def display_texts(tokenizer: Tokenizer, row: Ids) -> list[str]:
    """The content tokens of a row as text for people; an unknown character is the replacement character."""
    return [Tokenizer.REPLACEMENT if text is None else text for text in tokenizer.token_texts(row[is_content(row)])]


def completed_texts(tokenizer: Tokenizer, row: Ids) -> list[str]:
    """The text that each content token completes; empty for a byte that does not end a character."""
    decode = tokenizer.decoder()
    return [decode(int(token)) for token in row[is_content(row)]]
