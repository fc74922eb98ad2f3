"""Read a corpus, and prepare it: choose its text mode, hold out a part, learn a vocabulary, and encode the rest."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from charlm.config import ModelConfig, TextMode, TrainConfig
from charlm.data import token_store, vocabulary
from charlm.data.corpus import Corpus
from charlm.data.sequences import all_sequences, encode_sequences
from charlm.data.sources import Source, as_corpus, check_inputs
from charlm.data.split import Split, choose_mode, hold_out, unusual_lines, with_validation
from charlm.data.vectors import read_vectors
from charlm.errors import CorpusError
from charlm.language_model import LanguageModel
from charlm.model import Model
from charlm.progress import OnProgress, PieceCounter, ignore
from charlm.tasks.text.counting import count_settings, counted
from charlm.tasks.text.dataset import TextDataset
from charlm.tasks.text.known_text import check_held_out, check_training
from charlm.tokenizers import Tokenizer, reads_any_bytes


@dataclass(frozen=True)
class TextSource:
    """A corpus that was read, and a separate text to validate on, if there is one."""

    corpus: Corpus
    valid: Corpus | None

    def check_same(self, model: Model, described: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
        assert isinstance(model, LanguageModel)
        files, held_out = described["files"], described["held_out"]
        if self.corpus.fingerprint() != described["sha256"]:
            other = f"the text is not the one that {model.name} was trained on ({', '.join(files)})"
            raise CorpusError(other, remedy="continue_same_text")
        if self.valid is None and not held_out:
            return
        separate = self.valid if held_out else None
        characters = all_sequences(separate.documents, model.mode).characters if separate else None
        if characters is None or characters != (figures.get("characters") or characters):
            where = ", ".join(held_out) or "a part of the corpus"
            other = f"the held-out text is not the one that {model.name} was validated on ({where})"
            raise CorpusError(other, remedy="continue_same_valid" if held_out else "continue_no_valid")


def read(
    source: Source,
    valid: Source | None,
    model: ModelConfig,
    tokenizer: Tokenizer | None = None,
    on_progress: OnProgress = ignore,
) -> TextSource:
    """Read a corpus, and a separate text to validate on if there is one. Raises CorpusError."""
    any_bytes = tokenizer.READS_ANY_BYTES if tokenizer else reads_any_bytes(model.tokenizer)
    corpus = as_corpus(source, on_progress, any_bytes=any_bytes)
    if valid is None:
        return TextSource(corpus, None)
    held_out = as_corpus(valid, on_progress, any_bytes=any_bytes)
    return TextSource(replace(corpus, notes=corpus.notes + held_out.notes), held_out)


def prepare(
    source: Source,
    model: ModelConfig,
    config: TrainConfig,
    valid: Source | None = None,
    on_progress: OnProgress = ignore,
    tokenizer: Tokenizer | None = None,
) -> TextDataset:
    """Read a corpus and prepare it, as `prepared` does.

    Raises ConfigError for settings that exclude each other, before a long corpus is read.
    """
    check_inputs(source, model, config, valid)
    return prepared(read(source, valid, model, tokenizer, on_progress), model, config, tokenizer, on_progress)


def prepared(
    source: TextSource,
    model: ModelConfig,
    config: TrainConfig,
    tokenizer: Tokenizer | None = None,
    on_progress: OnProgress = ignore,
) -> TextDataset:
    """Choose the text mode of a corpus, hold out a part, and encode the rest.

    The vocabulary is learned from the training part unless `tokenizer` is given. Raises CorpusError for a corpus that
    cannot be trained on, and SaveError if the ids of a large corpus do not fit on the disk.
    """
    corpus, valid = source.corpus, source.valid
    mode, reason, doubt = _text_mode(corpus, model)
    if valid:
        split = with_validation(corpus.documents, valid.documents, mode)
    else:
        split = hold_out(corpus.documents, mode, config.valid_fraction)
    tokenizer = tokenizer or vocabulary.learn(split.train, model, on_progress)
    held_out_unknown = check_held_out(split, tokenizer, model, separate=valid is not None)
    corpus.fingerprint()  # reads the text for the last time; the corpus keeps the result for `describe`
    sha256 = _fingerprint(split, on_progress)
    ring, counts, entry = _encode(corpus, split, model, tokenizer, sha256, on_progress)
    check_training(counts, model)
    dataset = TextDataset(
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
        valid_files=valid.names if valid else (),
        vectors=read_vectors(tokenizer, model, config),
    )
    settings = count_settings(model, config, len(ring.targets))
    if settings is None:
        return dataset
    beside = counted(dataset, settings, model.ngram_guesses, entry, on_progress)
    return replace(dataset, counted=beside, ring=ring._replace(mappings=ring.mappings + beside.mappings))


def _text_mode(corpus: Corpus, model: ModelConfig) -> tuple[TextMode, str, str]:
    """Return the mode, the reason, and the lines that speak against stream mode, or ""."""
    if model.sequence != "auto":
        return TextMode(model.sequence), "as asked", ""
    mode, reason = choose_mode(corpus.documents)
    return mode, reason, unusual_lines(corpus.documents) if mode == TextMode.STREAM else ""


def _encode(
    corpus: Corpus, split: Split, model: ModelConfig, tokenizer: Tokenizer, sha256: str, on_progress: OnProgress
) -> token_store.StoredTokens:
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
