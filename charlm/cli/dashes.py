"""Texts and files that begin with a dash: say how to give them, since they look like options."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from charlm.cli.usage import meant_option
from charlm.wording import shell_command, shell_word

_NAME = "NAME"  # of a model, which does not begin with a dash


class _Sorted(NamedTuple):
    """The words of a command line: options with their values, other words, and those that begin with a dash."""

    options: list[str]
    others: list[str]
    dashed: list[str]


def explain(error: Any, context: Any, arguments: Sequence[str]) -> None:
    """Add `advice` to a NoSuchOption: how to give its word as a text or a file, unless it is a misspelled option."""
    parameters = context.command.get_params(context)
    words = _sorted(parameters, arguments)
    word = next(iter(words.dashed), "")
    is_text = " " in word or not meant_option(parameters, word)
    if is_text and (how := _advice(context.command_path, parameters, words, word)):
        error.option_name, error.advice = shell_word(word), how


def _advice(path: str, parameters: Sequence[Any], words: _Sorted, word: str) -> str:
    """Return how to give a word that begins with a dash: after `--`, or as the value of an option that takes a text."""
    given = [each for each in parameters if each.param_type_name == "argument" and each.metavar != _NAME]
    if given:
        command = shell_command([*words.options, "--", *words.others])
        how = f"to give {word!r} as {given[-1].metavar or 'an argument'}, put it after --"
    elif (texts := [each for each in parameters if each.metavar == "TEXT"]) and not re.fullmatch("-[a-z]", word):
        command = f"{shell_command(words.options)} {texts[0].opts[0]}={shell_word(word)}".lstrip()
        how = f"to give {word!r} as a text, name its option"
    else:
        return ""
    return f"{how}: {path} {command}"


def _sorted(parameters: Sequence[Any], arguments: Sequence[str]) -> _Sorted:
    """Read a command line as the parser does, but take a word that is not an option for an argument."""
    takes_value = {
        name: not (each.is_flag or each.count)
        for each in parameters
        if each.param_type_name == "option"
        for name in (*each.opts, *each.secondary_opts)
    }
    words = _Sorted([], [], [])
    rest = iter(arguments)
    for word in rest:
        if word == "--":
            words.others.extend(rest)
        elif word == "-" or not word.startswith("-"):
            words.others.append(word)
        elif (value_follows := _value_follows(word, takes_value)) is None:
            words.others.append(word)
            words.dashed.append(word)
        else:
            words.options.extend([word, *_next(rest, value_follows)])
    return words


def _value_follows(word: str, takes_value: dict[str, bool]) -> bool | None:
    """Return whether the next word is the value of this option; None if this is not an option."""
    name, equals, _ = word.partition("=")
    if name in takes_value:
        return takes_value[name] and not equals
    if word.startswith("--"):
        return None
    for length, letter in enumerate(word[1:], start=2):  # short options may share a dash: -qm NAME, -mNAME
        if f"-{letter}" not in takes_value:
            return None
        if takes_value[f"-{letter}"]:
            return length == len(word)
    return False


def _next(words: Iterator[str], wanted: bool) -> list[str]:
    return [next(words)] if wanted else []
