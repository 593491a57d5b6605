"""What can go wrong with the local store.

Belongs here: the exceptions of `daemon.store`. Does not belong here: what callers do about them.

    StoreError
    ├── StoreUnavailable   disk full, read-only, locked for too long, an I/O error: nothing was written; keep and retry
    ├── StoreTooNew        a later release wrote the file; this one leaves it alone
    └── StoreDamaged       the file is no store, or a torn one; a person has to look
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

_DAMAGED: Final = ("malformed", "not a database", "disk image")


class StoreError(Exception):
    """Any failure of the local store; the message is one plain sentence that names the file."""


class StoreUnavailable(StoreError):  # noqa: N818 - the name says what happened
    """The store cannot be written or read now. What was to be written is not; trying again later may work."""


class StoreTooNew(StoreError):  # noqa: N818 - the name says what happened
    """The file was written by a later release."""


class StoreDamaged(StoreError):  # noqa: N818 - the name says what happened
    """The file is damaged, or is no store at all."""


def translated(error: sqlite3.Error | OSError, path: Path) -> StoreError:
    """Return what `error`, raised on the store at `path`, means to a caller."""
    said = str(error) or type(error).__name__
    if isinstance(error, sqlite3.DatabaseError) and any(word in said for word in _DAMAGED):
        return StoreDamaged(f"{path} is damaged ({said}): move it away to begin anew")
    return StoreUnavailable(f"{path} cannot be used: {said}")
