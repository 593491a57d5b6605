"""Sums per project and day, counted as a cloud counts them.

Belongs here: the one query behind a reconciliation. Does not belong here: comparing (`daemon.cloud`), the sums of
reports (`daemon.report`).
"""

from __future__ import annotations

import sqlite3
from datetime import date
from typing import Final

import msgspec

from daemon.calls.tokens import CACHE_APART, THINKING_APART
from daemon.clock import DAY
from daemon.store.text import held_list

_FIRST_DAY: Final = date(1970, 1, 1).toordinal()


class DailyTotal(msgspec.Struct, kw_only=True, frozen=True):
    """Calls of one project, on one UTC day of `recorded_at`, in one upload state.

    Attributes:
        upload_state: `pending`, `sent` or `quarantined`.
        prompt_tokens: sum of the record's `input_tokens`, as each provider counts them.
        completion_tokens: sum of the record's `output_tokens`, likewise.
        cost_millicents: sum of the known costs.
        unpriced_count: calls without one.
    """

    project: str
    day: date
    upload_state: str
    request_count: int
    prompt_tokens: int
    completion_tokens: int
    cost_millicents: int
    unpriced_count: int


def daily_totals(connection: sqlite3.Connection, from_day: date, to_day: date) -> list[DailyTotal]:
    """Return the sums of the days, both included, by day, project and state."""
    rows = connection.execute(
        "SELECT project, recorded_at_us / ?1, upload_state, count(*),"
        " sum(uncached_input_tokens + CASE WHEN provider IN (SELECT value FROM json_each(?2)) THEN 0"
        "     ELSE cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens END),"
        " sum(output_tokens - CASE WHEN provider IN (SELECT value FROM json_each(?3)) THEN thinking_tokens ELSE 0 END),"
        " coalesce(sum(cost_millicents), 0), sum(cost_millicents IS NULL)"
        " FROM calls WHERE recorded_at_us >= ?4 AND recorded_at_us < ?5 GROUP BY 2, 1, 3 ORDER BY 2, 1, 3",
        (DAY, held_list(CACHE_APART), held_list(THINKING_APART), _start(from_day), _start(to_day) + DAY),
    )
    return [
        DailyTotal(
            project=row[0],
            day=date.fromordinal(_FIRST_DAY + row[1]),
            upload_state=row[2],
            request_count=row[3],
            prompt_tokens=row[4],
            completion_tokens=row[5],
            cost_millicents=row[6],
            unpriced_count=row[7],
        )
        for row in rows
    ]


def _start(day: date) -> int:
    return (day.toordinal() - _FIRST_DAY) * DAY
