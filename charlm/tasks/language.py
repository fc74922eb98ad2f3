"""The task of a language model: a corpus becomes a dataset, which knows its windows, its network and its evaluation."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from charlm.config import ModelConfig, TextMode, TrainConfig
from charlm.data import token_store, vocabulary
from charlm.data.corpus import Corpus, read
from charlm.data.documents import Document
from charlm.data.sequences import encode_sequences
from charlm.data.split import Split, choose_mode, hold_out, unusual_lines, with_validation
from charlm.data.windows import TokenRing, TrainingWindows
from charlm.errors import ConfigError, ModelError
from charlm.files import word2vec
from charlm.language_model import LanguageModel
from charlm.nn.network import Network
from charlm.nn.probability import log_probabilities
from charlm.nn.random_numbers import Seeded
from charlm.progress import OnProgress, PieceCounter, ignore
from charlm.scoring.evaluation import Evaluation, evaluate
from charlm.tasks import DataWarning
from charlm.tasks.given import check_inputs, is_text, read_vectors
from charlm.tasks.known_text import check_held_out, check_training
from charlm.tokenizers import Ids, Tokenizer, reads_any_bytes
from charlm.wording import plural

PREVIEW_TEMPERATURE = 0.8
_PREVIEWS, _PREVIEW_LENGTH = 3, 200  # number of samples, and tokens of each at most
_FEW_PER_TOKEN = 100  # tokens of the corpus for each token of the vocabulary
_RARE = 5  # occurrences, or fewer
_MANY_RARE = 0.2  # share of the vocabulary

Source = str | Path | Iterable[str | Path] | Corpus
# Rows of ids → log P of each token but the first.
ReadRows = Callable[[Sequence[Ids]], list[NDArray[np.float64]]]
MapRows = Callable[[Sequence[Ids], ReadRows], list[NDArray[np.float64]]]


def _map_alone(rows: Sequence[Ids], read: ReadRows) -> list[NDArray[np.float64]]:
    return read(rows)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A corpus made ready for training. Its text is not read again."""

    corpus: Corpus
    mode: TextMode
    mode_reason: str  # why it is read in that mode, in words
    mode_doubt: str = ""  # the few lines that speak against that mode, in words
    split: Split
    tokenizer: Tokenizer
    ring: TokenRing
    counts: NDArray[np.int64]  # (V,): how often each token is a training target
    sha256: str  # of the training part and the held-out part
    held_out_unknown: int = 0  # characters of the held-out part that the tokenizer does not know
    valid_files: tuple[str, ...] = ()  # the files of a separate held-out text
    vectors: word2vec.Vectors | None = None  # the embedding's initial vectors

    @property
    def identity(self) -> str:
        """The text and the vocabulary, which all processes of a run must have in common."""
        return f"{self.sha256} {json.dumps(self.tokenizer.to_json())}"

    @property
    def allowed_tokens(self) -> NDArray[np.bool_]:
        """(V,): whether the model may predict a token: every token with text, and the control tokens that occur."""
        possible: NDArray[np.bool_] = self.counts > 0
        possible[len(self.tokenizer.CONTROL) :] = True
        # A line ends with EOS, so no token that contains a line end can follow.
        return possible & ~self.tokenizer.line_ends() if self.mode == TextMode.LINE else possible

    @property
    def characters(self) -> int:
        """Characters of the corpus as it is read: in line mode, each line has one for its end, the last line too."""
        held_out = self.split.held_out and not self.valid_files
        return self.split.train.characters + (self.split.characters(self.split.valid) if held_out else 0)

    @property
    def characters_per_token(self) -> float:
        """Mean characters of a training target."""
        return self.split.characters(self.split.train) / len(self.ring.targets)

    def describe(self) -> dict[str, Any]:
        """Describe the corpus for `config.json`, without any of its text."""
        split = self.split
        return {
            "files": list(self.corpus.names),
            "held_out": list(self.valid_files),
            "characters": self.characters,
            "sequences": len(split.train) + (len(split.valid) if split.held_out else 0),
            "sha256": self.corpus.fingerprint(),
        }

    def complete(self, model: ModelConfig) -> ModelConfig:
        """Fill in what the corpus and the vector file decide: the text mode, and the width of the embedding."""
        if self.vectors:
            model = replace(model, embedding_size=self.vectors.matrix.shape[1])
        return replace(model, sequence=self.mode.value)

    def windows(self, config: TrainConfig, rows: Callable[[int], slice] = slice, processes: int = 1) -> TrainingWindows:
        """Return the windows of a run, with the rows that `rows` selects for this process.

        Raises ConfigError if there are fewer rows than processes.
        """
        windows = TrainingWindows(
            self.ring,
            config.batch_size,
            config.seq_len,
            config.seed,
            align_to_starts=self.mode == TextMode.LINE,
            line_ends=self.tokenizer.line_ends(),
            select_rows=rows,
        )
        if windows.batch_size < processes:
            few = f"{processes} processes cannot share a batch of {windows.batch_size}"
            if config.batch_size < processes:
                raise ConfigError(few, remedy="larger_batch")
            raise ConfigError(few, remedy="longer_corpus")
        return windows

    def network(self, model: ModelConfig, device: torch.device, seed: int) -> Network:
        """Build an untrained network for this vocabulary; `model` must be resolved."""
        with Seeded(seed):
            network = Network(model, self.tokenizer.size)
        network.set_output_statistics(*map(torch.from_numpy, (self.allowed_tokens, self.counts)))
        if self.vectors:
            network.embedding.load_vectors(*map(torch.from_numpy, self.vectors[:2]))
        return network.to(device)

    def evaluate(self, network: Network, texts: Sequence[str], map_rows: MapRows = _map_alone) -> Evaluation:
        """Evaluate these sequences as `charlm evaluate` does; `map_rows` may share the rows among processes."""

        def read(rows: Sequence[Ids]) -> list[NDArray[np.float64]]:
            return map_rows(rows, partial(log_probabilities, network))

        return evaluate(network, self.tokenizer, self.mode, [texts], read=read)[0]

    def previews(self, model: ModelConfig, network: Network, seed: int) -> tuple[str, ...]:
        """Sample from the empty prompt, always with the same random numbers; return () if an output is not finite."""
        language_model = LanguageModel(model, self.tokenizer, network.eval())
        try:
            samples = language_model.sample(
                count=_PREVIEWS, length=_PREVIEW_LENGTH, temperature=PREVIEW_TEMPERATURE, seed=seed
            )
        except ModelError:
            return ()
        return tuple(sample.text for sample in samples)

    def warnings(self) -> Iterator[DataWarning]:
        """Yield what the corpus cannot teach, so that it is known before the time is spent."""
        # A byte that only spells other characters may be missing from the corpus.
        needed = (self.counts > 0) | ~self.tokenizer.fallback_tokens()
        needed[: len(self.tokenizer.CONTROL)] = False
        counts = self.counts[needed]
        tokens, total = len(counts), int(counts.sum())
        if total < _FEW_PER_TOKEN * tokens:
            mean = f"each of the {tokens:,} tokens occurs {total / tokens:.0f} times on average"
            yield DataWarning(f"the text is small for its vocabulary: {mean}")
        rare = int((counts <= _RARE).sum())
        if rare > _MANY_RARE * tokens:
            few = f"{rare:,} of {tokens:,} tokens occur {_RARE} times or fewer, too rarely to learn"
            smaller = "vocab_size" in self.tokenizer.SETTINGS
            yield DataWarning(few, remedy="smaller_vocabulary") if smaller else DataWarning(few)
        if unknown := int(self.counts[self.tokenizer.UNK]):
            share = unknown / self.counts.sum()
            yield DataWarning(f"{unknown:,} tokens to learn ({share:.2%}) are <UNK>: the vocabulary lacks them")
        if unknown := self.held_out_unknown:
            characters = sum(map(len, self.split.valid))
            share = f"{unknown:,} of the {characters:,} characters held out ({unknown / characters:.2%})"
            yield DataWarning(f"{share} are unknown to the model; validation leaves them out")
        if self.vectors and self.vectors.not_utf8:
            skipped = plural(self.vectors.not_utf8, "vector")
            yield DataWarning(f"{skipped} of the vector file not used, because the token is not UTF-8")
        if self.mode_doubt:
            because = f"the corpus is read as running text because of {self.mode_doubt}"
            yield DataWarning(because, remedy="line_mode")


