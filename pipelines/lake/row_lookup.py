"""Single requests of a published build, from the row files of its segments.

Belongs here: one request by its id and the newest of a workspace, over all segments, with the projects' visibility of
the build. Does not belong here: the format of a row file (`row_files`), and every other question: DuckDB answers those.

The answers are those of the view `fct_requests`. A look-up that cannot be sure raises; asking the view instead is
always right.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import weakref
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from pipelines.lake.decoded_rows import BatchCache, value
from pipelines.lake.row_files import BATCH_ROWS, RowFile, RowFileError, WorkspaceRows, identity

NO_PROJECT: Final = "(not shared)"
"""Stands for the project of rows whose laptop withholds it."""
PROVIDER_REQUEST_ID: Final = "case when json_valid(extra_json) then extra_json ->> '$.provider_request_id' end"
"""The one value that is taken out of the JSON. Row files hold it as a column, so that only DuckDB ever reads JSON."""
DERIVED: Final = "provider_request_id"
BATCHES_READ_MAX: Final = 96
"""A page that needs more (thousands of hidden rows, or of one instant) is DuckDB's work."""

_cache: Final = BatchCache(128)
_open_files: weakref.WeakValueDictionary[Path, RowFile] = weakref.WeakValueDictionary()
_opening: Final = threading.Lock()


def open_row_file(path: Path, segment_sha256: str) -> RowFile:
    """Return a row file, the one open already when it has not been replaced: builds share most segments.

    Raises:
        RowFileError: it is missing, not whole or another segment's.
    """
    with _opening:
        known = _open_files.get(path)
        if known is not None and known.identity == identity(path):
            return known
        opened = RowFile(path, segment_sha256)
        _open_files[path] = opened
        return opened


@dataclass(frozen=True)
class Hidden:
    """From when on a project's requests are withheld.

    Attributes:
        since: of arrival, as the marts hold instants: UTC without zone.
        since_us: the same in microseconds since 1970.
        reason: why.
    """

    since: datetime
    since_us: int
    reason: str | None


HiddenProjects = Mapping[UUID, Mapping[str, Hidden]]
"""By workspace and project."""


class TooMuchToReadError(Exception):
    """A look-up would not be quick; DuckDB has to be asked."""


@dataclass(frozen=True)
class Wanted:
    """Which of a workspace's visible requests a page asks for, newest first.

    Attributes:
        from_us: none before this instant, microseconds since 1970.
        until_us: only before this one.
        limit: most rows.
        after: (instant, 16 bytes of id) of the row the page begins behind; None for the first page.
    """

    from_us: int
    until_us: int
    limit: int
    after: tuple[int, bytes] | None = None

    @property
    def last_us(self) -> int:
        """The newest instant a row may have."""
        return self.until_us - 1 if self.after is None else min(self.until_us - 1, self.after[0])


