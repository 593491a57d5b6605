"""Reading `/proc` itself: small, bounded, and never an error.

Belongs here: texts, links and owners of entries below `/proc`. Does not belong here: files of people (`reading`), which
need far more care, and what the entries mean (`linux`, `tcp_table`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_PART: Final = 1 << 16


def read_entry(path: str, limit: int) -> bytes:
    """Return up to `limit` octets of an entry, empty when it cannot be read."""
    try:
        with Path(path).open("rb", buffering=0) as file:
            parts: list[bytes] = []
            # The kernel gives tables a page at a time.
            while limit > 0 and (part := file.read(min(limit, _PART))):
                parts.append(part)
                limit -= len(part)
            return b"".join(parts)
    except OSError:
        return b""


def read_link(path: str, folder: int | None = None) -> str | None:
    """Return where a link of `/proc` points, without going there; `path` may be relative to an open `folder`."""
    try:
        return os.readlink(path, dir_fd=folder)
    except OSError:
        return None


def owner_of(path: str) -> int | None:
    """Return the number of the user who owns an entry: whose process it is."""
    try:
        return os.stat(path).st_uid  # noqa: PTH116 - asked of every process there is; a Path costs more than the call
    except OSError:
        return None


def numbers_in(folder: str | int) -> list[int]:
    """Return the entries of a folder whose names are numbers, as processes' are, from the greatest down."""
    names = os.listdir(folder)  # noqa: PTH208 - only names are wanted
    return sorted((int(name) for name in names if name.isdigit()), reverse=True)
