"""The model that another one started from, as its config.json describes it."""

from typing import Any

from charlm.wording import plural


def in_words(origin: Any) -> str:
    """Return its name, its SHA-256, and its corpus; "" for values that do not describe a model."""
    if not isinstance(origin, dict) or not isinstance(origin.get("model"), str):
        return ""
    words = f"{origin['model']}, SHA-256 {origin.get('sha256')}"
    corpus = origin.get("corpus")
    if not isinstance(corpus, dict) or not isinstance(corpus.get("files"), list):
        return words
    characters = corpus.get("characters")
    extent = f": {plural(characters, 'character')}" if type(characters) is int else ""
    words += f", trained on {', '.join(map(str, corpus['files']))}{extent}"
    before = in_words(corpus.get("start"))
    return f"{words}; it started from {before}" if before else words
