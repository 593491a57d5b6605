"""Work in the background, a slice of time at a time: whenever the refresher has nothing better to do.

Belongs here: slices under the refresh lock, pausing and going on, and outliving failures. Does not belong here: the
work itself (`pipelines.compaction`, `pipelines.row_file_upkeep`) and when there is some.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from time import perf_counter
from typing import Final

from pipelines.lake.paths import Home
from pipelines.refresh_lock import refresh_lock

SLICE_SECONDS: Final = 0.4
"""After so long the refresh lock is given up at the next occasion, hundredths of a second later: a refresh waits half
a second."""
BETWEEN_SLICES_SECONDS: Final = 0.02
"""Whoever goes on and on leaves the lock alone so long, so that whoever waits for it gets it."""


def go_on(work: Generator[None], home: Home, seconds: float = SLICE_SECONDS) -> bool:
    """Work for a slice of time under the refresh lock.

    Args:
        work: yields wherever the lock may change hands.
        home: whose lock.
        seconds: until when to begin another step.

    Returns:
        Whether there is more to do.
    """
    with refresh_lock(home):
        until = perf_counter() + seconds
        for _ in work:
            if perf_counter() >= until:
                return True
    return False


class SlicedWork(ABC):
    """One home's work of one kind. `step` it often; it does nothing when there is nothing to do."""

    def __init__(self, home: Home) -> None:
        """Nothing is looked at before the first step.

        Args:
            home: whose work.
        """
        self._home = home
        self._work: Generator[None] | None = None

    def step(self) -> bool:
        """Work for about half a second under the refresh lock, if there is work. A failure is logged.

        Returns:
            Whether there is more to do at once.
        """
        try:
            if self._work is None:
                self._work = self._begin()
            if self._work is None:
                return False
            if go_on(self._work, self._home):
                return True
            self._work = None
            self._ended()
        except Exception:  # noqa: BLE001 - work in the background must never keep the marts from being refreshed
            self.close()
            self._failed()
        return False

    def close(self) -> None:
        """Give up what is under way; the next step begins it again."""
        if self._work is not None:
            self._work.close()
        self._work = None

    @abstractmethod
    def _begin(self) -> Generator[None] | None:
        """Return the work there is to do now; None when there is none, or not yet."""

    def _ended(self) -> None:  # noqa: B027 - most have nothing to tell
        """Called when work came to its end."""

    @abstractmethod
    def _failed(self) -> None:
        """Called while the exception that ended the work is being handled: log it, and choose when to try again."""
