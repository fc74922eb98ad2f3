"""A trained model in one report: what is shown of it, gathered; `report_page` writes it down."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charlm.analysis.held_out import NotThereError, held_out
from charlm.analysis.projection import Map, lay_out
from charlm.analysis.run_log import RunLog, read_log
from charlm.analysis.surprise import Surprise, look
from charlm.analysis.vectors import Vectors
from charlm.checkpoints.checkpoint import load_described

_ON_THE_MAP = 300  # symbols


@dataclass(frozen=True)
class Report:
    """`described`: what `charlm info` says. `text`: which was looked at, or why none was, and `surprise` is None."""

    name: str
    described: dict[str, Any]
    log: RunLog
    surprise: Surprise | None
    text: str
    map: Map | None


def gather(folder: Path, files: Sequence[str] = ()) -> Report:
    """Look at a model's folder; files: held-out text, None named is that of its run.

    Raises ModelError as `load` does, CorpusError for files that cannot be read.
    """
    (model, described), log = load_described(folder), read_log(folder)
    surprise, text = None, ""
    try:
        texts, text = held_out(described, files)
        surprise = look(model, texts)
    except NotThereError as error:
        text = f"{error}; name a held-out text: charlm report FILE"
    vectors = Vectors.of(model, "output")
    drawn = lay_out(vectors, count=_ON_THE_MAP) if vectors.learned.any() else None
    return Report(folder.resolve().name, described, log, surprise, text, drawn)
