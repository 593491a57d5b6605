"""Compaction and retention in the background: a slice of work whenever the refresher has nothing better to do.

Belongs here: when to look for work, backing off, and telling the history of runs. Does not belong here: work (`run`)
and its slices (`pipelines.sliced_work`).
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from pipelines.compaction.plan import DAY_ENDS_AFTER, Group
from pipelines.compaction.run import CompactionResult, work_of
from pipelines.compaction.sweep import Swept
from pipelines.lake.clock import Clock
from pipelines.lake.paths import Home
from pipelines.sliced_work import SlicedWork

_log = logging.getLogger(__name__)

LOOK_AGAIN: Final = timedelta(minutes=10)
"""Bytes that were replaced become deletable without anything else happening."""
SHORTEST_PAUSE: Final = timedelta(seconds=10)
"""Between two looks for work, however often something is published."""
AFTER_A_FAILURE: Final = timedelta(minutes=2)
DAMAGED_LEFT_ALONE: Final = timedelta(hours=1)
"""A damaged file is not read again and again, only to be found damaged."""


@dataclass
class _Look:
    """What the last look for work was at."""

    at: datetime
    day: str
    build: tuple[int, int] | None


class Upkeep(SlicedWork):
    """One home's background work. `step` it often; it does nothing when there is nothing to do."""

    def __init__(self, home: Home, engine: Engine, clock: Clock) -> None:
        """Nothing is looked at before the first step.

        Args:
            home: whose files.
            engine: its app database.
            clock: tells days and paces the work.
        """
        super().__init__(home)
        self._engine, self._clock = engine, clock
        self._result = CompactionResult()
        self._last: _Look | None = None
        self._not_before: datetime | None = None
        self._left_alone: dict[Group, datetime] = {}

    def close(self) -> None:
        """Give up what is under way; the next step looks for work again."""
        super().close()
        self._last = None

    def _failed(self) -> None:
        _log.exception("compaction failed and will be tried again in %d s", AFTER_A_FAILURE.total_seconds())
        self._not_before = self._clock.now() + AFTER_A_FAILURE

    def _begin(self) -> Generator[None] | None:
        now = self._clock.now()
        look = _Look(now, (now - DAY_ENDS_AFTER).astimezone(UTC).date().isoformat(), self._build())
        if look.build is None or not self._is_due(look):
            return None
        self._last = look
        self._left_alone = {group: until for group, until in self._left_alone.items() if until > now}
        # What was settled stays so, unless this process drops days itself.
        swept = self._result.swept
        known = {} if self._result.days_dropped else swept.settled
        self._result = CompactionResult(swept=Swept(settled=known, settled_on=swept.settled_on))
        return work_of(
            self._home,
            self._engine,
            self._clock,
            self._result,
            progress=_log.debug,
            leave_alone=self._left_alone.keys(),
        )

    def _is_due(self, look: _Look) -> bool:
        if self._not_before is not None and look.at < self._not_before:
            return False
        last = self._last
        if last is None or look.at < last.at or look.at - last.at >= LOOK_AGAIN:
            return True
        changed = (look.day, look.build) != (last.day, last.build)
        return changed and look.at - last.at >= SHORTEST_PAUSE

    def _build(self) -> tuple[int, int] | None:
        """Return what changes whenever a build is published; None before the first."""
        try:
            stat = self._home.current_pointer.stat()
        except FileNotFoundError:
            return None
        return stat.st_ino, stat.st_mtime_ns

    def _ended(self) -> None:
        result, now = self._result, self._clock.now()
        self._left_alone |= dict.fromkeys(result.damaged_groups, now + DAMAGED_LEFT_ALONE)
        if result.did_anything:
            _log.info("compaction: %s", result.summary())
            # Imported late: Dagster takes seconds, and a refresher with nothing to tell should not pay for it.
            from pipelines.assets.compaction import report_compaction  # noqa: PLC0415

            report_compaction(self._home, result)
