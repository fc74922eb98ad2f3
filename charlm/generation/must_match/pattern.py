"""A regular expression of Python's `re` as the states and edges it describes (Thompson 1968).

The tree comes from `re`'s own parser, which Hypothesis reads too, and what a class such as `\\w` has in it is asked of
`re`. Of the libraries, outlines-core (0.2.14) refuses `^a$`, and `ac|b` where there is no c; greenery (4.2.3) has no
flags and no letters beyond ASCII; interegular is no longer kept.
"""

import re
import warnings
from collections.abc import Iterable, Sequence
from re import _compiler, _constants, _parser  # type: ignore[attr-defined]
from typing import Any

from charlm.errors import ConfigError

_LARGEST = 4_000  # states
_LEAVES = (_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN)
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)  # greedy or not, the same texts match as a whole
_BEGINNINGS = (_constants.AT_BEGINNING, _constants.AT_BEGINNING_STRING)
_ENDS = (_constants.AT_END, _constants.AT_END_STRING)
_ALPHABETS = re.ASCII | re.LOCALE | re.UNICODE  # flags of which one holds


class Pattern:
    """Sets of characters and of states are the bits of a number.

    Raises ConfigError for a pattern that is none, that looks around or back (lookaround, word boundaries, references
    to groups, atomic groups, lines within the text), or that is too long.
    """

    END = 0  # the state where a match is complete

    def __init__(self, pattern: str, characters: Sequence[str]) -> None:
        self._pattern, self._characters = pattern, characters
        self._sets: dict[tuple[str, int], int] = {}
        self.edges: list[tuple[int, int] | None] = []  # of each state: a set of characters, and where they lead
        self._free: list[list[tuple[Any, int]]] = []  # at which place of the text (None: any), and where that leads
        self._state()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", FutureWarning)  # for [[:alpha:]], of which `re` makes something else
                tree = _parser.parse(pattern)
            self.first = self._sequence(tree, tree.state.flags, self.END)
        except RecursionError:
            raise ConfigError(f"must-match: {pattern[:40]!r} is nested too deep; make it simpler") from None
        except (re.error, OverflowError, FutureWarning) as error:
            raise ConfigError(f"must-match: {pattern!r} is no regular expression: {error}") from None

    def reached(self, state: int, *places: str) -> int:
        """The states that are there when `state` is, also by what holds at the text's "begin" or "end" alone."""
        reached, open_ = 1 << state, [state]
        while open_:
            for place, to in self._free[open_.pop()]:
                if (place is None or place in places) and not reached >> to & 1:
                    reached |= 1 << to
                    open_.append(to)
        return reached

    def _sequence(self, tree: Iterable[tuple[Any, Any]], flags: int, to: int) -> int:
        """Add what leads through the items of a tree to a state; returns where that begins."""
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
        name = str(argument if operation is _constants.AT else operation).lower().replace("_", " ")
        raise ConfigError(f"must-match: {self._pattern!r} has what no automaton can follow ({name}); leave it out")

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
        """The characters that one item of the tree matches."""
        key = (f"{operation} {argument}", flags)
        if key not in self._sets:
            leaf = _compiler.compile(_parser.SubPattern(_parser.State(), [(operation, argument)]), flags)
            matching = (place for place, each in enumerate(self._characters) if leaf.fullmatch(each))
            self._sets[key] = sum(1 << place for place in matching)
        return self._sets[key]

    def _state(self, edge: tuple[int, int] | None = None, free: Iterable[tuple[Any, int]] = ()) -> int:
        if len(self.edges) == _LARGEST:
            raise ConfigError(f"must-match: {self._pattern[:40]!r} is too long with its repetitions written out")
        self.edges.append(edge)
        self._free.append(list(free))
        return len(self.edges) - 1
