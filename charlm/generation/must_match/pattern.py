"""A regular expression in the syntax of `re` as a nondeterministic automaton (Thompson 1968).

`re`'s own parser, which Hypothesis uses too, builds the syntax tree, and `re` decides which characters a class such as
`\\w` contains. No library fits: outlines-core (0.2.14) refuses `^a$`, and `ac|b` if the vocabulary has no c; greenery
(4.2.3) has no flags and only ASCII letters; interegular is no longer maintained.
"""

import re
import warnings
from collections.abc import Iterable, Sequence
from re import _compiler, _constants, _parser  # type: ignore[attr-defined]
from typing import Any

from charlm.errors import ConfigError

_LARGEST = 4_000  # states
_LEAVES = (_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN)
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)  # greedy or lazy makes no difference to a full match
_BEGINNINGS = (_constants.AT_BEGINNING, _constants.AT_BEGINNING_STRING)
_ENDS = (_constants.AT_END, _constants.AT_END_STRING)
_ALPHABETS = re.ASCII | re.LOCALE | re.UNICODE  # flags that exclude each other

_NAMES = {
    "assert": "lookaround",
    "assert_not": "lookaround",
    "at_boundary": "a word boundary",
    "at_non_boundary": "a word boundary",
    "at_beginning": "the beginning of a line",
    "at_end": "the end of a line",
    "atomic_group": "an atomic group",
    "groupref": "a reference to a group",
    "groupref_exists": "a reference to a group",
    "possessive_repeat": "a possessive repeat",
}  # of the operations that are not supported


class Pattern:
    """States and edges of an automaton. Sets of characters, and sets of states, are the bits of an integer.

    Raises ConfigError for a pattern that is not a regular expression, that is too long, or that uses lookaround, word
    boundaries, references to groups, atomic groups, or the ends of lines within the text.
    """

    END = 0  # the state where a match is complete

    def __init__(self, pattern: str, characters: Sequence[str]) -> None:
        self._pattern, self._characters = pattern, characters
        self._sets: dict[tuple[str, int], int] = {}
        self.edges: list[tuple[int, int] | None] = []  # state → (set of characters, next state)
        self._free: list[list[tuple[Any, int]]] = []  # state → [(condition, next state)]; None: none
        self._state()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", FutureWarning)  # for [[:alpha:]], which `re` reads as something else
                tree = _parser.parse(pattern)
            self.first = self._sequence(tree, tree.state.flags, self.END)
        except RecursionError:
            raise ConfigError(f"must_match: {pattern[:40]!r} is nested too deeply; make it simpler") from None
        except (re.error, OverflowError, FutureWarning) as error:
            raise ConfigError(f"must_match: {pattern!r} is not a regular expression: {error}") from None

    def reached(self, state: int, *conditions: str) -> int:
        """Return the set of states reached from `state` without a character.

        conditions: "begin" or "end", if the text begins or ends here.
        """
        reached, open_ = 1 << state, [state]
        while open_:
            for condition, to in self._free[open_.pop()]:
                if (condition is None or condition in conditions) and not reached >> to & 1:
                    reached |= 1 << to
                    open_.append(to)
        return reached

    def _sequence(self, tree: Iterable[tuple[Any, Any]], flags: int, to: int) -> int:
        """Add the states that lead through the items of a tree to the state `to`; return the first of them."""
        for operation, argument in reversed(list(tree)):
            to = self._item(operation, argument, flags, to)
        return to

    def _item(self, operation: Any, argument: Any, flags: int, to: int) -> int:
        if operation in _LEAVES:
            return self._state(edge=(self._set(operation, argument, flags), to))
        if operation is _constants.BRANCH:
            return self._state(free=[(None, self._sequence(each, flags, to)) for each in argument[1]])
        if operation is _constants.SUBPATTERN:
            _, added, removed, tree = argument
            kept = flags & ~_ALPHABETS if added & _ALPHABETS else flags
            return self._sequence(tree, (kept | added) & ~removed, to)
        if operation in _REPEATS:
            low, high, tree = argument
            return self._repeat(low, high, tree, flags, to)
        if operation is _constants.AT and argument in _BEGINNINGS + _ENDS and not flags & re.MULTILINE:
            return self._state(free=[("end" if argument in _ENDS else "begin", to)])
        name = str(argument if operation is _constants.AT else operation).lower()
        name = _NAMES.get(name, name.replace("_", " "))
        raise ConfigError(f"must_match: {self._pattern!r} uses {name}, which is not supported; leave it out")

    def _repeat(self, low: int, high: int, tree: Any, flags: int, to: int) -> int:
        after = to
        if high is _constants.MAXREPEAT:
            to = self._state(free=[(None, after)])
            self._free[to].append((None, self._sequence(tree, flags, to)))
        else:
            for _ in range(high - low):
                to = self._state(free=[(None, after), (None, self._sequence(tree, flags, to))])
        for _ in range(low):
            to = self._sequence(tree, flags, to)
        return to

    def _set(self, operation: Any, argument: Any, flags: int) -> int:
        """Return the set of the characters that one item of the tree matches."""
        key = (f"{operation} {argument}", flags)
        if key not in self._sets:
            leaf = _compiler.compile(_parser.SubPattern(_parser.State(), [(operation, argument)]), flags)
            matching = (index for index, each in enumerate(self._characters) if leaf.fullmatch(each))
            self._sets[key] = sum(1 << index for index in matching)
        return self._sets[key]

    def _state(self, edge: tuple[int, int] | None = None, free: Iterable[tuple[Any, int]] = ()) -> int:
        if len(self.edges) == _LARGEST:
            raise ConfigError(
                f"must_match: {self._pattern[:40]!r} is too long when its repetitions are written out; make it simpler"
            )
        self.edges.append(edge)
        self._free.append(list(free))
        return len(self.edges) - 1
