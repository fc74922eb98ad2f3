"""What a run of the tests has counted, printed at its end: kills survived, faults injected, bad files tried."""

from collections import Counter
from typing import Any

import pytest

_COUNTED: Counter[str] = Counter()


def count(name: str, number: int = 1) -> None:
    """Add to a count; call it once what is counted has been checked."""
    _COUNTED[name] += number


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands its counts to the process that prints them."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["counted"] = dict(_COUNTED)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add the counts of a worker; one that crashed has none."""
    _COUNTED.update(getattr(node, "workeroutput", {}).get("counted", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line at the end of the run for each count."""
    if _COUNTED:
        terminalreporter.section("counted by the tests")
        for name, number in sorted(_COUNTED.items()):
            terminalreporter.write_line(f"{name}: {number:,}")
