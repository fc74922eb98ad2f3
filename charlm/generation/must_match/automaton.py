"""A regular expression as a deterministic automaton, by subset construction: one state after each character."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from charlm.errors import ConfigError
from charlm.generation.must_match.pattern import Pattern

_LARGEST_TABLE = 2**22  # numbers


def automaton(pattern: str, characters: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the table of transitions (S, C), state × character → state, and which states accept (S,).

    State 0 is the initial one. From the last state no match can be reached. Raises ConfigError for a pattern that
    `Pattern` refuses, or that has too many states.
    """
    written = Pattern(pattern, characters)
    edges = [edge for edge in written.edges if edge]
    sets = sorted({characters for characters, _ in edges})
    # Characters that belong to the same sets behave alike, so one example of each class is enough.
    signatures = [tuple(each >> index & 1 for each in sets) for index in range(len(characters))]
    classes = {signature: number for number, signature in enumerate(dict.fromkeys(signatures))}
    examples = [signatures.index(signature) for signature in classes]
    reached = {to: written.reached(to) for _, to in edges}

    subsets = [written.reached(written.first, "begin")]
    numbers = {subsets[0]: 0}
    rows = []
    for subset in subsets:  # the loop appends to this list
        leaving = [edge for state, edge in enumerate(written.edges) if edge and subset >> state & 1]
        row = []
        for example in examples:
            following = 0
            for allowed, to in leaving:
                if allowed >> example & 1:
                    following |= reached[to]
            if following not in numbers:
                numbers[following] = len(subsets)
                subsets.append(following)
            row.append(numbers[following])
        rows.append(row)
        if len(subsets) * max(1, len(characters)) > _LARGEST_TABLE:
            raise ConfigError(f"must_match: {pattern[:40]!r} has too many states; make it simpler")
    ending = [state for state in range(len(written.edges)) if written.reached(state, "end") >> Pattern.END & 1]
    ends = sum(1 << state for state in ending)
    table = np.array([*rows, [len(rows)] * len(examples)], dtype=np.int64).reshape(len(rows) + 1, len(examples))
    accepted = np.array([*(subset & ends > 0 for subset in subsets), False])
    return table[:, [classes[signature] for signature in signatures]], accepted
