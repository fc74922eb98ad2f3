"""Print a comparison of two models, as text and as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from charlm.wording import figure, plural

if TYPE_CHECKING:
    from charlm.comparison.compare import ComparedModel, Comparison, Stretch


def values(models: Sequence["ComparedModel"], comparison: "Comparison") -> dict[str, Any]:
    """Return the comparison as values for JSON, with the models as a and b."""
    return {
        **{
            side: {"model": model.name, "bits_per_char": bits}
            for side, model, bits in zip("ab", models, comparison.bits_per_char, strict=True)
        },
        "difference": comparison.difference,
        "interval": comparison.interval,
        "lines": comparison.lines,
        "characters": comparison.characters,
        "left_out": comparison.left_out,
        "places": [
            {"better": side, **stretch._asdict()}
            for side, stretches in zip("ab", comparison.stretches, strict=True)
            for stretch in stretches
        ],
    }


def table(models: Sequence["ComparedModel"], comparison: "Comparison") -> str:
    """Return the comparison as text: the figures, which model wins, and where the models differ most."""
    width = max(len(model.name) for model in models)
    rows = [
        f"{model.name:{width}}  {figure(bits)} bits per character"
        for model, bits in zip(models, comparison.bits_per_char, strict=True)
    ]
    rows.append(f"on {plural(comparison.lines, 'line')}, {plural(comparison.characters, 'character')}")
    if comparison.left_out:
        rows.append(f"left out: {plural(comparison.left_out, 'line')} with a character unknown to one model")
    rows += [
        f"{model.name}: an upper bound, for one tokenization of the text"
        for model in models
        if model.tokenizer.AMBIGUOUS
    ]
    if models[0].line != models[1].line:
        by_line = next(model.name for model in models if model.line)
        rows.append(f"{by_line} reads each line separately, the other model reads one text")
    rows += verdict(
        models, comparison.difference, comparison.interval, of="bits per character", over="line", lower_is_better=True
    )
    for model, stretches in zip(models, comparison.stretches, strict=True):
        if stretches:
            rows += ["", f"largest gains of {model.name}, in bits", *_rows(models, stretches)]
    return "".join(f"{row}\n" for row in rows)


def verdict(
    models: Sequence["ComparedModel"],
    difference: float,
    interval: tuple[float, float] | None,
    *,
    of: str,
    over: str,
    lower_is_better: bool,
) -> list[str]:
    """Return two lines: the difference, and its interval with the model that wins.

    of: the figure that differs. over: the unit that the interval is computed over.
    """
    first, second = models
    rows = [f"{first.name} - {second.name} = {difference:+.4f} {of}"]
    if interval is None:
        return [*rows, f"no interval: it needs at least 2 {over}s"]
    bounds = f"95 % interval: {interval[0]:+.4f} to {interval[1]:+.4f}"
    if interval[0] <= 0 <= interval[1]:
        return [*rows, f"{bounds}; it contains 0: neither wins"]
    winner = models[(difference > 0) == lower_is_better]
    return [*rows, f"{bounds}; {'lower' if lower_is_better else 'higher'} is better: {winner.name} wins"]


def _rows(models: Sequence["ComparedModel"], stretches: Sequence["Stretch"]) -> list[str]:
    """Return a row for each stretch: its line, the bits of each model, and the stretch in brackets."""
    heads = [model.name[-8:] for model in models]  # the end of a path is the most specific part
    rows = [f"{'line':>7}  {heads[0]:>8}  {heads[1]:>8}"]
    for each in stretches:
        before, text, after = (repr(part)[1:-1] for part in (each.before, each.text, each.after))
        rows.append(f"{each.line:7,}  {each.bits[0]:8.2f}  {each.bits[1]:8.2f}  {before}[{text}]{after}")
    return rows
