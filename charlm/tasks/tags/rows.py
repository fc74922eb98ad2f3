"""Sentences as rows of token ids that know where each word is, and batches of them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charlm.config import ModelConfig
from charlm.errors import ConfigError
from charlm.nn.embeddings import Embedding
from charlm.nn.ngram_features import FEATURES, feature_rows
from charlm.registry import find
from charlm.tasks._batches import ExampleBatches, padded
from charlm.tokenizers import Ids, Tokenizer

LONGEST_ROW = 2000  # tokens; a longer sentence is read in pieces
NO_TAG = -1  # of padding, and of a tag that the training part does not have

Integers = NDArray[np.int64]


class Row(NamedTuple):
    """A sentence, or a piece of one: START, the words, EOS; and the index of the first and the last token of a word."""

    ids: Ids  # (T,), or (T, 1 + FEATURES)
    starts: Integers  # (W,)
    ends: Integers  # (W,)


class TagBatch(NamedTuple):
    """Whole sentences with the tags of their words."""

    ids: Tensor  # (T, B) or (T, B, 1 + FEATURES), padded at the end
    lengths: Tensor  # (B,)
    starts: Tensor  # (B, W), the time of the first token of each word
    ends: Tensor  # (B, W), of its last token
    tags: Tensor  # (B, W), NO_TAG where there is no word

    @property
    def fresh(self) -> bool:
        """True: each sentence begins with a zero state."""
        return True

    @property
    def rows(self) -> int:
        """B."""
        return len(self.lengths)

    @property
    def weight(self) -> int:
        """The number of tags."""
        return int((self.tags != NO_TAG).sum())

    def part(self, rows: slice, device: torch.device) -> "TagBatch":
        """Return some of the sentences, on a device."""
        lengths = self.lengths[rows]
        ids = self.ids[: int(lengths.max()), rows]
        return TagBatch(
            *(each.to(device) for each in (ids, lengths, self.starts[rows], self.ends[rows], self.tags[rows]))
        )

    def cut(self, length: int) -> "TagBatch":
        """Return the first tokens of each sentence; the words after them are read where it ends."""
        last = length - 1
        lengths = self.lengths.clamp(max=length)
        return TagBatch(self.ids[:length], lengths, self.starts.clamp(max=last), self.ends.clamp(max=last), self.tags)


class TagBatches(ExampleBatches[TagBatch]):
    """Batches of sentences. The arguments after `tags` are those of `ExampleBatches`."""

    def __init__(
        self,
        rows: Sequence[Row],
        tags: Sequence[Integers],
        batch_size: int,
        seed: int,
        select_rows: Callable[[int], slice] = slice,
    ) -> None:
        super().__init__([len(row.ids) for row in rows], batch_size, seed, select_rows)
        self._rows, self._tags = rows, tags

    @property
    def targets_per_step(self) -> int:
        return max(1, sum(map(len, self._tags)) // self.steps_per_epoch)

    def build(self, chosen: Integers) -> TagBatch:
        return batch_of([self._rows[index] for index in chosen], [self._tags[index] for index in chosen])


def batch_of(rows: Sequence[Row], tags: Sequence[Integers] | None = None) -> TagBatch:
    """Return rows as a batch; without tags, each word has the tag 0."""
    ids, lengths = padded([row.ids for row in rows])
    tags = tags or [np.zeros(len(row.ends), dtype=np.int64) for row in rows]
    return TagBatch(
        ids,
        lengths,
        _padded([row.starts for row in rows], 0),
        _padded([row.ends for row in rows], 0),
        _padded(tags, NO_TAG),
    )


def _padded(values: Sequence[Integers], filler: int) -> Tensor:
    result = np.full((len(values), max(1, *map(len, values))), filler, dtype=np.int64)
    for row, each in zip(result, values, strict=True):
        row[: len(each)] = each
    return torch.from_numpy(result)


def spells(config: ModelConfig) -> bool:
    """Whether a network of these settings reads the features of words. Raises ConfigError if it cannot."""
    can = config.tokenizer == "word" and not find(Embedding, config.embedding).tokens_are_columns
    if config.features == "ngrams" and not can:
        raise ConfigError(
            "the features ngrams belong to words: they need the word tokenizer and a learned embedding",
            remedy="leave_out",
            settings=["features"],
        )
    return can and config.features != "none"


def rows_of(tokenizer: Tokenizer, words: Sequence[str], *, spelled: bool = False) -> list[Row]:
    """Return a sentence as rows, each with whole words; one row unless the sentence is very long.

    spelled: a word is one token, <UNK> if it is not in the vocabulary, with the rows of its features.
    """
    if spelled:
        firsts = range(0, len(words), LONGEST_ROW)
        return [_spelled_row(tokenizer, words[first : first + LONGEST_ROW]) for first in firsts]
    gap = tokenizer.encode(" ") if tokenizer.NEEDS_SPACES else np.empty(0, dtype=np.int32)
    rows: list[Row] = []
    parts: list[Ids] = []
    starts: list[int] = []
    ends: list[int] = []
    time = 1  # after START
    for word in words:
        ids = tokenizer.encode(word)[: LONGEST_ROW // 2]
        if not len(ids):
            ids = np.array([tokenizer.UNK], dtype=np.int32)
        if parts and time + len(gap) + len(ids) > LONGEST_ROW:
            rows.append(_row(tokenizer, parts, starts, ends))
            parts, starts, ends, time = [], [], [], 1
        if parts:
            parts.append(gap)
            time += len(gap)
        parts.append(ids)
        starts.append(time)
        time += len(ids)
        ends.append(time - 1)
    return [*rows, _row(tokenizer, parts, starts, ends)] if parts else rows


def _spelled_row(tokenizer: Tokenizer, words: Sequence[str]) -> Row:
    ids = np.zeros((len(words) + 2, 1 + FEATURES), dtype=np.int32)
    ids[0, 0], ids[-1, 0] = tokenizer.START, tokenizer.EOS
    for row, word in zip(ids[1:-1], words, strict=True):
        tokens = tokenizer.encode(word)
        row[0] = tokens[0] if len(tokens) == 1 else tokenizer.UNK
        row[1:] = feature_rows(word)
    places = np.arange(1, len(words) + 1)
    return Row(ids, places, places)


def _row(tokenizer: Tokenizer, parts: Sequence[Ids], starts: Sequence[int], ends: Sequence[int]) -> Row:
    around = [np.array([each], dtype=np.int32) for each in (tokenizer.START, tokenizer.EOS)]
    return Row(np.concatenate((around[0], *parts, around[1])), np.array(starts), np.array(ends))
