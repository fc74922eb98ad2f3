"""The contents of a report on a trained model; `pages.report_page` lays them out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charlm.analysis.held_out import held_out
from charlm.analysis.projection import Map, make_map
from charlm.analysis.run_log import RunLog, read_log
from charlm.analysis.surprisal import Surprisal, analyze_surprisal
from charlm.analysis.vectors import Vectors
from charlm.checkpoints.checkpoint import expect, load_described
from charlm.comparison.own_text import NoTextError
from charlm.data.corpus import Corpus
from charlm.language_model import LanguageModel

_TOKENS_ON_MAP = 300


@dataclass(frozen=True)
class Report:
    """Everything that the page shows.

    `described` is what `charlm info` prints. `text` names the text that was read; if there is none, `surprisal` is None
    and `text` says why.
    """

    name: str
    described: dict[str, Any]
    log: RunLog
    surprisal: Surprisal | None
    text: str
    map: Map | None


def gather(folder: Path, corpus: Corpus | None = None) -> Report:
    """Analyze a model's folder; `corpus` is held-out text, by default that of the run.

    Raises ModelError as `load` does.
    """
    loaded, described = load_described(folder)
    model, log = expect(loaded, LanguageModel), read_log(folder)
    surprisal, text = None, ""
    try:
        texts, text = held_out(described, corpus)
        surprisal = analyze_surprisal(model, texts)
    except NoTextError as error:
        text = str(error)
    return Report(folder.resolve().name, described, log, surprisal, text, _map(model))


def _map(model: LanguageModel) -> Map | None:
    if model.counts_alone:
        return None
    vectors = Vectors.of(model, "output")
    return make_map(vectors, count=_TOKENS_ON_MAP) if vectors.learned.any() else None
