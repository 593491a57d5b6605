"""What every part of a store works on.

Belongs here: the open file and the present. Does not belong here: anything about rows.
"""

from __future__ import annotations

from pathlib import Path

from daemon.clock import Clock, to_micros
from daemon.store.database import Database


class Opened:
    """An open store's file and clock."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Open the file; see `daemon.store.database`."""
        self._clock = clock
        self._database = Database(path)

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._database.path

    def close(self) -> None:
        """Close the file; repeating it does nothing, anything else afterwards raises `StoreUnavailable`."""
        self._database.close()

    def _now(self) -> int:
        """Return the present, UTC microseconds."""
        return to_micros(self._clock.now())
