"""Corpus → what a training run needs: sequences, tokenizer, and the ring of targets."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from charlm.config import VOCABULARY, ModelConfig, TrainConfig
from charlm.data import token_store, vocabulary
from charlm.data.corpus import Corpus, read
from charlm.data.documents import Document
from charlm.data.sequences import encode_sequences
from charlm.data.split import Split, choose_mode, hold_out, unusual_lines, with_validation
from charlm.data.vocabulary import learn
from charlm.data.windows import TokenRing, TrainingWindows
from charlm.errors import ConfigError
from charlm.files import word2vec
from charlm.nn.network import Network
from charlm.nn.probability import log_probabilities
from charlm.progress import OnProgress, PieceCounter, ignore
from charlm.registry import find, name_of
from charlm.scoring.evaluation import Evaluation, evaluate
from charlm.tokenizers import Ids, Tokenizer

Source = str | Path | Iterable[str | Path] | Corpus


Read = Callable[[Sequence[Ids]], list[NDArray[np.float64]]]  # rows of tokens → log P of each token but the first
MapRows = Callable[[Sequence[Ids], Read], list[NDArray[np.float64]]]


def _map_alone(rows: Sequence[Ids], read: Read) -> list[NDArray[np.float64]]:
    return read(rows)


@dataclass(frozen=True)
class Dataset:
    """`counts` (V,): how often each symbol is a training target. The corpus itself is not read again."""

    corpus: Corpus
    sequence: str
    why: str
    parts: Split
    tokenizer: Tokenizer
    ring: TokenRing
    counts: NDArray[np.int64]
    sha256: str  # of what is learned and what is held out
    held_out: tuple[str, ...] = ()  # files of held-out text of its own
    doubt: str = ""  # what speaks against the kind of sequence that was chosen
    vectors: word2vec.Vectors | None = None  # of the symbols, for the embedding to begin with

    @property
    def predictable(self) -> NDArray[np.bool_]:
        """(V,): all that stand for text, whether or not the training text has them, and control symbols that it has."""
        possible: NDArray[np.bool_] = self.counts > 0
        possible[len(self.tokenizer.CONTROL) :] = True
        return possible & ~self.tokenizer.line_ends() if self.sequence == "line" else possible  # they end in EOS

    def batches(self, config: TrainConfig, rows: Callable[[int], slice] = slice, processes: int = 1) -> TrainingWindows:
        """The windows of a run, of each the rows of this process. Raises ConfigError where it would have none."""
        found = TrainingWindows(
            self.ring,
            config.batch_size,
            config.seq_len,
            config.seed,
            align_to_starts=self.sequence == "line",
            line_ends=self.tokenizer.line_ends(),
            select_rows=rows,
        )
        if found.batch_size < processes:
            few = f"{processes} processes cannot share a batch of {found.batch_size}"
            mend = "a larger --batch-size" if config.batch_size < processes else "a longer corpus"
            raise ConfigError(f"{few}; start fewer, or give {mend}")
        return found

    def network(self, model: ModelConfig, device: torch.device) -> Network:
        """An untrained network for this vocabulary, from torch's random state; `model` must be resolved."""
        network = Network(model, self.tokenizer.size)
        network.set_output_statistics(*map(torch.from_numpy, (self.predictable, self.counts)))
        if self.vectors:
            network.embedding.load_vectors(*map(torch.from_numpy, self.vectors))
        return network.to(device)

    @property
    def identity(self) -> str:
        """What all processes of a run must have in common: the text, and the tokens made of it."""
        return f"{self.sha256} {json.dumps(self.tokenizer.to_json())}"

    def evaluate(self, network: Network, texts: Sequence[str], map_rows: MapRows = _map_alone) -> Evaluation:
        """What `charlm evaluate` reports of these sequences; `map_rows` may share the rows among processes."""

        def read(rows: Sequence[Ids]) -> list[NDArray[np.float64]]:
            return map_rows(rows, partial(log_probabilities, network))

        return evaluate(network, self.tokenizer, self.sequence, [texts], read=read)[0]


def with_tokenizer(model: ModelConfig, tokenizer: Tokenizer | None) -> ModelConfig:
    """A configuration that says which vocabulary was given, if one was.

    Raises ConfigError where it is for another vocabulary, or for one to be learned in a way of its own.
    """
    if tokenizer is None:
        if model.vocabulary is not None:
            raise ConfigError(
                "the plan is for a vocabulary that was given; give it again by --tokenizer-file (a model keeps it as"
                f" its tokenizer.json; SHA-256 {model.vocabulary})"
            )
        return model
    found = vocabulary.sha256(tokenizer)
    if model.vocabulary not in (None, found):
        raise ConfigError(f"the plan is for another vocabulary (SHA-256 {model.vocabulary}, this one {found})")
    defaults = ModelConfig()
    if others := [name for name in VOCABULARY if getattr(model, name) != getattr(defaults, name)]:
        options = " and ".join(f"--{name.replace('_', '-')}" for name in others)
        raise ConfigError(f"a vocabulary that is given is used as it is; leave {options} out")
    return replace(model, tokenizer=name_of(tokenizer), vocabulary=found)


