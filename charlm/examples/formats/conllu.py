"""CoNLL-U: ten columns with tabs, `# text =` comments, and a blank line after each sentence.

The tag is the universal part of speech, or the column that is chosen: xpos, feats, deprel, ...
"""

import re
from collections.abc import Iterator

from charlm.errors import CorpusError
from charlm.examples import Columns, Example
from charlm.examples.formats import Format, Recognition, nearly_all
from charlm.examples.rows import TAB, chosen
from charlm.examples.sentences import Token, sentences, tagged
from charlm.examples.source import Source

_NAMES = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_WORD = re.compile(r"\d+")
_NOT_A_WORD = re.compile(r"\d+[-.]\d+")  # a range of words that are written as one, or a word that is not written


class Conllu(Format):
    """Words of sentences in ten columns."""

    order = 30
    tasks = ("tag",)

    def recognize(self, source: Source, task: str, columns: Columns) -> Recognition | None:
        lines = [line.split(TAB) for line in source.filled if not line.startswith("#")]
        words = sum(len(fields) == len(_NAMES) and bool(re.match(r"\d", fields[0])) for fields in lines)
        if not nearly_all(lines, words) or lines[0][0].partition("-")[0] != "1":
            return None
        first = source.at(1)
        token = _NAMES[chosen(first, _NAMES, "token", columns.token or "form")]
        tag = _NAMES[chosen(first, _NAMES, "tag", columns.tag or "upos")]
        return Recognition(
            "tag", f"each line has the ten columns of CoNLL-U; the tag is {tag}", Columns(token=token, tag=tag)
        )

    def examples(self, source: Source, task: str, columns: Columns, notes: list[str]) -> Iterator[Example]:
        token, tag = _indices(columns)
        for sentence in sentences(_words(source)):
            for where, fields in sentence:
                if fields[tag] == "_" and _NAMES[tag] in ("upos", "xpos", "deprel"):
                    raise CorpusError(f"{where} has no {_NAMES[tag]} but '_'; choose another column, or add the tag")
            yield tagged(sentence, token, tag)

    def inputs(self, source: Source, task: str, columns: Columns) -> Iterator[Example]:
        token, _ = _indices(columns)
        if not any(TAB in line for line in source.lines):
            yield from super().inputs(source, task, columns)
            return
        for sentence in sentences(_words(source), blank=True):
            yield tagged(sentence, token, None)


def _indices(columns: Columns) -> tuple[int, int]:
    return _NAMES.index(str(columns.token)), _NAMES.index(str(columns.tag))


def _words(source: Source) -> Iterator[Token]:
    """Yield the lines of words with their columns, and an empty list for a blank line."""
    for number, line in enumerate(source.lines, 1):
        where = source.at(number)
        fields = line.split(TAB)
        if not line or line.isspace():
            yield where, []
        elif not line.startswith("#") and not _NOT_A_WORD.fullmatch(fields[0]):
            if len(fields) != len(_NAMES) or not _WORD.fullmatch(fields[0]):
                raise CorpusError(f"{where} has {len(fields)} columns that are not a word in CoNLL-U; correct the line")
            yield where, fields
