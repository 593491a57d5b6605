"""What to merge next.

Belongs here: groups, size tiers and day files, and reading them from the ledger. Does not belong here: merging.

While a UTC day lasts, its files are merged by size: as soon as 32 are of one tier they become one, so that a row is
rewritten about once per tier and a day never has more than some two hundred files. Once the day is over, everything
received on it goes into day files of up to four million rows.

No file holds the rows of more than 5,000 landing files: each of them is a row of the ledger that has to change in the
transaction of the merge, and others wait for that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, func, select, union_all

from pipelines.lake.ledger import compacted_files, landed_files

SMALLEST_TIER_ROWS: Final = 128
TIER_FACTOR: Final = 8
FILES_PER_TIER: Final = 32
DAY_FILE_ROWS: Final = 4_000_000
MOST_MEMBERS: Final = 5_000
"""Landing files in a compacted one: the ledger moves so many in some tenths of a second, even where it is slow."""
DAY_ENDS_AFTER: Final = timedelta(minutes=10)
"""So long after midnight UTC a day counts as over: a commit that began before it has ended by then."""


@dataclass(frozen=True, order=True)
class Group:
    """What may be merged with each other: one workspace's files of one received day (`YYYY-MM-DD`, UTC)."""

    received_day: str
    workspace_id: str


@dataclass(frozen=True)
class Unit:
    """A file of the record as it lies on disk.

    Attributes:
        relative_path: path under the landing folder.
        sha256: digest of its bytes, hex.
        byte_count: its size.
        row_count: rows in it.
        first_file_seq: its only landing file, or the first of those in it.
        compacted_id: id of the compacted file; None for a landing file.
        member_count: landing files whose rows it holds.
    """

    relative_path: str
    sha256: str
    byte_count: int
    row_count: int
    first_file_seq: int
    compacted_id: str | None
    member_count: int = 1


def tier(row_count: int) -> int:
    """Return the size tier of a file with this many rows, 0 for the smallest."""
    level, limit = 0, SMALLEST_TIER_ROWS
    while row_count >= limit:
        level, limit = level + 1, limit * TIER_FACTOR
    return level


def is_over(received_day: str, now: datetime) -> bool:
    """Whether nothing more will be received on that UTC day."""
    begins = datetime.combine(date.fromisoformat(received_day), datetime.min.time(), UTC)
    return now >= begins + timedelta(days=1) + DAY_ENDS_AFTER


def next_merge(units: Sequence[Unit], *, over: bool) -> list[Unit]:
    """Return the files of a group to merge next, in landing order; none when there is nothing to gain.

    Args:
        units: the group's files.
        over: whether its day is over.
    """
    ordered = sorted(units, key=lambda unit: unit.first_file_seq)
    candidates = _unfinished(ordered) if over else _crowded(ordered)
    chosen: list[Unit] = []
    rows = members = 0
    for unit in candidates:
        rows, members = rows + unit.row_count, members + unit.member_count
        if rows > DAY_FILE_ROWS or members > MOST_MEMBERS:
            break
        chosen.append(unit)
    return chosen if len(chosen) > 1 else []


def _unfinished(units: Sequence[Unit]) -> list[Unit]:
    """Return the files that are too small to stay; any two of them fit into one."""
    return [unit for unit in units if unit.row_count <= DAY_FILE_ROWS // 2 and unit.member_count <= MOST_MEMBERS // 2]


def _crowded(units: Sequence[Unit]) -> list[Unit]:
    """Return the smallest crowded tier's files."""
    tiers: defaultdict[int, list[Unit]] = defaultdict(list)
    for unit in _unfinished(units):
        tiers[tier(unit.row_count)].append(unit)
    crowded = [level for level, members in tiers.items() if len(members) >= FILES_PER_TIER]
    return tiers[min(crowded)] if crowded else []


def groups_with_work(connection: Connection, now: datetime) -> list[Group]:
    """Return the groups that have enough files to be worth a closer look, oldest day first. It is a cheap question."""
    loose = landed_files.c
    live = compacted_files.c
    files = union_all(
        select(loose.workspace_id, loose.received_day).where(
            loose.compacted_file_id.is_(None), loose.dropped_at_us.is_(None), loose.row_count <= DAY_FILE_ROWS // 2
        ),
        select(live.workspace_id, live.received_day).where(
            live.superseded_at_us.is_(None), live.row_count <= DAY_FILE_ROWS // 2
        ),
    ).subquery()
    counted = (
        select(files.c.received_day, files.c.workspace_id, func.count())
        .group_by(files.c.received_day, files.c.workspace_id)
        .having(func.count() > 1)
    )
    found = [(Group(day, workspace), count) for day, workspace, count in connection.execute(counted)]
    return sorted(group for group, count in found if count >= FILES_PER_TIER or is_over(group.received_day, now))


def read_units(connection: Connection, group: Group, newest_published: int) -> list[Unit]:
    """Return the group's files whose rows are published; of landing files the first, as many as one merge may take."""
    loose = landed_files.c
    landed = (
        select(loose.relative_path, loose.sha256, loose.byte_count, loose.row_count, loose.file_seq)
        .where(
            loose.workspace_id == group.workspace_id,
            loose.received_day == group.received_day,
            loose.compacted_file_id.is_(None),
            loose.dropped_at_us.is_(None),
            loose.file_seq <= newest_published,
        )
        .order_by(loose.file_seq)
        .limit(MOST_MEMBERS)
    )
    live = compacted_files.c
    held = select(func.count()).where(loose.compacted_file_id == live.file_id).scalar_subquery()
    compacted = select(
        live.relative_path, live.sha256, live.byte_count, live.row_count, live.first_file_seq, live.file_id, held
    ).where(
        live.workspace_id == group.workspace_id,
        live.received_day == group.received_day,
        live.superseded_at_us.is_(None),
    )
    return [
        *(Unit(*row, compacted_id=None) for row in connection.execute(landed)),
        *(Unit(*row) for row in connection.execute(compacted)),
    ]
