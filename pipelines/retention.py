"""How long requests are kept, and letting go of the files in which nothing is kept any more.

Belongs here: the horizon, and the ledger transaction that drops whole received days. Does not belong here: the setting
(`api.workspaces`), leaving requests out of the marts (`dbt_project`), deleting bytes (`pipelines.compaction.sweep`).

A workspace's horizon is a whole UTC day: today minus its `retention_days`. Requests made before it are in no mart. It
moves at midnight UTC, and each move leads to one full build, with the first refresh of the day (the hourly one at the
latest): at most one full build a day, and one per change of the setting. Two days later, when every row received on a
day is past it (an instant is at most 48 hours ahead of its receipt), that day's files are dropped: first in the ledger,
and their bytes after a grace. Ledger rows, batches and their chain stay; a row that is sent again after its file was
dropped was made before the horizon, and so never counts twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, Integer, column, func, select, table, update

from pipelines.lake.clock import Clock, to_micros
from pipelines.lake.ledger import Uuid36, compacted_files, landed_files

AHEAD_OF_RECEIPT: Final = timedelta(days=2)
"""How far an accepted instant may be ahead of its receipt; `api.ingest.rules` sets aside what is further."""
# By name: the process that keeps the marts fresh never loads the models of people's tables.
_workspaces: Final = table("workspaces", column("id", Uuid36), column("retention_days", Integer))


@dataclass(frozen=True)
class DroppedDay:
    """A received day of a workspace whose files were dropped."""

    workspace_id: str
    received_day: str
    files: int
    rows: int


def horizon(today: date, retention_days: int | None) -> date | None:
    """Return the first UTC day whose requests a workspace keeps on `today` (UTC); None when it keeps them all."""
    if retention_days is None:
        return None
    # A horizon before the calendar begins keeps everything there can be.
    return today - timedelta(days=min(retention_days, (today - date.min).days))


def drop_expired(
    engine: Engine, clock: Clock, published: Mapping[str, date], newest_published: int
) -> list[DroppedDay]:
    """Drop, in the ledger, every received day of which no request is kept. Call it under the refresh lock.

    Only what the published build already leaves out is dropped, so that what readers see can always be recomputed, and
    only what today's setting would leave out too, so that a longer retention is honoured from the moment it is set.

    Args:
        engine: the app database.
        clock: tells today.
        published: workspace id to the horizon of the published build, for workspaces that have one.
        newest_published: the newest landing file in that build.

    Returns:
        The days dropped.
    """
    today = clock.now().astimezone(UTC).date()
    dropped: list[DroppedDay] = []
    for workspace_id, built_horizon in sorted(published.items()):
        if not _candidates(engine, workspace_id, built_horizon, newest_published):
            continue
        with engine.begin() as connection:
            set_horizon = horizon(today, _retention_days(connection, workspace_id))
            if set_horizon is not None:
                first_kept = min(built_horizon, set_horizon)
                dropped += _drop(connection, workspace_id, first_kept, newest_published, to_micros(clock.now()))
    return dropped


def _retention_days(connection: Connection, workspace_id: str) -> int | None:
    """Read the setting, which nobody can change until this transaction ends."""
    query = select(_workspaces.c.retention_days).where(_workspaces.c.id == workspace_id)
    days: int | None = connection.execute(query.with_for_update(key_share=True)).scalar_one_or_none()
    return days


def _candidates(engine: Engine, workspace_id: str, first_kept: date, newest_published: int) -> bool:
    with engine.connect().execution_options(read_only=True) as connection:
        return bool(_expired_days(connection, workspace_id, first_kept, newest_published))


def _expired_days(
    connection: Connection, workspace_id: str, first_kept: date, newest_published: int
) -> list[tuple[str, int, int]]:
    """Return (received day, files, rows) of days past in whole, by the calendar and by their newest request."""
    files = landed_files.c
    kept_from_us = to_micros(datetime.combine(first_kept, time.min, UTC))
    query = (
        select(files.received_day, func.count(), func.sum(files.row_count))
        .where(
            files.workspace_id == workspace_id,
            files.dropped_at_us.is_(None),
            files.received_day < (first_kept - AHEAD_OF_RECEIPT).isoformat(),
        )
        .group_by(files.received_day)
        .having(func.max(files.last_requested_at_us) < kept_from_us, func.max(files.file_seq) <= newest_published)
        .order_by(files.received_day)
    )
    return [(day, count, int(rows)) for day, count, rows in connection.execute(query)]


def _drop(
    connection: Connection, workspace_id: str, first_kept: date, newest_published: int, now_us: int
) -> list[DroppedDay]:
    dropped: list[DroppedDay] = []
    for day, count, rows in _expired_days(connection, workspace_id, first_kept, newest_published):
        of_day = (landed_files.c.workspace_id == workspace_id) & (landed_files.c.received_day == day)
        connection.execute(
            update(landed_files).where(of_day, landed_files.c.dropped_at_us.is_(None)).values(dropped_at_us=now_us)
        )
        live = (compacted_files.c.workspace_id == workspace_id) & (compacted_files.c.received_day == day)
        connection.execute(
            update(compacted_files)
            .where(live, compacted_files.c.superseded_at_us.is_(None))
            .values(superseded_at_us=now_us)
        )
        dropped.append(DroppedDay(workspace_id, day, count, rows))
    return dropped
