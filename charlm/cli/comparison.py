"""A comparison of two models, for people and as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from charlm.wording import figure

if TYPE_CHECKING:
    from charlm.comparison.compare import ComparedModel, Comparison, Stretch


def values(readers: Sequence["ComparedModel"], found: "Comparison") -> dict[str, Any]:
    """As JSON: the sides are a and b."""
    return {
        **{
            side: {"model": reader.name, "bits_per_char": bits}
            for side, reader, bits in zip("ab", readers, found.bits_per_char, strict=True)
        },
        "difference": found.difference,
        "interval": found.interval,
        "lines": found.lines,
        "characters": found.characters,
        "left_out": found.left_out,
        "places": [
            {"better": side, **place._asdict()}
            for side, places in zip("ab", found.stretches, strict=True)
            for place in places
        ],
    }


def table(readers: Sequence["ComparedModel"], found: "Comparison") -> str:
    """For people: the figures, who is better, and the places."""
    width = max(len(reader.name) for reader in readers)
    lines = [
        f"{reader.name:{width}}  {figure(bits)} bits per character"
        for reader, bits in zip(readers, found.bits_per_char, strict=True)
    ]
    lines.append(f"on {_count(found.lines)}, {found.characters:,} characters")
    if found.left_out:
        lines.append(f"left out: {_count(found.left_out)} with a character unknown to one")
    lines += [
        f"{reader.name}: bits of one way to cut the text: an upper bound"
        for reader in readers
        if reader.tokenizer.AMBIGUOUS
    ]
    if readers[0].line != readers[1].line:
        by_line = next(reader.name for reader in readers if reader.line)
        lines.append(f"{by_line} reads each line by itself, the other one after the other")
    lines.append(verdict(readers, found.difference, found.interval, less_is_better=True))
    for reader, places in zip(readers, found.stretches, strict=True):
        if places:
            lines += ["", f"where {reader.name} is better by most, in bits", *_rows(readers, places)]
    return "".join(f"{line}\n" for line in lines)


def verdict(
    readers: Sequence["ComparedModel"], difference: float, interval: tuple[float, float] | None, *, less_is_better: bool
) -> str:
    """The difference, its interval, and who is better; `less_is_better` of bits, not of accuracy."""
    told = f"difference {difference:+.4f}"
    if interval is None:
        return f"{told}; one alone has no interval"
    told += f", 95 % from {interval[0]:+.4f} to {interval[1]:+.4f}"
    if interval[0] <= 0 <= interval[1]:
        return f"{told}\nneither is better for sure: the interval has 0 in it"
    return f"{told}\n{readers[(difference > 0) == less_is_better].name} is better: the interval is on one side of 0"


def _count(lines: int) -> str:
    return f"{lines:,} line{'s' * (lines != 1)}"


def _rows(readers: Sequence["ComparedModel"], places: Sequence["Stretch"]) -> list[str]:
    """The line, the bits of each, and the place in brackets."""
    heads = [reader.name[-8:] for reader in readers]  # of a path the end says most
    rows = [f"{'line':>7}  {heads[0]:>8}  {heads[1]:>8}"]
    for place in places:
        before, text, after = (repr(each)[1:-1] for each in (place.before, place.text, place.after))
        rows.append(f"{place.line:7,}  {place.bits[0]:8.2f}  {place.bits[1]:8.2f}  {before}[{text}]{after}")
    return rows
