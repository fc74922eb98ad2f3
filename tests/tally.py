"""What a run of the tests has counted, printed at its end: kills survived, faults injected, bad files tried."""

from collections import Counter

import pytest

_COUNTED: Counter[str] = Counter()


def count(name: str, number: int = 1) -> None:
    """Add to a count; call it once what is counted has been checked."""
    _COUNTED[name] += number


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line at the end of the run for each count."""
    if _COUNTED:
        terminalreporter.section("counted by the tests")
        for name, number in sorted(_COUNTED.items()):
            terminalreporter.write_line(f"{name}: {number:,}")
