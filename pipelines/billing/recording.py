"""Writing bills down: what a provider states anew supersedes what it stated before, and never adds to it.

That holds over connections, too: one that was ended and made again reads the same account's days, and each counts once.

Belongs here: comparing with what is there, and the rows of one reading, in the caller's transaction. Does not belong
here: reading providers (`run`), what a bill is (`bills`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, column, func, insert, select, table, update

from pipelines.billing.bills import BilledPeriod, lines_sha256
from pipelines.billing.connections import account_of
from pipelines.lake.bills import bill_connections, bill_lines, bill_periods
from pipelines.lake.clock import to_micros

_workspaces = table("workspaces", column("id"))


class ConnectionGoneError(Exception):
    """The connection is not there any more."""


@dataclass(frozen=True)
class Recorded:
    """How many periods were written.

    Attributes:
        new: of days nothing was known of.
        restated: that superseded another.
        unchanged: of which nothing was written.
    """

    new: int = 0
    restated: int = 0
    unchanged: int = 0


def lock_connection(connection: Connection, connection_id: str) -> Row[Any]:
    """Return a connection's row, locked until the transaction ends; its workspace's row before it, as everywhere.

    Raises:
        ConnectionGoneError: there is none.
    """
    of = bill_connections.c
    whose = select(of.workspace_id).where(of.id == connection_id)
    workspace_id = connection.execute(whose).scalar_one_or_none()
    lock = select(_workspaces.c.id).where(_workspaces.c.id == workspace_id).with_for_update(key_share=True)
    connection.execute(lock)
    row = connection.execute(select(bill_connections).where(of.id == connection_id).with_for_update()).one_or_none()
    if row is None:
        raise ConnectionGoneError
    return row


def record_periods(
    connection: Connection,
    connection_id: str,
    periods: Iterable[BilledPeriod],
    *,
    read_by: str,
    at: datetime,
    not_begun: Collection[date] = (),
) -> Recorded:
    """Write down what is new in these periods, in the caller's transaction.

    A period that says what the current one of the same days says writes nothing. One that differs, in its lines, its
    requests or in whether it is complete, supersedes it. One with amounts also supersedes what an ended connection to
    the same account said of its days.

    Args:
        connection: to the app database.
        connection_id: where the bills come from.
        periods: at most one of the same days.
        read_by: who read or typed them.
        at: now.
        not_begun: first days of periods that are not written where nothing was known of their days.

    Raises:
        ConnectionGoneError: there is no such connection.
        BillError: a period cannot be kept as it is; nothing of this call should be committed.
    """
    of_connection = lock_connection(connection, connection_id)
    workspace_id, ended_ones = of_connection.workspace_id, _ended_before(connection, of_connection)
    at_us = to_micros(at)
    still_holds = bill_periods.c.superseded_at_us.is_(None)
    new = restated = unchanged = 0
    for period in periods:
        rows = period.rows()
        sha256 = lines_sha256(rows)
        current = _current(connection, connection_id, period)
        if current is None and period.first_day in not_begun:
            continue
        if current is not None:
            if (current.sha256, current.is_complete, current.request_count) == (
                sha256, period.is_complete, period.request_count,
            ):  # fmt: skip
                unchanged += 1
                continue
            ended = update(bill_periods).where(bill_periods.c.id == current.id).values(superseded_at_us=at_us)
            connection.execute(ended)
            restated += 1
        else:
            new += 1
        if ended_ones and period.has_amounts:
            connection.execute(
                update(bill_periods).where(_of_the_days(ended_ones, period), still_holds).values(superseded_at_us=at_us)
            )
        period_id = str(uuid4())
        connection.execute(
            insert(bill_periods).values(
                id=period_id,
                workspace_id=workspace_id,
                connection_id=connection_id,
                first_day=period.first_day.isoformat(),
                last_day=period.last_day.isoformat(),
                revision=_newest_revision(connection, connection_id, period) + 1,
                read_at_us=at_us,
                read_by=read_by,
                is_complete=period.is_complete,
                request_count=period.request_count,
                sha256=sha256,
                note=period.note,
            )
        )
        if rows:
            connection.execute(insert(bill_lines), [{"period_id": period_id, **row} for row in rows])
    return Recorded(new, restated, unchanged)


def _ended_before(connection: Connection, row: Row[Any]) -> list[str]:
    """Return the ended connections to the same account."""
    of = bill_connections.c
    ended = (of.workspace_id == row.workspace_id) & of.disabled_at_us.is_not(None) & (of.id != row.id)
    found = connection.execute(select(bill_connections).where(ended, of.kind == row.kind)).all()
    return [one.id for one in found if account_of(one) == account_of(row)]


def _of_the_days(connection_ids: Collection[str], period: BilledPeriod) -> Any:
    of = bill_periods.c
    days = (of.first_day == period.first_day.isoformat()) & (of.last_day == period.last_day.isoformat())
    return of.connection_id.in_(connection_ids) & days


def _current(connection: Connection, connection_id: str, period: BilledPeriod) -> Any:
    of = bill_periods.c
    query = select(of.id, of.sha256, of.is_complete, of.request_count)
    whose = _of_the_days([connection_id], period) & of.superseded_at_us.is_(None)
    return connection.execute(query.where(whose)).one_or_none()


def _newest_revision(connection: Connection, connection_id: str, period: BilledPeriod) -> int:
    """Return the greatest revision there ever was of these days, withdrawn ones included; 0 when there was none."""
    newest = select(func.max(bill_periods.c.revision)).where(_of_the_days([connection_id], period))
    return connection.execute(newest).scalar_one() or 0
