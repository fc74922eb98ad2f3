"""Which of the processes that train one model together this is, as torchrun says in the environment."""

import os
from typing import NamedTuple


class Launch(NamedTuple):
    """One process by itself, unless torchrun has started it."""

    rank: int = 0  # among all processes
    world_size: int = 1  # how many there are
    local_rank: int = 0  # among those of this machine
    restarts: int = 0  # times that torchrun has begun again

    @property
    def first(self) -> bool:
        """Whether this one writes and talks."""
        return self.rank == 0


def launched() -> Launch:
    """Other programs set RANK too, and mean other things by it: it counts beside the mark of torchrun alone."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return Launch()
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "TORCHELASTIC_RESTART_COUNT")
    return Launch(*(int(os.environ[name]) for name in names))