def prepare(
    source: Source,
    model: ModelConfig,
    config: TrainConfig,
    valid: Source | None,
    on_progress: OnProgress = ignore,
    tokenizer: Tokenizer | None = None,
) -> Dataset:
    """Read a corpus, choose its text mode, hold out a part, and encode the rest.

    The vocabulary is learned from the training part unless `tokenizer` is given. Raises ConfigError for settings that
    exclude each other, CorpusError for a corpus that cannot be trained on, and SaveError if the ids of a large corpus
    do not fit on the disk.
    """
    check_inputs(source, model, config, valid)  # before a long corpus is read
    any_bytes = tokenizer.READS_ANY_BYTES if tokenizer else reads_any_bytes(model.tokenizer)
    corpus = as_corpus(source, on_progress, any_bytes=any_bytes)
    mode, reason, doubt = _text_mode(corpus, model)
    split, valid_corpus = _hold_out(corpus, mode, config, valid, on_progress, any_bytes=any_bytes)
    if valid_corpus:
        corpus = replace(corpus, notes=corpus.notes + valid_corpus.notes)
    tokenizer = tokenizer or vocabulary.learn(split.train, model, on_progress)
    held_out_unknown = check_held_out(split, tokenizer, model, separate=valid_corpus is not None)
    corpus.fingerprint()  # reads the text for the last time; the corpus keeps the result for `describe`
    sha256 = _fingerprint(split, on_progress)
    ring, counts = _encode(corpus, split, model, tokenizer, sha256, on_progress)
    check_training(counts, model)
    return Dataset(
        corpus=corpus,
        mode=mode,
        mode_reason=reason,
        mode_doubt=doubt,
        split=split,
        tokenizer=tokenizer,
        ring=ring,
        counts=counts,
        sha256=sha256,
        held_out_unknown=held_out_unknown,
        valid_files=valid_corpus.names if valid_corpus else (),
        vectors=read_vectors(tokenizer, model, config),
    )


