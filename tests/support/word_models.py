"""Models of words with probabilities that are known, and untrained models of every tokenizer."""

from typing import Any

import torch
from conftest import of_bigrams

import charlm
from charlm.nn.network import Network
from charlm.tokenizers import Tokenizer
from charlm.tokenizers.byte import ByteTokenizer
from charlm.tokenizers.char import CharTokenizer
from charlm.tokenizers.sentencepiece.pieces import complete
from charlm.tokenizers.subword import SubwordTokenizer
from charlm.tokenizers.word import WordTokenizer

WORDS = {
    "": {"a": 1 / 2, "ab": 1 / 4, "": 1 / 4},
    "a": {" ": 1 / 2, "b": 1 / 4, "": 1 / 4},
    "ab": {" ": 1 / 2, "": 1 / 2},
    "b": {" ": 1 / 2, "": 1 / 2},
    " ": {"a": 1 / 8, "ab": 1 / 2, "b": 3 / 8},
}  # P(next | token): "ab" is a word of its own, and never the two letters
PIECES: list[Any] = ["é", " ", "c", "a", "t", "s", " c", "ca", " ca", " cat", "ts", "ats", " cats"]
TOKENIZERS = {
    "char": CharTokenizer(" acstéü"),
    "byte": ByteTokenizer(),
    "word": WordTokenizer([*" acstéü", "cat", "cats", "  "]),
    "unigram": SubwordTokenizer("unigram", complete([(piece, -1.0 - len(piece) / 9) for piece in PIECES])),
    "bpe": SubwordTokenizer("bpe", complete([(piece, float(-number)) for number, piece in enumerate(PIECES)])),
}


def model_of_words(*, closed: bool = False) -> charlm.LanguageModel:
    """A model of lines with the probabilities WORDS."""
    return of_bigrams(WORDS, WordTokenizer(["a", "b", "ab", " "], closed=closed))


def untrained(tokenizer: Tokenizer) -> charlm.LanguageModel:
    """A model of running text with random weights, which can predict every token but the control tokens."""
    torch.manual_seed(1)
    name = type(tokenizer).__name__.removesuffix("Tokenizer").lower()
    config = charlm.ModelConfig(
        sequence="stream",
        ngram="none",
        tokenizer=name,
        hidden_size=16,
        embedding_size=8,
        layers=1,
        dropout=0.0,
    )
    network = Network(config, tokenizer.size).eval()
    network.allowed_tokens[: tokenizer.EOS + 1] = False
    return charlm.LanguageModel(config, tokenizer, network)
