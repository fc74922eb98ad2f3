"""A pronouncing dictionary in the form of CMUdict: `HELLO(2)  HH AH0 L OW1`, with `;;;` comments."""

import re
from collections.abc import Iterator

from charlm.errors import CorpusError
from charlm.examples import Columns, Pair
from charlm.examples.formats import Format, Recognition, is_auto, nearly_all
from charlm.examples.source import Source, checked_text

_COMMENT = ";;;"
_LINE = re.compile(r"(\S+)\s+(\S.*)")
_ENTRY = re.compile(r"\S+\s+[A-Z]{1,3}[0-2]?( [A-Z]{1,3}[0-2]?)*\s*(#.*)?")
_VARIANT = re.compile(r"(?<=.)\(\d+\)$")
_REMARK = re.compile(r"\s#.*")
_FEWEST = 5


class CmuDict(Format):
    """One word per line with its phones; the number of a variant and remarks are left out."""

    order = 72
    tasks = ("pair",)

    def recognize(self, source: Source, task: str, columns: Columns) -> Recognition | None:
        lines = [line for line in source.filled if not line.startswith(_COMMENT)]
        has_form = [line for line in lines if _ENTRY.fullmatch(line)]
        is_named = source.suffix == ".dict" or source.text.startswith(_COMMENT)
        stressed = sum(bool(re.search(r"[0-2](\s|$)", line)) for line in has_form)
        if not nearly_all(lines, len(has_form)):
            has_words = nearly_all(lines, sum(bool(_LINE.fullmatch(line)) for line in lines))
            if is_auto(task) or not is_named or not has_words:
                return None
        elif not is_named and (not stressed or (is_auto(task) and (len(lines) < _FEWEST or 2 * stressed < len(lines)))):
            return None
        return Recognition("pair", "each line has a word and its phones, as in CMUdict", columns)

    def examples(self, source: Source, task: str, columns: Columns, notes: list[str]) -> Iterator[Pair]:
        for where, line in source.numbered():
            if line.startswith(_COMMENT):
                continue
            match = _LINE.fullmatch(_REMARK.sub("", line))
            if not match:
                raise CorpusError(f"{where} is not a word and its phones; add them, or remove the line")
            yield Pair(checked_text(where, _VARIANT.sub("", match[1])), checked_text(where, match[2].strip()), where)
