"""Keeping a row file beside every segment of the published build, after it was published.

Belongs here: which ones are missing or damaged, and when they are made: small ones with the refresh, large ones a slice
at a time. Does not belong here: making one (`pipelines.row_files`), and deleting them (`pipelines.snapshot_cleanup`).

Readers do without until they are there, so nothing that fails here fails a refresh.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from datetime import datetime, timedelta
from time import sleep
from typing import Final

import duckdb

from pipelines.durable_files import remove_leftovers
from pipelines.lake.catalog import read_pointer
from pipelines.lake.clock import Clock
from pipelines.lake.paths import Home
from pipelines.lake.row_files import Identity, RowFileError, identity, rows_name
from pipelines.publish import snapshot_segments
from pipelines.row_file_checks import check_bytes
from pipelines.row_files import remove_unless_in_use, write_row_file
from pipelines.segments import Segment
from pipelines.sliced_work import BETWEEN_SLICES_SECONDS, SlicedWork

_log = logging.getLogger(__name__)

SMALL_ROWS: Final = 32_768
"""A row file of so many rows takes a tenth of a second: it is made before the refresh lock is let go of."""
LOOK_AGAIN: Final = timedelta(minutes=10)
"""Files are looked at again without anything having been published: one may have been damaged or deleted."""
AFTER_A_FAILURE: Final = timedelta(minutes=2)
_FAULTS: Final = (RowFileError, duckdb.Error, OSError)


class RowFileUpkeep(SlicedWork):
    """One home's row files. `step` it often; it does nothing when there is nothing to do."""

    def __init__(self, home: Home, clock: Clock) -> None:
        """Nothing is looked at before the first step."""
        super().__init__(home)
        self._clock = clock
        self._whole: dict[str, Identity] = {}
        self._not_before: dict[str, datetime] = {}
        self._seen: Identity | None = None
        self._seen_at: datetime | None = None

    def _failed(self) -> None:
        _log.exception("row files cannot be made")

    def _begin(self) -> Generator[None] | None:
        build, now = identity(self._home.current_pointer), self._clock.now()
        due = self._seen_at is None or not self._seen_at <= now < self._seen_at + LOOK_AGAIN
        if build is None or (build == self._seen and not due):
            return None
        self._seen, self._seen_at = build, now
        return self._all()

    def _all(self) -> Generator[None]:
        segments = _published(self._home)
        names, now = {one.name for one in segments}, self._clock.now()
        self._whole = {name: one for name, one in self._whole.items() if name in names}
        self._not_before = {name: at for name, at in self._not_before.items() if at > now}
        # The latest first, which are the small ones: they were published last and are asked for most.
        for segment in sorted(segments, key=lambda one: one.row_count):
            if segment.name not in self._not_before:
                yield from self._keep_one(segment)

    def _keep_one(self, segment: Segment) -> Generator[None]:
        path = self._home.segments / rows_name(segment.name)
        try:
            found = identity(path)
            known = found is not None and found == self._whole.get(segment.name)
            if not known and not (yield from _is_whole(self._home, segment)):
                yield from write_row_file(self._home, segment)
                found = identity(path)
        except _FAULTS as fault:
            _log.warning("the row file of segment %s cannot be made: %s", segment.name, fault)
            self._not_before[segment.name] = self._clock.now() + AFTER_A_FAILURE
            return
        if found is not None:
            self._whole[segment.name] = found


def write_small_row_files(home: Home) -> None:
    """Make the row files of the published build's small segments, where there are none. Only under the refresh lock."""
    try:
        remove_leftovers(home.segments, remove_unless_in_use)
        for segment in _published(home):
            if segment.row_count <= SMALL_ROWS and not (home.segments / rows_name(segment.name)).is_file():
                for _ in write_row_file(home, segment):
                    pass
    except _FAULTS as fault:
        _log.warning("a row file cannot be made, segments are asked instead: %s", fault)


def complete_row_files(home: Home, clock: Clock) -> None:
    """Make every row file that is missing or damaged, giving way to refreshes in between."""
    upkeep = RowFileUpkeep(home, clock)
    while upkeep.step():
        sleep(BETWEEN_SLICES_SECONDS)


def _is_whole(home: Home, segment: Segment) -> Generator[None, None, bool]:
    if not (home.segments / rows_name(segment.name)).is_file():
        return False
    try:
        yield from check_bytes(home, segment)
    except RowFileError as fault:
        _log.warning("a row file is made anew: %s", fault)
        return False
    return True


def _published(home: Home) -> list[Segment]:
    """Return the segments of the published build that have rows."""
    try:
        pointer = read_pointer(home)
    except ValueError:
        return []
    segments = None if pointer is None else snapshot_segments(home, pointer.file)
    return [one for one in segments or () if one.row_count > 0]