def as_corpus(source: Source, on_progress: OnProgress = ignore) -> Corpus:
    """Files, or a text: a string with a newline in it is the text itself, any other names a file or a folder."""
    if isinstance(source, Corpus):
        return source
    if isinstance(source, str) and "\n" in source:
        return Corpus((Document("text", source),), ("text",))
    return read([source] if isinstance(source, str | Path) else source, on_progress)


def prepare(
    source: Source,
    model: ModelConfig,
    config: TrainConfig,
    valid: Source | None,
    on_progress: OnProgress = ignore,
    tokenizer: Tokenizer | None = None,
) -> Dataset:
    """Read, choose the kind of sequence, hold out, build the tokenizer from the training part unless given, encode.

    on_progress: called now and then where that takes time. Raises CorpusError for a corpus that cannot be trained on,
    SaveError where the ids of one that is larger than memory find no room on disk.
    """
    find(Tokenizer, model.tokenizer).check(model)  # before a long corpus is read
    if config.freeze_embedding and model.tie_weights:
        raise ConfigError(
            "a tied table is also the readout's, which has to learn; leave freeze-embedding or tie-weights out"
        )
    corpus = as_corpus(source, on_progress)
    documents = corpus.documents
    sequence, why = (model.sequence, "as asked") if model.sequence != "auto" else choose_mode(documents)
    doubt = unusual_lines(documents) if model.sequence == "auto" and sequence == "stream" else ""
    held_out: tuple[str, ...] = ()
    if valid is None:
        parts = hold_out(documents, sequence, config.valid_fraction)
    else:
        held = as_corpus(valid, on_progress)
        held_out = held.names
        corpus = replace(corpus, notes=corpus.notes + held.notes)
        parts = with_validation(documents, held.documents, sequence)
    # One document has no end to learn: what follows its training part is more of it.
    close = sequence == "line" or len(documents) > 1
    tokenizer = tokenizer or learn(parts.train, model, on_progress)
    corpus.fingerprint()  # kept there
    sha256 = _fingerprint(parts, on_progress)
    numbered = encode_sequences(tokenizer, parts.train, close=close, on_progress=on_progress)
    if corpus.large:
        key = json.dumps([sha256, sequence, close, model.tokenizer, tokenizer.to_json()])
        shown = {"corpus": corpus.names, "tokenizer": model.tokenizer, "characters": parts.train.characters}
        stored = token_store.store_on_disk(numbered, tokenizer.size, key, shown)
    else:
        stored = token_store.store_in_memory(numbered, tokenizer.size)
    return Dataset(
        corpus, sequence, why, parts, tokenizer, *stored, sha256, held_out, doubt, _vectors(tokenizer, model, config)
    )


def _vectors(tokenizer: Tokenizer, model: ModelConfig, config: TrainConfig) -> word2vec.Vectors | None:
    """What the file that was named has of the symbols. Raises ConfigError where its vectors do not fit the model."""
    if config.embedding_file is None:
        return None
    found = word2vec.read(Path(config.embedding_file), tokenizer.token_texts(range(tokenizer.size)))
    width = found.matrix.shape[1]
    if model.embedding_size not in (None, width):
        wide = f"{config.embedding_file} has vectors of {width:,} numbers"
        raise ConfigError(f"{wide}, and embedding-size is {model.embedding_size:,}; leave the size out")
    if not found.known.any():
        raise ConfigError(
            f"{config.embedding_file} has a vector for none of the {tokenizer.size:,} symbols of the corpus"
        )
    return found


def _fingerprint(parts: Split, on_progress: OnProgress) -> str:
    """Of every sequence its text in UTF-8 and a zero byte; between those learned and those held out, one more."""
    digest = hashlib.sha256()
    lines, counter = parts.sequence == "line", PieceCounter("checking", parts.train.characters, on_progress)
    for group in parts.train.groups():
        for piece in counter.count(group):
            text = piece.replace("\n", "\0") if lines else piece
            digest.update(text.encode("utf-8", "surrogatepass"))
        digest.update(b"" if lines else b"\0")
    for text in ("", *parts.valid):
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()