class RowLookup:
    """The row files of one build. Safe to share between threads."""

    def __init__(self, files: Sequence[RowFile], hidden: HiddenProjects) -> None:
        """Look things up in files that together hold every request of a build.

        Args:
            files: one per segment that has rows.
            hidden: the build's withheld projects.
        """
        self._files = tuple(files)
        self._hidden = hidden

    def by_id(self, workspace_id: UUID, request_id: UUID) -> dict[str, Any] | None:
        """Return a workspace's request, withheld or not, by column name; None when it has none of this id.

        Raises:
            RowFileError: a file is damaged.
        """
        workspace, wanted = workspace_id.bytes, request_id.bytes
        for file in self._files:
            position = file.position(workspace, wanted)
            if position is not None:
                return self._record(file, position, workspace_id, request_id)
        return None

    def newest(self, workspace_id: UUID, columns: Sequence[str], wanted: Wanted) -> list[tuple[Any, ...]]:
        """Return visible requests of a workspace, newest first, those of one instant by descending id.

        Args:
            workspace_id: whose.
            columns: names in the order of the values; ids come as text.
            wanted: which.

        Raises:
            RowFileError: a file is damaged.
            TooMuchToReadError: many rows of one instant, or many withheld ones.
        """
        workspace = workspace_id.bytes
        hidden = self._hidden.get(workspace_id, {})
        tails = [
            _Tail(file, rows, wanted, hidden)
            for file in self._files
            if (rows := file.workspaces.get(workspace)) is not None
            and rows.oldest_us <= wanted.last_us
            and rows.newest_us >= wanted.from_us
        ]
        waiting = [(-tail.newest_us, number) for number, tail in enumerate(tails)]
        heapq.heapify(waiting)
        found: list[_Found] = []
        for read in itertools.count():
            if len(found) >= wanted.limit:
                found.sort(reverse=True)
                del found[wanted.limit :]
            # Rows of one instant may lie in several files: settled is what is strictly newer than all that is left.
            if not waiting or (len(found) == wanted.limit and found[-1][0] > -waiting[0][0]):
                break
            if read == BATCHES_READ_MAX:
                raise TooMuchToReadError("more rows would have to be read than a look-up should")
            tail = tails[waiting[0][1]]
            found += tail.read(waiting[0][1])
            if tail.is_over:
                heapq.heappop(waiting)
            else:
                heapq.heapreplace(waiting, (-tail.newest_us, waiting[0][1]))
        found.sort(reverse=True)
        return _values(tails, found[: wanted.limit], columns)

    def _record(self, file: RowFile, position: int, workspace_id: UUID, request_id: UUID) -> dict[str, Any]:
        batch = file.batch(position // BATCH_ROWS)
        row = position % BATCH_ROWS
        record = {name: value(batch.column(at), row) for at, name in enumerate(file.schema.names)}
        if (record["workspace_id"], record["request_id"]) != (workspace_id, request_id):
            raise RowFileError(f"{file.path.name} is damaged: its list of ids leads to another request")
        project, derived = record["project"], record.pop(DERIVED)
        one = None if project is None else self._hidden.get(workspace_id, {}).get(project)
        logged = record.get("project_as_logged", project)  # row files of earlier releases know one project
        record["project"] = NO_PROJECT if project is None else project
        record["project_as_logged"] = NO_PROJECT if logged is None else logged
        record["withheld_reason"] = one.reason if one is not None and record["received_at"] >= one.since else None
        record[DERIVED] = derived
        return record


_Found = tuple[int, bytes, int, int, int]
"""Instant, id, and where the row is: number of the tail, batch, index."""


class _Tail:
    """One file's rows of a workspace, read from the newest back."""

    def __init__(self, file: RowFile, rows: WorkspaceRows, wanted: Wanted, hidden: Mapping[str, Hidden]) -> None:
        self.file, self._rows, self._wanted, self._hidden = file, rows, wanted, hidden
        first, last = rows.first // BATCH_ROWS, (rows.end - 1) // BATCH_ROWS
        # The last batch may end with another workspace's rows: its newest instant says nothing.
        self._batch = bisect_right(file.newest_us, wanted.last_us, first, last)
        self._first = first
        self.newest_us = min(rows.newest_us, wanted.last_us)

    @property
    def is_over(self) -> bool:
        return self._batch < self._first or self.newest_us < self._wanted.from_us

    def read(self, number: int) -> list[_Found]:
        """Return what is wanted of the next batch, and go on to the one before it."""
        wanted, rows, at = self._wanted, self._rows, self._batch
        batch = _cache.get(self.file, at)
        begin = max(rows.first - at * BATCH_ROWS, 0)
        end = min(rows.end - at * BATCH_ROWS, BATCH_ROWS)
        instants, ids = batch.plain("requested_at"), batch.plain("request_id")
        last = (wanted.until_us, b"") if wanted.after is None else min(wanted.after, (wanted.until_us, b""))
        found = [
            (instants[index], ids[index], number, at, index)
            for index in range(begin, end)
            if instants[index] >= wanted.from_us and (instants[index], ids[index]) < last
        ]
        if self._hidden:
            projects, received = batch.plain("project"), batch.plain("received_at")
            found = [one for one in found if not self._is_hidden(projects[one[4]], received[one[4]])]
        self._batch = at - 1
        if at > self._first:
            self.newest_us = min(self.newest_us, self.file.newest_us[at - 1])
        return found

    def _is_hidden(self, project: str | None, received_us: int) -> bool:
        one = None if project is None else self._hidden.get(project)
        return one is not None and one.reason is not None and received_us >= one.since_us


def _values(tails: Sequence[_Tail], found: Sequence[_Found], columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the columns of the rows found, in their order."""
    by_batch: dict[tuple[int, int], list[int]] = {}
    for place, (_, _, number, at, _) in enumerate(found):
        by_batch.setdefault((number, at), []).append(place)
    answer: list[tuple[Any, ...]] = [()] * len(found)
    for (number, at), places in by_batch.items():
        batch = _cache.get(tails[number].file, at)
        indexes = [found[place][4] for place in places]
        picked = [_shown(name, map(batch.column(name).__getitem__, indexes)) for name in columns]
        for place, row in zip(places, zip(*picked, strict=True), strict=True):
            answer[place] = row
    return answer


def _shown(name: str, values: Iterable[Any]) -> Iterable[Any]:
    return values if name != "project" else (NO_PROJECT if one is None else one for one in values)
