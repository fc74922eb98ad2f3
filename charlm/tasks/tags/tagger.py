"""A trained tagger, and its network: encoder → the outputs where a word begins and ends → one score for each tag."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charlm.config import ModelConfig
from charlm.errors import ConfigError
from charlm.examples.source import MOST_LABELS
from charlm.measures.naive import WordTags
from charlm.measures.schemes import Scheme, Span, moves, spans
from charlm.measures.viterbi import best_path
from charlm.model import BadFileError, Contents, Model, Record, text_contents
from charlm.nn.encoder import NetworkState, make_embedding
from charlm.nn.native.threads import computing
from charlm.nn.ngram_features import SpelledWords, without_some
from charlm.nn.probability import log_softmax
from charlm.nn.trainable import Read, Trainable
from charlm.tasks.tags.rows import NO_TAG, Row, batch_of, rows_of
from charlm.tokenizers import Tokenizer
from charlm.wording import plural

FILE = "tags.json"
_LONGEST_TAG = 1000  # characters
_MOST_WORDS = 2**20  # whose most frequent tag is kept
_ROWS_AT_ONCE = 64
_UNKNOWN = 0.1  # share of the tokens and features that training hides


class MarkedSpan(NamedTuple):
    """Tokens that belong together: the characters from `start` up to `end` of the text, and their type.

    text: these characters. probability: that all of its tokens have the tags that mark it.
    """

    start: int
    end: int
    text: str
    label: str
    probability: float


class TaggedSentence(NamedTuple):
    """An answer: a tag for each token, with its probability, and the spans that the tags mark.

    The offsets of the spans count characters of the tokens, joined by spaces.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    probabilities: tuple[float, ...]
    spans: tuple[MarkedSpan, ...]


