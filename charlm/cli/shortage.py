"""Errors of a process that may not have more memory or more threads, in one sentence."""

from charlm.errors import is_out_of_memory


def sentence(error: Exception) -> str:
    """Return what this process lacks, and what to try; an empty string for an error with another reason."""
    if is_out_of_memory(error):
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
