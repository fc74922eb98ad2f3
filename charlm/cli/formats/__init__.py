"""The forms in which scores can be written, and what is asked of the model and said of it for each."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from charlm import kenlm
from charlm.cli.formats.figures import Logarithms
from charlm.cli.formats.heat import Heat
from charlm.cli.formats.query import Query
from charlm.cli.formats.rows import Json, Tsv
from charlm.cli.formats.table import Table
from charlm.cli.output import write
from charlm.config import check_choice
from charlm.files.atomic import write_atomic
from charlm.pages.heat_page import page
from charlm.scoring.adapting import in_words
from charlm.scoring.measure import NATS, Base
from charlm.scoring.score import Convention

if TYPE_CHECKING:
    from charlm.scoring.score import Score

sentence = kenlm.sentence
ONE_WAY = "of one way to cut the text into tokens: its probability is no lower"
_ON_HOVER = 5  # likeliest symbols shown for each token of a page


class Form(Protocol):
    """It takes the scores one by one, in order, and is told when there are no more."""

    def add(self, found: "Score") -> None: ...

    def end(self) -> None: ...


class Page:
    """A page written when all scores are there; its name goes to stdout."""

    def __init__(self, file: str, convention: str) -> None:
        self._file, self._convention = file, convention
        self._scores: list[Score] = []

    def add(self, found: "Score") -> None:
        self._scores.append(found)

    def end(self) -> None:
        html = page(self._scores, self._convention)
        write_atomic(Path(self._file), html.encode(errors="backslashreplace"))
        write(f"{self._file}\n")


def form(name: str, logarithms: Logarithms, convention: str, html: str | None) -> Form:
    """The form of that name; `html` is the file of a page."""
    match name:
        case "json":
            return Json(logarithms)
        case "tsv":
            return Tsv(logarithms)
        case "kenlm":
            return Query()
        case "heat":
            return Heat(logarithms, convention)
        case "html" if html is not None:
            return Page(html, convention)
    return Table(logarithms, convention)


def logarithms(base: str | None) -> Logarithms:
    """Raises ConfigError for a base that there is not."""
    if base is None:
        return Logarithms()
    check_choice("base", base, NATS)
    given = cast(Base, base)
    return Logarithms(given, given)


def alternatives(name: str, tokens: bool, full: bool) -> int | None:
    """What a form asks for beside the probabilities, of tokens: `Convention` says what the number means."""
    if name in ("tsv", "html") and not tokens:
        return None  # a word has no rank
    if name == "html":
        return _ON_HOVER
    return 0 if full or name == "tsv" else None


def words(how: Convention, base: str | None, ambiguous: bool, ways: Sequence[str] = ()) -> str:
    """How the texts were scored, in a sentence.

    ambiguous: other tokens could spell the same text. ways: how the model adapted.
    """
    told = logarithms(base).names
    before = ["the start"] * how.bos + [f"the text {how.context!r}"] * bool(how.context)
    given = f"after {' and '.join(before)}" if before else "the first as context, not scored"
    return (
        f"scored by {how.unit}, {given}; the end {'' if how.eos else 'not '}scored;"
        f" log-probability in {told[0]}, surprisal in {told[1]}{f'; {ONE_WAY}' * ambiguous}"
        f"{f'; {in_words(ways)}' if ways else ''}"
    )
