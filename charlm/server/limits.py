"""Limits of a server, each of which a request meets with a status of its own."""

from dataclasses import dataclass

from charlm.settings import check_count, check_range


@dataclass(frozen=True)
class Limits:
    """What a server takes from its clients.

    body: bytes of a request (413). prompt: tokens of all prompts of a request (400). tokens: tokens of a completion
    (400). choices: completions of a request, and texts to score (400). logprobs: alternatives of each token (400).
    open: requests that are open at a time (429). seconds: for a request (504), and for its body (408). grace: seconds
    that the server goes on with open requests after it was asked to stop (503 for new ones).
    """

    body: int = 4 * 2**20
    prompt: int = 100_000
    tokens: int = 4096
    choices: int = 256
    logprobs: int = 20
    open: int = 256
    seconds: float = 600.0
    grace: float = 30.0

    def __post_init__(self) -> None:
        for name in ("body", "prompt", "tokens", "choices", "logprobs", "open"):
            check_count(name, getattr(self, name), 1)
        for name in ("seconds", "grace"):
            check_range(name, getattr(self, name), 0, 1e6)
