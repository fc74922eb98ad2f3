"""Minimal pairs for `score` and `compare`: the share that each model has right, by group, and as JSON."""

from collections.abc import Sequence
from typing import Any

from charlm.cli.comparison import verdict
from charlm.cli.inputs import require_in_memory
from charlm.cli.output import say, write, write_json
from charlm.comparison.bootstrap import interval
from charlm.comparison.compare import ComparedModel, totals
from charlm.comparison.pairs import Accuracy, Pair, accuracies, judge, parse, right, sentences
from charlm.data.documents import AnyDocument
from charlm.language_model import LanguageModel
from charlm.scoring.score import ScoreOptions
from charlm.tokenizers import Tokenizer


def score_pairs(
    model: LanguageModel, document: AnyDocument, eos: bool, how: ScoreOptions, *, json: bool, quiet: bool
) -> None:
    """How often the model finds the good sentence likelier."""
    pairs = parse(document.name, require_in_memory(document, "compare").text)
    found = judge(model, pairs, eos=eos, **how)
    if json:
        write_json({**_values(pairs, found), "eos": eos})
    else:
        end = "" if eos else "not "
        write(f"{table(['accuracy'], pairs, [found])}by the probability of whole sentences, the end {end}scored\n")
    if how.get("unknown") == "unk":
        _tell_unknown(model.tokenizer, pairs, quiet)


def compare_pairs(
    readers: tuple[ComparedModel, ComparedModel], document: AnyDocument, *, json: bool, quiet: bool
) -> None:
    """Both accuracies, and their difference with its interval over pairs."""
    pairs = parse(document.name, require_in_memory(document, "compare").text)
    found = [right(totals(reader, sentences(pairs))) for reader in readers]
    differences = [int(first) - int(second) for first, second in zip(*found, strict=True)]
    difference, around = sum(differences) / len(pairs), interval(differences, [1] * len(pairs))
    if json:
        sides = zip("ab", readers, found, strict=True)
        values = {side: {"model": reader.name, **_values(pairs, rights)} for side, reader, rights in sides}
        write_json({**values, "difference": difference, "interval": around})
    else:
        told = verdict(readers, difference, around, less_is_better=False)
        write(f"{table([reader.name for reader in readers], pairs, found)}{told}\n")
    for tokenizer in {reader.tokenizer for reader in readers}:
        _tell_unknown(tokenizer, pairs, quiet)


def table(heads: Sequence[str], pairs: Sequence[Pair], found: Sequence[Sequence[bool]]) -> str:
    """A row for each group, and one for all; a column for each model."""
    columns = [_accuracies(pairs, rights) for rights in found]
    rows = [f"{'group':>12}  {'pairs':>7}" + "".join(f"  {head[:12]:>12}" for head in heads)]
    for same in zip(*columns, strict=True):
        shares = "".join(f"  {each.share:12.4f}" for each in same)
        rows.append(f"{same[0].group[:12]:>12}  {same[0].pairs:7,}{shares}")
    return "".join(f"{row}\n" for row in rows)


def _tell_unknown(tokenizer: Tokenizer, pairs: Sequence[Pair], quiet: bool) -> None:
    """An unknown character decides a pair, whatever else is in it."""
    count = sum(tokenizer.first_unknown(sentence) is not None for sentence in sentences(pairs))
    if count:
        say(f"{count:,} of the sentences have a character without a symbol: such a one has probability 0", quiet)


def _accuracies(pairs: Sequence[Pair], found: Sequence[bool]) -> list[Accuracy]:
    """Of each group, and of all."""
    return [*accuracies(pairs, found), Accuracy("all", sum(found), len(found))]


def _values(pairs: Sequence[Pair], found: Sequence[bool]) -> dict[str, Any]:
    *groups, total = ({**each._asdict(), "accuracy": each.share} for each in _accuracies(pairs, found))
    del total["group"]
    return {**total, "groups": groups}
