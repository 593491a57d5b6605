"""Messages of tools made short enough to be read in a log line.

Belongs here: cutting and joining text. Does not belong here: what a message says.
"""

from __future__ import annotations


def one_line(message: str) -> str:
    """Return a message's content on one line, short enough to be read."""
    return short(" ".join(message.split()), 400)


def short(words: str, limit: int = 100) -> str:
    """Cut text that is too long to be read; dbt names a test by all its arguments."""
    return words if len(words) <= limit else words[: limit - 1] + "…"
