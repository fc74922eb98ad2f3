"""KenLM's Python interface on a model of charlm's, for code that takes a KenLM model.

    model = kenlm.Model("checkpoints/sentences")
    model.score("the cat sat")  # log10 P of the sentence and its end

A sentence is its words, parted by ASCII whitespace and joined by single spaces. The value of a word is the sum over its
tokens and the space before it, so that the values sum to the score. That is not the probability of the word, which
needs its end: `units` says why, and `--unit word` has it.
"""

import os
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from charlm.checkpoints.checkpoint import load
from charlm.errors import ConfigError
from charlm.nn.probability import perplexity
from charlm.scoring import units
from charlm.scoring.measure import NATS
from charlm.scoring.score import Score

END = "</s>"
_WORD = re.compile(r"[^ \t\n\r\f\v]+")


class Word(NamedTuple):
    """A word of a sentence, or its end."""

    text: str
    value: float  # log10
    length: int  # words that were looked at: all so far, the start symbol and itself included
    oov: bool  # whether it has an unknown character
    end: bool = False


class Model:
    """A model of charlm's with the methods of `kenlm.Model`. Logarithms are to base 10.

    Raises ModelError where the folder `path` is no model.
    """

    def __init__(self, path: str | bytes | os.PathLike[str]) -> None:
        self.path = os.path.abspath(os.fsdecode(path))
        self._model = load(self.path)

    def score(self, sentence: str | bytes, bos: bool = True, eos: bool = True) -> float:
        """log10 P(sentence and its end | start). bos=False: the first token is context and is not scored.

        Raises ConfigError for `eos` and a model of running text that has no end to predict.
        """
        return self._score(sentence, bos, eos).logprob / NATS["10"]

    def full_scores(
        self, sentence: str | bytes, bos: bool = True, eos: bool = True
    ) -> Iterator[tuple[float, int, bool]]:
        """(log10 P, how many words that depends on, whether it is unknown) of each word, and of the end."""
        return ((word.value, word.length, word.oov) for word in words(self._score(sentence, bos, eos)))

    def perplexity(self, sentence: str | bytes) -> float:
        """10 ** (-score / (words + 1)): the end counts as a word."""
        found = self._score(sentence, bos=True, eos=True)
        return perplexity(-found.logprob, len(_words(found.text)) + 1) or 1.0

    def __contains__(self, word: str | bytes) -> bool:
        """Whether the model has a symbol for every character of the word."""
        return not self._model.unknown(_text(word))

    def __repr__(self) -> str:
        return f"<Model from {os.path.basename(self.path)}>"

    def _score(self, text: str | bytes, bos: bool, eos: bool) -> Score:
        if eos and not self._model.ends:
            raise ConfigError("this model is of running text and never saw an end; ask for eos=False")
        return self._model.score(sentence(_text(text)), bos=bos, eos=eos)


def sentence(text: str) -> str:
    """The words with one space between them."""
    return " ".join(_words(text))


def words(found: Score) -> list[Word]:
    """The words of a sentence that was scored token by token, and its end where that was scored."""
    texts = _words(found.text)
    ends = list(accumulate((len(text) + bool(place) for place, text in enumerate(texts)), initial=0))
    scored = found.tokens[: len(found.tokens) - found.eos] if found.tokens else []
    characters = np.array((found.lengths or [1] * len(scored))[: len(scored)], dtype=np.int64)
    given = len(found.text) - int(characters.sum())  # characters that were context
    pieces = units.groups([max(0, end - given) for end in ends[:-1]], characters)
    unknown = [None in scored[piece] for piece in pieces]
    if texts and None in found.given:
        unknown[0] = True
    lengths = range(1 + found.bos, 1 + found.bos + len(texts))
    values = (_log10(found.logprobs[piece]) for piece in pieces)
    inner = [Word(*each) for each in zip(texts, values, lengths, unknown, strict=True)]
    if found.eos and found.tokens:
        inner.append(Word(END, _log10(found.logprobs[-1:]), len(texts) + 1 + found.bos, oov=False, end=True))
    return inner


def _log10(logprobs: list[float]) -> float:
    return sum(logprobs) / NATS["10"]


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _text(given: str | bytes) -> str:
    return given.decode() if isinstance(given, bytes) else given
