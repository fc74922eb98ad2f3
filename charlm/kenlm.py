"""KenLM's Python interface for a charlm model, for code that expects a KenLM model.

    model = kenlm.Model("checkpoints/sentences")
    model.score("the cat sat")  # log10 P of the sentence and its end

A sentence is split into words at ASCII whitespace, and the words are joined by single spaces. The value of a word is
the sum over its tokens and the space before it, so that the values sum to the score. It is not the probability of the
word, which depends on where the word ends: `scoring.units` explains this, and a score with unit="word" computes it.
"""

import os
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from charlm import raw_bytes
from charlm.checkpoints.checkpoint import expect, load
from charlm.errors import ConfigError
from charlm.language_model import LanguageModel
from charlm.nn.probability import perplexity
from charlm.scoring import units
from charlm.scoring.measure import NATS
from charlm.scoring.score import Score

END = "</s>"
_WORD = re.compile(r"[^ \t\n\r\f\v]+")


class Word(NamedTuple):
    """A word of a sentence, or the end of the sentence."""

    text: str
    value: float  # log10
    length: int  # words that the value depends on: all so far, including the start token and the word itself
    oov: bool  # out of vocabulary: whether the word has an unknown character
    end: bool = False


class Model:
    """A charlm model with the methods of `kenlm.Model`. Logarithms have base 10.

    Raises ModelError if the folder `path` is not a model.
    """

    def __init__(self, path: str | bytes | os.PathLike[str]) -> None:
        self.path = os.path.abspath(os.fsdecode(path))
        self._model = expect(load(self.path), LanguageModel)

    def score(self, sentence: str | bytes, bos: bool = True, eos: bool = True) -> float:
        """Return log10 P(sentence and its end | start). With bos=False the first token is context and is not scored.

        Raises ConfigError with `eos` if the model cannot predict the end of a text.
        """
        return self._score(sentence, bos, eos).logprob / NATS["10"]

    def full_scores(
        self, sentence: str | bytes, bos: bool = True, eos: bool = True
    ) -> Iterator[tuple[float, int, bool]]:
        """Yield (log10 P, number of words that it depends on, whether it is unknown) for each word and the end."""
        return ((word.value, word.length, word.oov) for word in words(self._score(sentence, bos, eos)))

    def perplexity(self, sentence: str | bytes) -> float:
        """Return 10 ** (-score / (words + 1)): the end counts as a word."""
        score = self._score(sentence, bos=True, eos=True)
        return perplexity(-score.logprob, len(_words(score.text)) + 1) or 1.0

    def __contains__(self, word: str | bytes) -> bool:
        """Return whether the model knows every character of the word."""
        return not self._model.unknown(_text(word))

    def __repr__(self) -> str:
        return f"<Model from {os.path.basename(self.path)}>"

    def _score(self, text: str | bytes, bos: bool, eos: bool) -> Score:
        if eos and not self._model.ends:
            raise ConfigError("this stream model cannot predict the end of a text; use eos=False")
        return self._model.score(sentence(_text(text)), bos=bos, eos=eos)


def sentence(text: str) -> str:
    """Return the words with one space between them."""
    return " ".join(_words(text))


def words(score: Score) -> list[Word]:
    """Return the words of a sentence that was scored token by token, and its end if the end was scored."""
    texts = _words(score.text)
    ends = list(accumulate((len(text) + (index > 0) for index, text in enumerate(texts)), initial=0))
    scored = score.tokens[: len(score.tokens) - score.eos] if score.tokens else []
    characters = np.array((score.lengths or [1] * len(scored))[: len(scored)], dtype=np.int64)
    context = len(score.text) - int(characters.sum())  # characters that were not scored
    pieces = units.groups([max(0, end - context) for end in ends[:-1]], characters)
    unknown = [None in scored[piece] for piece in pieces]
    if texts and None in score.given:
        unknown[0] = True
    lengths = range(1 + score.bos, 1 + score.bos + len(texts))
    values = (_log10(score.logprobs[piece]) for piece in pieces)
    inner = [Word(*each) for each in zip(texts, values, lengths, unknown, strict=True)]
    if score.eos and score.tokens:
        inner.append(Word(END, _log10(score.logprobs[-1:]), len(texts) + 1 + score.bos, oov=False, end=True))
    return inner


def _log10(logprobs: list[float]) -> float:
    return sum(logprobs) / NATS["10"]


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _text(given: str | bytes) -> str:
    return given.decode("utf-8", raw_bytes.ERRORS) if isinstance(given, bytes) else given