class TagNetwork(Trainable):
    """A recurrent network that gives each word of a sentence a score for each tag."""

    @computing()
    def __init__(self, config: ModelConfig, vocabulary_size: int, tags: int) -> None:
        settings = [name for name in ("tie_weights", "readout") if getattr(config, name) not in (False, "auto")]
        if settings:
            raise ConfigError(
                f"a tagger predicts no tokens, so it has no {settings[0]}", remedy="leave_out", settings=settings
            )
        is_spelled = config.features == "ngrams"
        words = make_embedding(config, vocabulary_size)
        embedding = SpelledWords(words) if is_spelled else words
        super().__init__(config, embedding, bidirectional=config.bidirectional is not False)
        self.is_spelled = is_spelled
        self.dense = nn.ModuleList(nn.Linear(self.width, self.width) for _ in range(config.readout_layers - 1))
        self.readout = nn.Linear(self.width, tags)

    @property
    def choices(self) -> int:
        """The number of tags: K."""
        return self.readout.out_features

    def read(self, batch: Any, state: NetworkState | None, generator: torch.Generator | None = None) -> Read:
        """Read a batch of sentences."""
        tagged = batch.tags != NO_TAG
        return Read(self.words(batch, generator)[tagged], batch.tags[tagged], None)

    @computing()
    def words(self, batch: Any, generator: torch.Generator | None = None) -> Tensor:
        """Return a vector for each word of a batch, (B, W, D).

        It consists of the forward outputs at the last token of the word, and the backward outputs at its first one.
        """
        ids = batch.ids
        if self.training and self.is_spelled:
            ids = without_some(ids, _UNKNOWN, generator)
        outputs = self.encode(ids, batch.lengths, generator)
        row = torch.arange(batch.rows, device=outputs.device)[:, None]
        forward = outputs[batch.ends, row, : self.hidden_size]
        return torch.cat((forward, outputs[batch.starts, row, self.hidden_size :]), dim=2)

    @computing()
    def target_log_probability(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return log P of the tag of each vector: (N, D) and (N,) → (N,)."""
        return log_softmax(self._scores(outputs)).gather(1, targets[:, None])[:, 0]

    def _scores(self, vectors: Tensor) -> Tensor:
        for layer in self.dense:
            vectors = torch.tanh(layer(vectors))
        scores: Tensor = self.readout(vectors)
        return scores

    @torch.inference_mode()
    def log_probabilities(self, rows: Sequence[Row]) -> list[NDArray[np.float64]]:
        """Return log P of every tag for each word of each row, one word after the other: (W · K,)."""
        results: list[NDArray[np.float64]] = [np.empty(0)] * len(rows)
        by_length = sorted(range(len(rows)), key=lambda index: len(rows[index].ids))
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            chosen = by_length[first : first + _ROWS_AT_ONCE]
            batch = batch_of([rows[index] for index in chosen]).part(slice(None), self.device)
            logprobs = log_softmax(self._scores(self.words(batch)).double()).cpu().numpy()
            for index, values in zip(chosen, logprobs, strict=True):
                results[index] = values[: len(rows[index].ends)].reshape(-1)
        return results


@dataclass(frozen=True, repr=False)
class Tagger(Model):
    """A trained network that gives each token of a sentence a tag.

    config: the shape of the network.
    tokenizer: maps words to token ids.
    tags: all tags, sorted.
    scheme: how tags mark spans.
    naive: the most frequent tag of each word in training.
    network: a torch module.
    name: the name of its folder, or of its data if it was trained without a folder.
    record: how the model was trained, which `save` writes.
    """

    config: ModelConfig
    tokenizer: Tokenizer
    tags: tuple[str, ...]
    scheme: Scheme
    naive: WordTags
    network: TagNetwork
    name: str = ""
    record: Record | None = None

    def __repr__(self) -> str:
        name = f" {repr(self.name)[1:-1]}" if self.name else ""  # without characters that control a terminal
        parameters = plural(self.network.parameter_count(), "parameter")
        return f"<Tagger{name}: {plural(len(self.tags), 'tag')}, {self.config.brief_shape}, {parameters}>"

    def contents(self) -> Contents:
        """Return what the folder of this model has of its task."""
        return tag_contents(self.tokenizer, self.tags, self.scheme, self.naive)

    def predict(self, sentences: Iterable[str | Sequence[str]]) -> list[TaggedSentence]:
        """Return the tags of each sentence, in order: a text whose tokens have spaces between them, or its tokens.

        The tags are the likeliest sequence among those that the scheme of the tags allows.
        """
        asked = [tuple(each.split() if isinstance(each, str) else each) for each in sentences]
        return [
            self._answer(tokens, logprobs)
            for tokens, logprobs in zip(asked, self.log_probabilities(asked), strict=True)
        ]

    def log_probabilities(self, sentences: Sequence[Sequence[str]]) -> list[NDArray[np.float64]]:
        """Return log P of each tag for each token of each sentence, in the order of `tags`: (W, K)."""
        rows = [rows_of(self.tokenizer, tokens, spelled=self.network.is_spelled) for tokens in sentences]
        results = iter(self.network.eval().log_probabilities([row for each in rows for row in each]))
        width = len(self.tags)
        return [np.concatenate([np.empty(0), *(next(results) for _ in each)]).reshape(-1, width) for each in rows]

    def _answer(self, tokens: tuple[str, ...], logprobs: NDArray[np.float64]) -> TaggedSentence:
        path = best_path(logprobs, moves(self.scheme, self.tags))
        tags = tuple(self.tags[index] for index in path)
        chosen = logprobs[np.arange(len(path)), path]
        marked = spans(tags) if self.scheme is not Scheme.PLAIN else []
        offsets = np.cumsum([0, *(len(token) + 1 for token in tokens)])
        return TaggedSentence(
            tokens,
            tags,
            tuple(np.exp(chosen).tolist()),
            tuple(_marked(each, tokens, offsets, chosen) for each in marked),
        )


def _marked(span: Span, tokens: Sequence[str], offsets: NDArray[np.int64], logprobs: NDArray[np.float64]) -> MarkedSpan:
    inside = slice(span.start, span.end)
    start, end = int(offsets[span.start]), int(offsets[span.end]) - 1
    return MarkedSpan(start, end, " ".join(tokens[inside]), span.type, float(np.exp(logprobs[inside].sum())))


def tags_of(tags: Sequence[str], scheme: Scheme, logprobs: NDArray[np.float64]) -> list[str]:
    """Return the likeliest tags that a scheme allows, from log P of each tag (W, K)."""
    return [tags[index] for index in best_path(logprobs, moves(scheme, tags))]


def tag_contents(tokenizer: Tokenizer, tags: Sequence[str], scheme: Scheme, naive: WordTags) -> Contents:
    """Return what the folder of a tagger has of its task."""
    stated, files = text_contents(tokenizer)
    words = {word: tag for word, tag in sorted(naive.tags.items()) if tag != naive.default}
    own = {FILE: {"tags": list(tags), "scheme": scheme.value, "default": naive.default, "words": words}}
    return Contents({**stated, "tags": len(tags)}, {**files, **own})


def check_tags(values: Any) -> tuple[tuple[str, ...], Scheme, WordTags]:
    """Return the tags in a tags.json, their scheme, and the naive answers. Raises BadFileError for anything else."""
    known = isinstance(values, dict) and set(values) == {"tags", "scheme", "default", "words"}
    tags = values["tags"] if known else None
    if not isinstance(tags, list) or not all(isinstance(each, str) for each in tags):
        raise BadFileError(FILE, "is not a list of tags")
    if tags != sorted(set(tags)) or not 2 <= len(tags) <= MOST_LABELS:
        raise BadFileError(FILE, f"has {len(tags):,} tags; there should be at least 2, sorted and different")
    if any(len(each) > _LONGEST_TAG for each in tags):
        raise BadFileError(FILE, f"has a tag of more than {_LONGEST_TAG:,} characters")
    if values["scheme"] not in list(Scheme):
        raise BadFileError(FILE, "names a scheme of tags that charlm does not know")
    words = values["words"]
    if not isinstance(words, dict) or len(words) > _MOST_WORDS or not {*words.values(), values["default"]} <= set(tags):
        raise BadFileError(FILE, "has a most frequent tag that is not one of the tags")
    return tuple(tags), Scheme(values["scheme"]), WordTags(words, values["default"])
