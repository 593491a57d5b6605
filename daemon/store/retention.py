"""Removing calls that are older than a person wants them, and never because a clock jumped.

Belongs here: how far the wall clock is believed, and the removal. Does not belong here: how many days and when
(`daemon.config`, the service).

A wall clock that suddenly reads years later would make every call old. So a reading that lies more than three days
beyond the last one that was believed is doubted: nothing is removed until the clock has gone on steadily, beside the
machine's monotonic one, for a whole day of running time. A laptop that was off for a month waits that day too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from daemon.clock import DAY, SECOND
from daemon.store.rows import purged_key
from daemon.store.text import held_list

BELIEVED_AHEAD: Final = 3 * DAY
"""How far beyond the last believed reading another one is believed at once, microseconds."""
STEADY: Final = DAY
"""How long a clock has to go on steadily after a jump, microseconds."""
_SLACK: Final = 3600 * SECOND
CHUNK: Final = 2000
"""Calls removed in one transaction, so that a writer never waits for long."""


@dataclass
class Watch:
    """What a process knows of a doubted clock: the monotonic instant of the last look, None before the first."""

    looked_at_seconds: float | None = None


def believes(connection: sqlite3.Connection, watch: Watch, *, now_us: int, monotonic_seconds: float) -> bool:
    """Say whether the wall clock may decide what is old, and write down what was seen.

    Args:
        connection: within a transaction.
        watch: of this process; changed.
        now_us: the wall clock, UTC microseconds.
        monotonic_seconds: a clock that cannot be set.
    """
    since, watch.looked_at_seconds = watch.looked_at_seconds, monotonic_seconds
    trusted, doubted, watched = connection.execute(
        "SELECT trusted_at_us, doubted_at_us, watched_us FROM retention_clock"
    ).fetchone()
    if now_us > trusted + BELIEVED_AHEAD:
        ran = 0 if since is None else int((monotonic_seconds - since) * SECOND)
        # Asleep, the wall clock goes on and the monotonic one may not.
        steady = doubted is not None and -_SLACK <= (now_us - doubted) - ran <= BELIEVED_AHEAD
        watched = watched + ran if steady else 0
        if watched < STEADY:
            connection.execute("UPDATE retention_clock SET doubted_at_us = ?, watched_us = ?", [now_us, watched])
            return False
    connection.execute("UPDATE retention_clock SET trusted_at_us = ?, doubted_at_us = NULL, watched_us = 0", [now_us])
    return True


def purge_some(
    connection: sqlite3.Connection, before_us: int, *, keep_pending: bool, never_leaving: Collection[str]
) -> int:
    """Remove up to `CHUNK` calls requested before an instant, remember their ids, and return how many.

    Calls of a batch whose answer is not known stay, as do with `keep_pending` all pending ones of projects that leave.
    """
    rows = connection.execute(
        "SELECT id FROM calls WHERE requested_at_us < ? AND (NOT ? OR upload_state <> 'pending'"
        " OR project COLLATE NOCASE IN (SELECT value FROM json_each(?)))"
        " AND NOT EXISTS (SELECT 1 FROM batch_calls WHERE call_id = calls.id)"
        " ORDER BY requested_at_us, id LIMIT ?",
        [before_us, keep_pending, held_list(never_leaving), CHUNK],
    ).fetchall()
    connection.executemany("INSERT OR IGNORE INTO purged_ids (id) VALUES (?)", [(purged_key(row[0]),) for row in rows])
    connection.executemany("DELETE FROM calls WHERE id = ?", rows)
    return len(rows)


def purge_batches(connection: sqlite3.Connection, before_us: int) -> None:
    """Remove accounts of batches that were closed before an instant and hold no call any more."""
    connection.execute(
        "DELETE FROM batches WHERE state <> 'open' AND closed_at_us < ?"
        " AND NOT EXISTS (SELECT 1 FROM calls WHERE calls.batch_id = batches.batch_id)",
        [before_us],
    )
