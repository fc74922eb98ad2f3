"""The models that another one started from, as its config.json describes them."""

from collections.abc import Iterator
from typing import Any

from charlm.wording import plural


def in_words(origin: Any) -> str:
    """Return the name, the SHA-256 and the corpus of each model, the last first; "" for values of another kind."""
    return "; it started from ".join(_each(origin))


def _each(origin: Any) -> Iterator[str]:
    while isinstance(origin, dict) and isinstance(origin.get("model"), str):
        words, corpus = f"{origin['model']}, SHA-256 {origin.get('sha256')}", origin.get("corpus")
        if not isinstance(corpus, dict) or not isinstance(corpus.get("files"), list):
            yield words
            return
        characters = corpus.get("characters")
        extent = f": {plural(characters, 'character')}" if type(characters) is int else ""
        yield f"{words}, trained on {', '.join(map(str, corpus['files']))}{extent}"
        origin = corpus.get("start")
