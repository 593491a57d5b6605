"""Calls of the store, added up.

Belongs here: the SQL that reads a window's calls as parts, one statement over one state of the file. Does not belong
here: tables (`daemon.store`), groupings of parts (`sums`), what is shown.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from daemon.calls.tokens import Tokens, as_reported
from daemon.report.sums import Part, Sums, money_of
from daemon.report.window import Window

_OF_PROJECT: Final = " AND project = ? COLLATE NOCASE"
# Latencies come as text of whole microseconds: rounding keeps their order, so that the quantile stays exact, and one
# statement reads all there is. A time beyond thirty years is no time.
_PARTS: Final = """
    SELECT
        project, provider, model, requested_at_us / ?, billing_basis,
        CASE WHEN status <> 'success' THEN coalesce(error_class, 'unknown') END,
        count(*),
        sum(cost_millicents IS NULL),
        sum(NOT tokens_complete),
        coalesce(sum(cost_millicents), 0),
        sum(uncached_input_tokens), sum(cache_read_tokens), sum(cache_write_5m_tokens), sum(cache_write_1h_tokens),
        sum(output_tokens), sum(thinking_tokens),
        group_concat(CAST(min(latency_ms, 1e12) * 1000 + 0.5 AS INTEGER)) FILTER (WHERE status = 'success')
    FROM calls
    WHERE requested_at_us >= ? AND requested_at_us < ?
"""
_GROUPS: Final = " GROUP BY 1, 2, 3, 4, 5, 6"
_LATER: Final = "SELECT count(*) FROM calls WHERE requested_at_us >= ?"


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a window's calls add up to.

    Attributes:
        window: whose calls.
        project: the only project they are of; None for all.
        parts: the calls, each in exactly one part.
        before: those of the window before; None when nobody asked.
        later_requests: calls that bear a time beyond the present, and are in no part.
        newest_us: when the last call ever was requested; None when there is none at all.
    """

    window: Window
    project: str | None = None
    parts: Sequence[Part] = ()
    before: Sequence[Part] | None = None
    later_requests: int = 0
    newest_us: int | None = None


def read_report(
    connection: sqlite3.Connection, window: Window, *, project: str | None = None, with_previous: bool = False
) -> Report:
    """Return the sums of a window, all read from one state of the file.

    Args:
        connection: of `Store.connection_for_reading`.
        window: whose calls, by `requested_at`.
        project: slug, in any case; None for all.
        with_previous: whether the window before is read too.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    with _one_state(connection):
        parts = _parts(connection, window, project)
        before = _parts(connection, window.previous(), project) if with_previous else None
        later = 0
        if window.open_ended:
            later = _number(connection, _LATER + (_OF_PROJECT if project else ""), window.to_us, *_named(project)) or 0
        newest = _number(connection, "SELECT max(requested_at_us) FROM calls")
    return Report(window=window, project=project, parts=parts, before=before, later_requests=later, newest_us=newest)


def known_projects(connection: sqlite3.Connection, limit: int) -> list[str]:
    """Return some projects' slugs, those with the most calls first."""
    rows = connection.execute("SELECT project FROM calls GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT ?", [limit])
    return [str(project) for (project,) in rows]


@contextmanager
def _one_state(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _parts(connection: sqlite3.Connection, window: Window, project: str | None) -> list[Part]:
    slot = window.slot_us
    sql = _PARTS + (_OF_PROJECT if project else "") + _GROUPS
    rows = connection.execute(sql, [slot, window.from_us, window.to_us, *_named(project)])
    return [_part(row, slot) for row in rows]


def _named(project: str | None) -> list[str]:
    return [project] if project else []


def _number(connection: sqlite3.Connection, sql: str, *parameters: Any) -> int | None:
    return connection.execute(sql, parameters).fetchone()[0]


def _part(row: Sequence[Any], slot_us: int) -> Part:
    project, provider, model, slot, basis, error_class, requests, unpriced, incomplete, millicents, *rest = row
    uncached, cache_read, write_5m, write_1h, output, thinking, latencies = rest
    tokens = Tokens(
        uncached_input=uncached,
        cache_read=cache_read,
        cache_write_5m=write_5m,
        cache_write_1h=write_1h,
        output=output,
        thinking=thinking,
    )
    reported = as_reported(provider, tokens)  # sums convert as single calls do: it only adds and subtracts
    failed = error_class is not None
    sums = Sums(
        requests=requests,
        error_requests=requests if failed else 0,
        unpriced_requests=unpriced,
        unpriced_error_requests=unpriced if failed else 0,
        incomplete_requests=incomplete,
        **reported._asdict(),
        uncached_input_tokens=uncached,
        cache_write_5m_tokens=write_5m,
        cache_write_1h_tokens=write_1h,
        billable_output_tokens=output,
        latencies_us=array("q", map(int, latencies.split(","))) if latencies else array("q"),
    )
    money = money_of(basis)
    setattr(sums, f"{money}_requests", requests)
    setattr(sums, f"{money}_millicents", millicents)
    return Part(project, provider, model, slot * slot_us, error_class, sums)
