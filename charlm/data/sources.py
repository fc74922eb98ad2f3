"""What a run is given: data, as paths or as a text itself, and settings that fit each other."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeGuard

from charlm.config import ModelConfig, TrainConfig
from charlm.data.corpus import Corpus, read, require_files
from charlm.data.documents import Document
from charlm.errors import ConfigError
from charlm.files import word2vec
from charlm.progress import OnProgress, ignore
from charlm.registry import find
from charlm.tokenizers import Tokenizer

Source = str | Path | Iterable[str | Path] | Corpus


def is_text(source: object) -> TypeGuard[str]:
    """Whether a source is a text itself, and not a path."""
    return isinstance(source, str) and "\n" in source


def check_inputs(source: object, model: ModelConfig, config: TrainConfig, valid: object) -> None:
    """Raise ConfigError for settings that exclude each other, CorpusNotFoundError for a file that does not exist."""
    find(Tokenizer, model.tokenizer).check(model)
    if config.freeze_embedding and model.tie_weights:
        tied = "freeze_embedding does not work with tie_weights: the table is also the readout's, which has to learn"
        raise ConfigError(tied, remedy="freeze_or_tie")
    for given in (source, valid):
        if isinstance(given, str | Path) and not is_text(given):
            require_files([given])
        elif isinstance(given, Sequence) and not isinstance(given, str):
            require_files(given)
            _check_different(given)
    if config.embedding_file is not None:
        word2vec.require(Path(config.embedding_file))


def _check_different(paths: Sequence[str | Path]) -> None:
    """Raise ConfigError if two paths are of the same file, which would be learned twice."""
    known: dict[tuple[int, int], str | Path] = {}
    for path in paths:
        if Path(path).is_file():
            status = Path(path).stat()
            key = (status.st_dev, status.st_ino)
            if key in known:
                first = known[key]
                again = f"{path} is given twice" if str(first) == str(path) else f"{path} is the same file as {first}"
                raise ConfigError(f"{again}; name it once")
            known[key] = path


def as_corpus(source: Source, on_progress: OnProgress = ignore, *, any_bytes: bool = False) -> Corpus:
    """Read files and folders. A string that contains a newline is a text itself, any other string is a path."""
    if isinstance(source, Corpus):
        return source
    if is_text(source):
        return Corpus((Document("text", source),), ("text",))
    return read([source] if isinstance(source, str | Path) else source, on_progress, any_bytes=any_bytes)
