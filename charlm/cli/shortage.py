"""Errors of a process that may not have more memory or more threads, in one sentence."""

_SIGNS_OF_MEMORY = (
    "allocate memory",
    "out of memory",
    "failed to map segment",  # of the dynamic linker, which loads torch
    "error return without exception set",  # of Python, where an extension had no memory for its error
)


def sentence(error: Exception) -> str:
    """Return what this process lacks, and what to try; an empty string for an error with another reason."""
    if isinstance(error, MemoryError) or any(sign in str(error) for sign in _SIGNS_OF_MEMORY):
        limit = _limit("RLIMIT_AS")
        allowed = "" if limit is None else f": this process may use {limit / 1e6:,.0f} MB (ulimit -v)"
        return f"not enough memory{allowed}; to train, try a smaller --hidden-size, --batch-size or --seq-len"
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return "the system allows no more threads (ulimit -u); end other programs, or raise the limit"
    return ""


def _limit(name: str) -> int | None:
    """Return a limit of this process, or None if there is none."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, _ = resource.getrlimit(getattr(resource, name))
    return None if soft == resource.RLIM_INFINITY else soft
