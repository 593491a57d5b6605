"""Importing as logs grow.

Belongs here: looking again, and only at what changed. Does not belong here: reading (`importing`), showing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from daemon.clock import SECOND, Clock, to_micros
from daemon.importers.importing import Import
from daemon.importers.tally import FileResult
from daemon.store.errors import StoreUnavailable

_LOOK_AGAIN_US: Final = 60 * SECOND
"""How often to look at an unchanged file that has calls waiting."""

_Look = tuple[int, int, int]


class Follower:
    """Imports what is new, each time it is asked to look."""

    def __init__(self, run: Import, files: Callable[[], Iterable[Path]], clock: Clock) -> None:
        """Follow the files that `files` finds, new ones included."""
        self._run = run
        self._files = files
        self._clock = clock
        self._seen: dict[Path, _Look] = {}
        self._waiting: dict[Path, int] = {}

    @property
    def waiting(self) -> int:
        """How many files have calls of which more may come."""
        return len(self._waiting)

    def look(self, told: Callable[[FileResult], None]) -> None:
        """Import what changed since the last look; `told` hears of each file that was read.

        Raises:
            StoreUnavailable: some of it could not be written, and is tried again at the next look.
        """
        now_us = to_micros(self._clock.now())
        for path in self._files():
            look = _look_of(path)
            due = now_us - self._waiting.get(path, now_us) >= _LOOK_AGAIN_US
            if self._seen.get(path) == look and not due:
                continue
            result = self._run.read(path)
            self._seen[path] = look
            self._waiting.pop(path, None)
            if result.tally.waiting:
                self._waiting[path] = now_us
            if not result.unchanged or result.error:
                told(result)

    def until(
        self, wait: Callable[[], bool], told: Callable[[FileResult], None], failed: Callable[[Exception], None]
    ) -> None:
        """Look again and again until `wait`, which lets some time pass, says that it is enough.

        Args:
            wait: returns whether to end.
            told: hears of each file that was read.
            failed: hears that the store could not be written; nothing is lost by that.
        """
        while True:
            try:
                self.look(told)
            except StoreUnavailable as error:
                failed(error)
            if wait():
                return


def _look_of(path: Path) -> _Look:
    """Return what changes when a file does: which file it is, its size, when it was written."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_size, found.st_mtime_ns)
