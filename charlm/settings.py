"""Settings as a frozen dataclass: the types of the values, and how JSON becomes one."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import asdict, fields
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, ClassVar, Self, TypeVar, cast

from charlm.errors import ConfigError, UnknownNameError

ACTIVATIONS = ("tanh", "relu", "sigmoid", "identity")  # in the order of the numbers in recurrence.h

Kind = TypeVar("Kind")


class Settings:
    """A frozen dataclass of settings. Each value has the type of its field, and numbers are Python's own.

    The representation names only the fields that do not have their default.
    """

    # Files of older versions lack these fields. A field has its default there, or the value in OLD_DEFAULTS if the
    # default has changed.
    ADDED_LATER: ClassVar[Set[str]] = frozenset()
    OLD_DEFAULTS: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    def __post_init__(self) -> None:
        for field in fields(cast(Any, self)):
            value = typed(field.name, getattr(self, field.name), field.type)
            object.__setattr__(self, field.name, value)
        self._check()

    def _check(self) -> None:
        """Raise ConfigError for a value outside its bounds, or for values that exclude each other."""

    @classmethod
    def unset(cls) -> dict[str, Any]:
        """Return fields with the values that files leave out, so that older versions read them."""
        return {}

    @classmethod
    def from_json(cls, values: object, source: str) -> Self:
        """Return the settings in parsed JSON. `source` names the file in errors. Raises ConfigError."""
        return from_mapping(cls, values, source, optional=cls.ADDED_LATER, old_defaults=cls.OLD_DEFAULTS)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a file."""
        unset = self.unset()
        values = asdict(cast(Any, self))
        return {name: value for name, value in values.items() if name not in unset or value != unset[name]}

    def __repr__(self) -> str:
        values = ((field, getattr(self, field.name)) for field in fields(cast(Any, self)))
        given = ", ".join(f"{field.name}={value!r}" for field, value in values if value != field.default)
        return f"{type(self).__name__}({given})"


def is_number(value: object, kind: type) -> bool:
    """Whether a value is a number of a kind, Real or Integral; True and False are none."""
    return isinstance(value, kind) and not isinstance(value, bool)


def check_range(name: str, value: float | None, low: float, high: float, *, open_low: bool = False) -> None:
    """Raise ConfigError unless `value` is None or a number in [low, high], or in ]low, high] with `open_low`."""
    if value is None:
        return
    if not is_number(value, Real):
        raise ConfigError(f"{name} is {repr(value)[:30]}; it must be a number", setting=name)
    if low < value <= high if open_low else low <= value <= high:
        return
    lower = f"more than {low:g}" if open_low else f"at least {low:g}"
    upper = "" if high == float("inf") else f" and at most {high:g}"
    raise ConfigError(f"{name} is {str(value)[:30]}; it must be {lower}{upper}", setting=name)


def check_count(name: str, value: int | None, low: int, high: float = float("inf")) -> None:
    """Raise ConfigError unless `value` is None or a whole number in [low, high]."""
    if not (value is None or is_number(value, Integral)):
        raise ConfigError(f"{name} is {repr(value)[:30]}; it must be a whole number", setting=name)
    check_range(name, value, low, high)


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Raise ConfigError unless `value` is one of `choices`."""
    *others, last = choices
    if value not in (*others, last):
        raise ConfigError(f"{name} is {str(value)[:40]!r}; it must be {', '.join(others)} or {last}", setting=name)


def check_activation(name: str) -> None:
    """Raise UnknownNameError unless `name` is one of ACTIVATIONS."""
    if name not in ACTIVATIONS:
        raise UnknownNameError(f"no activation is named {name[:40]!r}; choose one of {', '.join(ACTIVATIONS)}")


def typed(name: str, value: Any, annotation: Any) -> Any:
    """Return a value of the annotated type; a number or text of numpy becomes Python's own. Raises ConfigError."""
    allowed = _type_names(annotation)
    if type(value).__name__ in allowed or (value is None and "None" in allowed):
        return value
    if "str" in allowed and isinstance(value, str):
        return str(value)
    if "int" in allowed and is_number(value, Integral):
        return int(value)
    if "float" in allowed and is_number(value, Real):
        return value if isinstance(value, int) else float(value)
    raise ConfigError(f"{name} is {repr(value)[:60]}; it must be {' or '.join(allowed)}", setting=name)


def from_mapping(
    kind: type[Kind],
    values: object,
    source: str,
    *,
    optional: Set[str] = frozenset(),
    old_defaults: Mapping[str, Any] = MappingProxyType({}),
) -> Kind:
    """Return a dataclass from parsed JSON; `source` names the file in errors.

    A field in `optional` may be missing, and then has its value in `old_defaults` or its default. Raises ConfigError
    for another missing key, an unknown key, or a value of the wrong type, before any value is used.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{source} must be a JSON object, not {type(values).__name__}")
    known = {field.name: field for field in fields(cast(Any, kind))}
    if unknown := set(values) - set(known):
        raise ConfigError(f"{source} has an unknown setting: {_listed(unknown)}")
    if missing := set(known) - set(values) - optional:
        raise ConfigError(f"{source} lacks a setting: {_listed(missing)}")
    try:
        for name, value in values.items():
            typed(name, value, known[name].type)
        return kind(**{**old_defaults, **values})
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None


def _printable(text: str) -> str:
    """Return text from a file for a message: shortened, and without characters that control a terminal."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text[:200])


def _listed(names: Iterable[object]) -> str:
    return _printable(", ".join(sorted(map(str, names))))


def _type_names(annotation: Any) -> list[str]:
    """Return the names in an annotation: ['int', 'None'] for `int | None`."""
    return str(getattr(annotation, "__name__", annotation)).split(" | ")
