"""The rank of this process among those that train one model together, from torchrun's environment variables."""

import os
from typing import NamedTuple


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
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return Launch()
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "TORCHELASTIC_RESTART_COUNT")
    return Launch(*(int(os.environ[name]) for name in names))
