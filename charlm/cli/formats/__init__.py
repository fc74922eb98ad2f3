"""Contract of a score format: a writer of scores, chosen by `charlm score --format`.

A format is one file here. With the class variable `flag` it also has an option of its own name, such as `--tsv`. Its
fields are options too, and giving one of them chooses the format.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, cast

from charlm.scoring.adapting import in_words
from charlm.scoring.measure import NATS, Base
from charlm.scoring.score import Score, ScoreConfig
from charlm.scoring.summary import Logarithms
from charlm.scoring.units import TOKEN, Unit
from charlm.settings import check_choice
from charlm.tokenizers import Tokenizer

PACKAGE = "cli.formats"
ONE_TOKENIZATION = "for one tokenization of the text: a lower bound on its probability"


class Request(NamedTuple):
    """Options of `charlm score` that a format may refuse; None means not given."""

    base: str | None
    unit: str | None
    unknown: str
    full: bool


class ScoreWriter(ABC):
    """Writer of scores to stdout. `begin` is called once, `add` for each score in order, `end` once."""

    order: ClassVar[int] = 90  # lower orders are listed first in the help
    flag: ClassVar[str]  # help of the option that chooses the format
    base: ClassVar[Base | None] = None  # base of all logarithms; None leaves it to --base
    by_line: ClassVar[bool] = False  # whether each line is a text of its own, in stream mode too
    model = ""  # name of the model that scores; set before `begin`
    has_counts = False  # whether scores have the weight and the share of counts; set before `begin`
    of_files: Mapping[str, Any] = {}  # values of the files that are scored, for JSON; set before `begin`

    def check(self, request: Request) -> None:  # noqa: B027
        """Raise ConfigError for an option that the format cannot honor."""

    def unit(self, tokenizer: Tokenizer) -> Unit:
        """Return the unit to score if --unit is not given."""
        return TOKEN

    def alternatives(self, *, tokens: bool, full: bool) -> int | None:
        """Return `ScoreConfig.alternatives` for the format. `tokens`: whether each unit is one token."""
        return 0 if full else None

    def prepare(self, text: str) -> str:
        """Return the text to score."""
        return text

    def note(self, convention: str, *, one_tokenization: bool) -> str:
        """Return what to print on stderr because the format does not say it; an empty string for nothing."""
        return ""

    def begin(self, logarithms: Logarithms, convention: str) -> None:
        """Prepare to write. `convention` says in words how the texts are scored."""
        self._logarithms, self._convention = logarithms, convention

    @abstractmethod
    def add(self, score: Score) -> None:
        """Write a score, or keep it for `end`."""

    def end(self) -> None:  # noqa: B027
        """Write what follows the last score."""


def logarithms(base: str | None) -> Logarithms:
    """Return the logarithms of a base; None means nats and bits. Raises ConfigError for an unknown base."""
    if base is None:
        return Logarithms()
    check_choice("base", base, NATS)
    checked = cast(Base, base)
    return Logarithms(checked, checked)


def in_sentence(config: ScoreConfig, units: Logarithms, *, one_tokenization: bool, methods: Sequence[str]) -> str:
    """Return how the texts were scored, in words.

    one_tokenization: whether other tokens could spell the same text. methods: the adaptations.
    """
    context = f"the context {config.context!r}" if config.context else ""
    if config.bos:
        given = f"after the start token and {context}" if context else "from the start of the text"
    else:
        given = f"after {context}" if context else "after the first token, which is context"
    clauses = [
        f"scored per {config.unit} {given}",
        f"end {'included' if config.eos else 'not included'}",
        f"log-probability in {units.names[0]}, surprisal in {units.names[1]}",
    ]
    if one_tokenization:
        clauses.append(ONE_TOKENIZATION)
    if methods:
        clauses.append(in_words(methods))
    return "; ".join(clauses)
