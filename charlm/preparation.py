"""Corpus → what a training run needs: sequences, tokenizer, and the ring of targets."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from charlm.batches import Batches, Ring, ring
from charlm.config import ModelConfig, TrainConfig
from charlm.corpus import Corpus, Document, read
from charlm.discover import find
from charlm.evaluation import Evaluation, evaluate
from charlm.network import Network
from charlm.sequences import Split, checked, choose, crlf_lines, odd_lines, split, whole
from charlm.tokenizers import Tokenizer

Source = str | Path | Iterable[str | Path] | Corpus


@dataclass(frozen=True)
class Prepared:
    """`predictable` (V,): the symbols that are a training target somewhere."""

    corpus: Corpus
    sequence: str
    why: str
    parts: Split
    tokenizer: Tokenizer
    ring: Ring
    predictable: NDArray[np.bool_]
    held_out: tuple[str, ...] = ()  # files of held-out text of its own
    doubt: str = ""  # what speaks against the kind of sequence that was chosen

    def batches(self, config: TrainConfig) -> Batches:
        """The windows of a run."""
        return Batches(
            self.ring,
            config.batch_size,
            config.seq_len,
            config.seed,
            whole=self.sequence == "line",
            line_ends=self.tokenizer.line_ends(),
        )

    def network(self, model: ModelConfig, device: torch.device) -> Network:
        """An untrained network for this vocabulary, from torch's random state; `model` must be resolved."""
        network = Network(model, self.tokenizer.size)
        network.predictable.copy_(torch.from_numpy(self.predictable))
        return network.to(device)

    def fingerprint(self) -> str:
        """SHA-256 of what is learned and what is held out."""
        digest = hashlib.sha256()
        for text in (*self.parts.train, "", *self.parts.valid):
            digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
        return digest.hexdigest()

    def evaluate(self, network: Network, texts: Sequence[str]) -> Evaluation:
        """What `charlm evaluate` says of these sequences."""
        return Evaluation.total(evaluate(network, self.tokenizer, self.sequence, texts))


def as_corpus(source: Source) -> Corpus:
    """Files, or a text: a string with a newline in it is the text itself, any other names a file or a folder."""
    if isinstance(source, Corpus):
        return source
    if isinstance(source, str) and "\n" in source:
        return Corpus((Document("text", source),), ("text",))
    return read([source] if isinstance(source, str | Path) else source)


def prepare(source: Source, model: ModelConfig, config: TrainConfig, valid: Source | None) -> Prepared:
    """Read, choose the kind of sequence, hold out, build the tokenizer from the training part, encode.

    Raises CorpusError for a corpus that cannot be trained on.
    """
    kind = find(Tokenizer, model.tokenizer)
    corpus = as_corpus(source)
    documents = corpus.documents
    sequence, why = (model.sequence, "as asked") if model.sequence != "auto" else choose(documents)
    doubt = odd_lines(documents) if model.sequence == "auto" and sequence == "stream" else ""
    held_out: tuple[str, ...] = ()
    if valid is None:
        parts = split(documents, sequence, config.valid_fraction)
    else:
        held = as_corpus(valid)
        held_out = held.names
        corpus = replace(corpus, notes=corpus.notes + held.notes)
        crlf = crlf_lines(documents, sequence)
        parts = checked(_all(documents, sequence), _all(held.documents, sequence), sequence, crlf)
    tokenizer = kind.train(parts.train)
    # One document has no end to learn: what follows its training part is more of it.
    close = sequence == "line" or len(documents) > 1
    laid = ring([tokenizer.encode(text) for text in parts.train], close=close)
    predictable = np.bincount(laid.targets, minlength=tokenizer.size) > 0
    return Prepared(corpus, sequence, why, parts, tokenizer, laid, predictable, held_out, doubt)


def _all(documents: Sequence[Document], sequence: str) -> list[str]:
    return [text for document in documents for text in whole(document.text, sequence)]
