"""Split examples into a training part and a held-out part, by a rule that depends on the examples alone.

Equal texts fall on one side: a hash of the text decides. Each label keeps its share, and a series is cut in time.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from charlm.errors import ConfigError
from charlm.examples import Example, Labeled, Pair, Series, Tagged
from charlm.examples.reading import Examples
from charlm.raw_bytes import to_bytes
from charlm.wording import plural, quoted

_MOST_NOTES = 3  # on labels with one example


def hold_out(examples: Examples, fraction: float) -> tuple[Examples, Examples]:
    """Return the training part, whose notes say what could not be held out, and the held-out part.

    fraction: share of the different texts that are held out; of a series, share of its last steps. An example whose
    label no other text has stays in the training part. Raises ConfigError unless the fraction is from 0 to below 1.
    """
    if not 0 <= fraction < 1:
        raise ConfigError(f"valid_fraction is {fraction:g}; it must be at least 0 and less than 1")
    if examples.task == "series":
        train, valid = _cut_in_time([each for each in examples.items if isinstance(each, Series)], fraction)
        return replace(examples, items=tuple(train)), replace(examples, items=tuple(valid), notes=())
    groups = _groups(examples.items)
    held = _held_out(groups, fraction)
    keys = [key(example) for example in examples.items]
    parts = {
        is_held: tuple(each for each, own in zip(examples.items, keys, strict=True) if (own in held) is is_held)
        for is_held in (False, True)
    }
    notes = [*examples.notes, *(_notes(examples.items, groups) if fraction else ())]
    return replace(examples, items=parts[False], notes=tuple(notes)), replace(examples, items=parts[True], notes=())


def overlap(train: Examples, valid: Examples) -> int:
    """Return the number of held-out examples whose text also occurs in the training part."""
    return len(repeated(train, valid))


def repeated(train: Examples, valid: Examples) -> list[Example]:
    """Return the held-out examples whose text also occurs in the training part."""
    known = set(map(key, train.items))
    return [example for example in valid.items if key(example) in known]


def key(example: Example) -> str:
    """Return the text of an example without its answer: the text, the source, the tokens, or the name of a series."""
    if isinstance(example, Labeled):
        return example.text
    if isinstance(example, Pair):
        return example.source
    return " ".join(example.tokens) if isinstance(example, Tagged) else example.name


def _groups(items: Sequence[Example]) -> dict[tuple[str, ...], list[str]]:
    """Return the different texts of each label, or of all examples if they have none, in the order of their hashes."""
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    seen: set[str] = set()
    for example in items:
        text = key(example)
        if text not in seen:
            seen.add(text)
            groups[example.labels if isinstance(example, Labeled) else ()].append(text)
    return {labels: sorted(texts, key=_hash) for labels, texts in sorted(groups.items())}


def _hash(text: str) -> bytes:
    return hashlib.sha256(to_bytes(text)).digest()


def _held_out(groups: dict[tuple[str, ...], list[str]], fraction: float) -> set[str]:
    """Choose texts of each group, and carry what remains of a text to the next group, so that the share is right."""
    held: set[str] = set()
    carried = 0.5  # rounds to the nearest
    for texts in groups.values():
        wanted = fraction * len(texts) + carried
        count = min(math.floor(wanted), len(texts) - 1)
        held.update(texts[:count])
        carried = min(wanted - count, 1.0)
    if not held and fraction and (largest := max(groups.values(), key=len, default=[])) and len(largest) > 1:
        held.add(largest[0])
    return held


def _notes(items: Sequence[Example], groups: dict[tuple[str, ...], list[str]]) -> Iterable[str]:
    """Name the labels with one text, which cannot be held out."""
    alone = {texts[0]: labels for labels, texts in groups.items() if len(texts) == 1 and labels}
    rare: dict[tuple[str, ...], Example] = {}
    for example in items:
        text = key(example)
        if text in alone:
            rare.setdefault(alone[text], example)
    for labels, example in list(rare.items())[:_MOST_NOTES]:
        names = " and ".join(map(quoted, labels))
        yield f"only one text has the label {names} ({example.where}), so it is not held out"
    if (further := len(rare) - _MOST_NOTES) > 0:
        yield f"{plural(further, 'more label')} {'has' if further == 1 else 'have'} only one text"


def _cut_in_time(series: Sequence[Series], fraction: float) -> tuple[list[Series], list[Series]]:
    """Return the first part and the last part of each series; a series of one value stays in the first."""
    train, valid = [], []
    for each in series:
        count = len(each.values)
        last = min(max(1, round(fraction * count)), count - 1) if fraction else 0
        train.append(_part(each, slice(0, count - last)))
        if last:
            valid.append(_part(each, slice(count - last, count)))
    return train, valid


def _part(series: Series, steps: slice) -> Series:
    return replace(series, times=series.times[steps], values=series.values[steps], inputs=series.inputs[steps])
