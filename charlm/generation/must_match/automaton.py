"""A regular expression as a deterministic automaton: one state after each character, by the construction of subsets."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from charlm.errors import ConfigError
from charlm.generation.must_match.pattern import Pattern

_LARGEST_TABLE = 2**22  # numbers


def automaton(pattern: str, characters: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The state after each state and character (S, C), and whether the text so far matches as a whole (S,).

    State 0 is the first; after the last nothing can match any more. Raises ConfigError for what `Pattern` refuses and
    for a pattern of too many states.
    """
    written = Pattern(pattern, characters)
    edges = [edge for edge in written.edges if edge]
    sets = sorted({characters for characters, _ in edges})
    alike = [tuple(each >> place & 1 for each in sets) for place in range(len(characters))]
    kinds = {signature: kind for kind, signature in enumerate(dict.fromkeys(alike))}  # characters no set tells apart
    examples = [alike.index(signature) for signature in kinds]
    reached = {to: written.reached(to) for _, to in edges}

    subsets = [written.reached(written.first, "begin")]
    numbers = {subsets[0]: 0}
    rows = []
    for subset in subsets:  # grows meanwhile
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
            raise ConfigError(f"must-match: {pattern[:40]!r} has too many states; make it simpler")
    ending = [state for state in range(len(written.edges)) if written.reached(state, "end") >> Pattern.END & 1]
    ends = sum(1 << state for state in ending)
    table = np.array([*rows, [len(rows)] * len(examples)], dtype=np.int64).reshape(len(rows) + 1, len(examples))
    accepted = np.array([*(subset & ends > 0 for subset in subsets), False])
    return table[:, [kinds[signature] for signature in alike]], accepted
