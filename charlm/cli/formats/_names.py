"""The names of tokens, which several score formats share."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from charlm.tokenizers import Tokenizer

if TYPE_CHECKING:
    from charlm.scoring.score import Score


def names(score: "Score", show: Callable[[str], str]) -> tuple[list[str], list[str]]:
    """Return the context tokens and the scored tokens, formatted by `show`; <UNK> and <EOS> stand for themselves."""
    tokens = [*score.given, *score.tokens]
    shown = [Tokenizer.CONTROL[Tokenizer.UNK] if token is None else show(token) for token in tokens]
    if score.eos:
        shown[-1] = Tokenizer.CONTROL[Tokenizer.EOS]
    return shown[: len(score.given)], shown[len(score.given) :]
