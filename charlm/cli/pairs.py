"""Minimal pairs in `charlm score` and `charlm compare`: the accuracy of each model, as a table and as JSON."""

from collections.abc import Sequence
from typing import Any

from charlm.cli.comparison import verdict
from charlm.cli.inputs import require_in_memory
from charlm.cli.output import say, write_json, write_lines
from charlm.comparison.compare import ComparedModel, totals
from charlm.comparison.pairs import Accuracy, Pair, accuracies, correct, judge, parse, sentences
from charlm.data.documents import AnyDocument
from charlm.language_model import LanguageModel
from charlm.measures.bootstrap import interval
from charlm.scoring.score import ScoreOptions
from charlm.tokenizers import Tokenizer
from charlm.wording import plural


def score_pairs(
    model: LanguageModel, document: AnyDocument, eos: bool, options: ScoreOptions, *, json: bool, quiet: bool
) -> None:
    """Print how often the model finds the good sentence of a pair likelier."""
    pairs = parse(document.name, require_in_memory(document, "compare").text)
    judged = judge(model, pairs, eos=eos, **options)
    if json:
        write_json({**_values(pairs, judged), "eos": eos})
    else:
        end = "included" if eos else "not included"
        write_lines(f"{table(['accuracy'], pairs, [judged])}scored per sentence, end {end}\n")
    if options.get("unknown") == "unk":
        _report_unknown(model.tokenizer, pairs, quiet)


def compare_pairs(
    models: tuple[ComparedModel, ComparedModel], document: AnyDocument, *, json: bool, quiet: bool
) -> None:
    """Print the accuracy of both models, and their difference with its interval over pairs."""
    pairs = parse(document.name, require_in_memory(document, "compare").text)
    judged = [correct(totals(model, sentences(pairs))) for model in models]
    differences = [int(first) - int(second) for first, second in zip(*judged, strict=True)]
    difference, bounds = sum(differences) / len(pairs), interval(differences, [1] * len(pairs))
    if json:
        sides = zip("ab", models, judged, strict=True)
        values = {side: {"model": model.name, **_values(pairs, each)} for side, model, each in sides}
        write_json({**values, "difference": difference, "interval": bounds})
    else:
        rows = verdict(models, difference, bounds, of="accuracy", over="pair", lower_is_better=False)
        write_lines(table([model.name for model in models], pairs, judged) + "".join(f"{row}\n" for row in rows))
    for tokenizer in {model.tokenizer for model in models}:
        _report_unknown(tokenizer, pairs, quiet)


def table(heads: Sequence[str], pairs: Sequence[Pair], judged: Sequence[Sequence[bool]]) -> str:
    """Return a table with a row for each group and one for all pairs, and with a column for each model."""
    columns = [_accuracies(pairs, each) for each in judged]
    rows = [f"{'group':>12}  {'pairs':>7}" + "".join(f"  {head[:12]:>12}" for head in heads)]
    for same in zip(*columns, strict=True):
        shares = "".join(f"  {each.share:12.4f}" for each in same)
        rows.append(f"{same[0].group[:12]:>12}  {same[0].pairs:7,}{shares}")
    return "".join(f"{row}\n" for row in rows)


def _report_unknown(tokenizer: Tokenizer, pairs: Sequence[Pair], quiet: bool) -> None:
    """Print how many sentences have an unknown character, since one such character decides a pair."""
    count = sum(tokenizer.first_unknown(sentence) is not None for sentence in sentences(pairs))
    if count:
        say(f"{plural(count, 'sentence')} with an unknown character: its probability is 0", quiet)


def _accuracies(pairs: Sequence[Pair], judged: Sequence[bool]) -> list[Accuracy]:
    """Return the accuracy of each group, and of all pairs."""
    return [*accuracies(pairs, judged), Accuracy("all", sum(judged), len(judged))]


def _values(pairs: Sequence[Pair], judged: Sequence[bool]) -> dict[str, Any]:
    *groups, total = ({**each._asdict(), "accuracy": each.share} for each in _accuracies(pairs, judged))
    del total["group"]
    return {**total, "groups": groups}
