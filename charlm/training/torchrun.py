"""What this process knows from torchrun: its rank among those that train one model, and whether torchrun still runs."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

_LAUNCHED = "TORCHELASTIC_RUN_ID"  # a variable that torchrun sets, and nothing else
_POLL_SECONDS = 1.0


class Launch(NamedTuple):
    """The rank of a process, and of how many; the defaults are those of a process by itself."""

    rank: int = 0  # among all processes
    world_size: int = 1  # number of processes
    local_rank: int = 0  # among the processes of this machine
    restarts: int = 0  # how often torchrun has restarted the run

    @property
    def first(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0


def launched() -> Launch:
    """Read the environment. RANK counts only if torchrun set it, since other programs set a RANK of their own."""
    if _LAUNCHED not in os.environ:
        return Launch()
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "TORCHELASTIC_RESTART_COUNT")
    return Launch(*(int(os.environ[name]) for name in names))


@contextmanager
def stopped_with_launcher() -> Iterator[None]:
    """Send SIGTERM to this process if torchrun ends inside the context and leaves it, as when torchrun is killed.

    Otherwise, the processes would train on after the end of torchrun, and nobody could stop all of them.
    """
    if _LAUNCHED not in os.environ:
        yield
        return
    launcher, left = os.getppid(), threading.Event()

    def watch() -> None:
        while not left.wait(_POLL_SECONDS):
            if os.getppid() != launcher:  # an orphan gets another parent
                os.kill(os.getpid(), signal.SIGTERM)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        left.set()
