"""Dates for people and for JSON: when a file was written. Nothing that charlm computes depends on them."""

import time


def day(seconds: float) -> str:
    """Format a time, in seconds since the epoch, as a day: 2026-10-21."""
    return time.strftime("%Y-%m-%d", time.localtime(seconds))


def minute(seconds: float) -> str:
    """Format a time as a day and a minute: 2026-10-21 14:05."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def timestamp(seconds: float | None) -> str | None:
    """Format a time for JSON, by ISO 8601: 2026-10-21T14:05:59+0200."""
    return None if seconds is None else time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(seconds))