def as_corpus(source: Source, on_progress: OnProgress = ignore, *, any_bytes: bool = False) -> Corpus:
    """Read files and folders. A string that contains a newline is a text itself, any other string is a path."""
    if isinstance(source, Corpus):
        return source
    if is_text(source):
        return Corpus((Document("text", source),), ("text",))
    return read([source] if isinstance(source, str | Path) else source, on_progress, any_bytes=any_bytes)


def _text_mode(corpus: Corpus, model: ModelConfig) -> tuple[TextMode, str, str]:
    """Return the mode, the reason, and the lines that speak against stream mode, or ""."""
    if model.sequence != "auto":
        return TextMode(model.sequence), "as asked", ""
    mode, reason = choose_mode(corpus.documents)
    return mode, reason, unusual_lines(corpus.documents) if mode == TextMode.STREAM else ""


def _hold_out(
    corpus: Corpus,
    mode: TextMode,
    config: TrainConfig,
    valid: Source | None,
    on_progress: OnProgress,
    *,
    any_bytes: bool,
) -> tuple[Split, Corpus | None]:
    """Return the training part and the held-out part, and the corpus of a separate held-out text."""
    if valid is None:
        return hold_out(corpus.documents, mode, config.valid_fraction), None
    valid_corpus = as_corpus(valid, on_progress, any_bytes=any_bytes)
    return with_validation(corpus.documents, valid_corpus.documents, mode), valid_corpus


def _encode(
    corpus: Corpus, split: Split, model: ModelConfig, tokenizer: Tokenizer, sha256: str, on_progress: OnProgress
) -> tuple[TokenRing, NDArray[np.int64]]:
    """Encode the training part; the ids of a corpus larger than memory go to the cache on disk."""
    # The end of a single document is not learned: the held-out part continues it.
    close = split.mode == TextMode.LINE or len(corpus.documents) > 1
    pieces = encode_sequences(tokenizer, split.train, close=close, on_progress=on_progress)
    if not corpus.large:
        return token_store.store_in_memory(pieces, tokenizer.size)
    key = json.dumps([sha256, split.mode, close, model.tokenizer, tokenizer.to_json()])
    about = {"corpus": corpus.names, "tokenizer": model.tokenizer, "characters": split.train.characters}
    return token_store.store_on_disk(pieces, tokenizer.size, key, about)


def _fingerprint(split: Split, on_progress: OnProgress) -> str:
    """Return the SHA-256 of all sequences: each as UTF-8 and a zero byte, with one more zero byte between the parts."""
    digest = hashlib.sha256()
    lines, counter = split.mode == TextMode.LINE, PieceCounter("checking", split.train.characters, on_progress)
    for group in split.train.groups():
        for piece in counter.count(group):
            text = piece.replace("\n", "\0") if lines else piece
            digest.update(text.encode("utf-8", "surrogatepass"))
        digest.update(b"" if lines else b"\0")
    for text in ("", *split.valid):
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()
