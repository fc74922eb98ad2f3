"""Whether a model was trained on a text, or on a part of it.

The text is compared with the training text, which is read again. A model's folder has nothing that could tell it: what
recognizes a line would also tell others which lines a model was trained on. So if the corpus is gone or has changed,
only the whole corpus is recognized, by its SHA-256, and for any other text the answer is that it is unknown.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from charlm.checkpoints.config_file import is_corpus
from charlm.comparison.own_text import NoTextError, read_again, training_text
from charlm.comparison.shared_text import Shared, shared_text
from charlm.config import TextMode
from charlm.data.corpus import Corpus
from charlm.data.documents import AnyDocument
from charlm.data.sequences import Lines, Streams, all_sequences
from charlm.tokenizers import reads_any_bytes

_NEARLY_ALL, _SHOWN = 0.995, 0.01  # shares of a text


@dataclass(frozen=True)
class Learned:
    """Whether a model was trained on a text.

    trained_on: whether it was trained on the text or on a part of it; None if this is unknown. share: the part of the
    text that it was trained on, from 0 to 1; None if this is unknown. in_corpus: whether the text is the corpus, or a
    document of it. unknown: why `trained_on` is None, in words.
    """

    trained_on: bool | None
    share: float | None = None
    in_corpus: bool = False
    unknown: str = ""

    def in_words(self, name: str) -> str:
        """Name what the model was trained on: the text, or a part of it in percent."""
        if self.share is None or self.in_corpus or self.share > _NEARLY_ALL:
            return name
        return f"{self.share:.0%} of {name}" if self.share >= _SHOWN else f"less than {_SHOWN:.0%} of {name}"

    @classmethod
    def total(cls, parts: Sequence["Learned"], sizes: Sequence[int]) -> "Learned":
        """Return whether a model was trained on several texts of these sizes, taken as one."""
        unknown = next((part.unknown for part in parts if part.unknown), "")
        trained_on = True if any(part.trained_on for part in parts) else None if unknown else False
        shares = [part.share * size for part, size in zip(parts, sizes, strict=True) if part.share is not None]
        whole = sum(sizes)
        share = sum(shares) / whole if len(shares) == len(parts) and whole else None
        return cls(trained_on, share, all(part.in_corpus for part in parts), "" if trained_on else unknown)


def learned_from(described: Mapping[str, Any], documents: Sequence[AnyDocument]) -> list[Learned]:
    """Return for each document whether a model was trained on it, or on a part of it, as `shared_text` measures it.

    The texts of the models that this one started from count too. described: the return value of `checkpoint.describe`
    or of `checkpoint.describe_text`.
    """
    config, corpus = described["config"], described["corpus"]
    learned = _compared(corpus, documents, partial(training_text, described))
    for name, earlier in _starts(corpus):
        if all(each.trained_on for each in learned):
            break
        before = _from_start(name, earlier, config, documents)
        learned = [_either(*each) for each in zip(learned, before, strict=True)]
    return learned


def _compared(
    corpus: Mapping[str, Any],
    documents: Sequence[AnyDocument],
    training_of: Callable[[], tuple[Corpus, Streams | Lines]],
) -> list[Learned]:
    """Compare documents with a training text. training_of: returns a corpus and what of it was trained on."""
    is_whole = Corpus(tuple(documents)).fingerprint() == corpus["sha256"]
    try:
        own, training = training_of()
    except NoTextError as error:
        known = [is_whole or _sha256(document) == corpus["sha256"] for document in documents]
        return [Learned(True, in_corpus=True) if each else Learned(None, unknown=str(error)) for each in known]
    parts = {_sha256(document) for document in own.documents} | {corpus["sha256"]}
    return [
        measured(shared, is_whole or _sha256(document) in parts)
        for document, shared in zip(documents, shared_text(training, documents), strict=True)
    ]


def measured(shared: Shared, in_corpus: bool = False) -> Learned:
    """Return what is known of a text from what it shares with a training text."""
    return Learned(shared.count > 0, shared.count / shared.total if shared.total else 0.0, in_corpus)


def _starts(corpus: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the name and the corpus of each model that one started from, the last first."""
    start = corpus.get("start")
    while isinstance(start, dict):
        yield str(start.get("model")), start.get("corpus")
        start = start["corpus"].get("start") if is_corpus(start.get("corpus")) else None


def _from_start(name: str, corpus: Any, config: Mapping[str, Any], documents: Sequence[AnyDocument]) -> list[Learned]:
    """Return what is known of documents in the corpus of an earlier model, whose held-out part is not known."""
    if not is_corpus(corpus):
        return [Learned(None, unknown=f"the corpus of {name}, from which it started, is not known")] * len(documents)
    maybe = Learned(None, unknown=f"it started from {name}, whose corpus has this text, but may have held it out")
    learned = _compared(corpus, documents, partial(_whole, corpus, config))
    return [maybe if each.trained_on and not each.in_corpus else each for each in learned]


def _whole(corpus: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[Corpus, Streams | Lines]:
    """Return a corpus and all of its text."""
    own = read_again(corpus["files"], corpus["sha256"], any_bytes=reads_any_bytes(config["tokenizer"]))
    return own, all_sequences(own.documents, TextMode(config["sequence"]))


def _either(own: Learned, earlier: Learned) -> Learned:
    return own if own.trained_on or not (earlier.trained_on or earlier.unknown) else earlier


def _sha256(document: AnyDocument) -> str:
    return Corpus((document,)).fingerprint()
