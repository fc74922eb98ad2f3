"""The names of tokens, which several score formats share."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from charlm.raw_bytes import visible
from charlm.tokenizers import Tokenizer

if TYPE_CHECKING:
    from charlm.scoring.score import Score


_UNKNOWN, _END = Tokenizer.CONTROL[Tokenizer.UNK], Tokenizer.CONTROL[Tokenizer.EOS]


def names(
    score: "Score", show: Callable[[str], str], unknown: Callable[[str], str] = lambda original: _UNKNOWN
) -> tuple[list[str], list[str]]:
    """Return the context tokens and the scored tokens, formatted by `show`; <EOS> stands for itself.

    unknown: formats the original text of an unknown token. A byte that is not UTF-8 is shown as <0xF1>.
    """
    tokens = [*score.given, *score.tokens]
    originals = score.originals or [""] * len(tokens)
    shown = [
        unknown(visible(original)) if token is None else show(visible(token))
        for token, original in zip(tokens, originals, strict=True)
    ]
    if score.eos:
        shown[-1] = _END
    return shown[: len(score.given)], shown[len(score.given) :]
