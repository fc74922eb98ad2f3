"""Numbers and quoted text for a person, and the names that a person may have meant."""

import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

from charlm import raw_bytes

_SIMILAR = 0.7  # share of letters in common from which a name is suggested


def plural(count: int, noun: str) -> str:
    """A count with its noun: 1 step, 2,000 steps."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def amount(value: float, units: str) -> str:
    """A number with its unit, which is given in the plural: 1 minute, 2.5 minutes."""
    return f"{value:g} {units[:-1] if value == 1 else units}"


def vocabulary_size(tokens: int) -> str:
    """The size of a vocabulary: 68 tokens with 3 control tokens. A text of 65 different characters has 68."""
    return f"{plural(tokens, 'token')} with 3 control tokens"


def figure(value: float | None, form: str = ".4f") -> str:
    """A number; a dash for one that does not exist or is not finite, such as the perplexity of no tokens."""
    return "–" if value is None or not math.isfinite(value) else format(value, form)


def each_alone(figures: Mapping[str, float | None], form: str = ".4f") -> str:
    """The figure of each part by itself: network alone 2.1000, counts alone 2.4000."""
    return ", ".join(f"{name} alone {figure(value, form)}" for name, value in figures.items())


def clock(seconds: float) -> str:
    """A duration: 2:05, or 1:02:05."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def for_terminal(text: str) -> str:
    """Replace control characters by their codes, except newline and tab, so that text cannot control the terminal.

    A byte that is not UTF-8 is shown by its code too.
    """
    text = _codes(text)
    return "".join(c if c in "\n\t" or (c >= " " and not "\x7f" <= c <= "\x9f") else f"\\x{ord(c):02x}" for c in text)


def _codes(text: str) -> str:
    return raw_bytes.ESCAPED.sub(lambda match: f"\\x{raw_bytes.byte_of(match[0]):02x}", text)


def file_argument(path: str) -> str:
    """The name of a file as a word of a command: with ./ if it begins with a dash, since it looks like an option."""
    return f"./{path}" if path.startswith("-") and path != "-" else path


def shell_word(text: str) -> str:
    """Quote a text as a word of a command. bash and zsh have a form for bytes that are not UTF-8."""
    if not raw_bytes.has_raw_bytes(text):
        return shlex.quote(text)
    return "$'" + _codes(text.replace("\\", "\\\\").replace("'", "\\'")) + "'"


def shell_command(words: Iterable[str]) -> str:
    """Quote the words of a command, and join them."""
    return " ".join(map(shell_word, words))


def quoted(text: str, length: int = 24) -> str:
    """A text in quotation marks, on one line; of a longer one, the beginning and an ellipsis."""
    return repr(text if len(text) <= length else f"{text[: length - 1]}…")


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def nearest(name: str, known: Iterable[str], count: int = 1) -> list[str]:
    """Return at most `count` of the known names that `name` may stand for, the likeliest first.

    Names that begin with it come first, then those whose initials it is ("lr" for "learning-rate"), then those with
    nearly the same letters. There are none if nothing is similar.
    """
    from difflib import SequenceMatcher

    asked = name.lower()
    matcher = SequenceMatcher(None, "", asked)

    def rank(other: str) -> tuple[int, float]:
        """Lower is likelier; 3 is not similar."""
        low = other.lower()
        if len(asked) > 1 and low.startswith(asked):
            return 0, len(low)
        if len(asked) > 1 and asked == "".join(word[0] for word in re.findall("[a-z0-9]+", low)):
            return 1, 0.0
        if sorted(asked) == sorted(low):
            return 2, -1.0
        if len(asked) == len(low) > 2 and sum(map(str.__ne__, asked, low)) == 1:
            return 2, -_SIMILAR
        matcher.set_seq1(low)
        ratios = (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio)  # the quick ones are upper bounds
        return (2, -matcher.ratio()) if all(ratio() >= _SIMILAR for ratio in ratios) else (3, 0.0)

    ranked = sorted((rank(other), other) for other in dict.fromkeys(known) if other)
    return [other for (kind, _), other in ranked if kind < 3][:count]


def probability(logprob: float) -> str:
    """The probability that has this natural logarithm, in three digits; also one too small for a float: 1.25e-869."""
    if logprob > math.log(1e-4) or math.isinf(logprob):
        return f"{math.exp(logprob):.3g}"
    exponent, fraction = divmod(logprob / math.log(10), 1)
    digits = round(10**fraction, 2)
    return f"1.00e{exponent + 1:.0f}" if digits == 10 else f"{digits:.2f}e{exponent:.0f}"
