"""Reading every connection that is due; one that fails says why and stops no other.

Belongs here: which connections and days are read, and what became of it. Does not belong here: schedules
(`pipelines.assets`), providers (their own modules), rows (`recording`).

Days are whole UTC days up to yesterday. Each reading goes back some days, because providers restate theirs; after a
pause it goes back to where the last good one was. A day counts as complete a day after its end; one of which nothing is
billed yet is not written before it would be read for the last time, for it may be late.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine, Row, column, select, table, update

from pipelines.billing.bills import BilledPeriod, BillError
from pipelines.billing.connections import ConnectionSettings, Reach, earliest_day, read_days
from pipelines.billing.credentials import CredentialVault
from pipelines.billing.http import BillingError, StoppedError
from pipelines.billing.recording import ConnectionGoneError, Recorded, lock_connection, record_periods
from pipelines.billing.turns import TurnTakenError, turn
from pipelines.lake.bills import ERROR_LENGTH, ConnectionKind, bill_connections
from pipelines.lake.clock import Clock, from_micros, to_micros
from pipelines.lake.paths import Home

_log = logging.getLogger(__name__)
_workspaces = table("workspaces", column("id"), column("deletion_requested_at_us"))

READ_BY: Final = "server"
SETTLED_AFTER: Final = timedelta(days=1)
"""Providers' costs lag behind by about as much."""
RETRY_AFTER: Final = timedelta(hours=1)
HOUR_OF_DAY: Final = 5
"""In UTC: from then on yesterday is due; before it providers have little of it."""
TURN_SECONDS: Final = 300.0
"""So long somebody who asked for bills waits for another reader of the same connection."""
_STOPPED: Final = "The server was stopped while the provider was waited for."
_NOT_NOW: Final = "Another process reads this connection at the moment; try again in some minutes."


@dataclass(frozen=True)
class Reading:
    """What reading one connection did.

    Attributes:
        connection_id: which one.
        workspace_id: whose.
        provider: as daemons name it.
        kind: of the connection.
        name: what people call it.
        first_day: first day asked for; None when there was none to ask for.
        last_day: last one.
        recorded: how many days were written.
        error: why it failed, for people; None when it did not.
    """

    connection_id: str
    workspace_id: str
    provider: str
    kind: str
    name: str
    first_day: date | None = None
    last_day: date | None = None
    recorded: Recorded = field(default_factory=Recorded)
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to read.

    Attributes:
        workspace_id: this one's connections only.
        connection_id: this one only.
        first_day: from this day on, instead of looking back.
        last_day: up to this day, instead of yesterday.
        only_due: leave out what was read since 05:00 UTC, failed within the hour, or is being read by somebody else.
    """

    workspace_id: str | None = None
    connection_id: str | None = None
    first_day: date | None = None
    last_day: date | None = None
    only_due: bool = False


def read_bills(
    home: Home,
    engine: Engine,
    clock: Clock,
    wanted: Wanted | None = None,
    *,
    read_by: str = READ_BY,
    reach: Reach | None = None,
    stop: threading.Event | None = None,
) -> list[Reading]:
    """Read connections, one after the other, and write down what is new, a transaction each.

    No two read one connection at once, in whatever process or thread.

    Args:
        home: whose keys open the connections' credentials.
        engine: its app database.
        clock: tells today.
        wanted: which connections and days; every connection and its usual days when None.
        read_by: who reads, for the record.
        reach: how providers are reached.
        stop: once it is set, no further connection is begun.

    Returns:
        What became of each, in the order they were made.
    """
    wanted, reach = wanted or Wanted(), reach or Reach()
    readings: list[Reading] = []
    for listed in _connections(engine, wanted, clock.now()):
        if stop is not None and stop.is_set():
            break
        try:
            with turn(home, listed.id, patience_seconds=0.0 if wanted.only_due else TURN_SECONDS):
                # Looked up again: whoever had the turn before may have read it.
                readings += [
                    _read_one(home, engine, clock, row, wanted, read_by=read_by, reach=reach)
                    for row in _connections(engine, replace(wanted, connection_id=listed.id), clock.now())
                ]
        except TurnTakenError:
            if not wanted.only_due:
                readings.append(replace(_about(listed), error=_NOT_NOW))
    return readings


def _connections(engine: Engine, wanted: Wanted, now: datetime) -> Sequence[Row[Any]]:
    of = bill_connections.c
    leaving = select(_workspaces.c.id).where(_workspaces.c.deletion_requested_at_us.is_not(None))
    query = select(bill_connections).where(
        of.disabled_at_us.is_(None), of.kind != ConnectionKind.MANUAL.value, of.workspace_id.not_in(leaving)
    )
    if wanted.workspace_id is not None:
        query = query.where(of.workspace_id == wanted.workspace_id)
    if wanted.connection_id is not None:
        query = query.where(of.id == wanted.connection_id)
    with engine.execution_options(read_only=True).connect() as connection:
        rows = connection.execute(query.order_by(of.created_at_us, of.id)).all()
    return [row for row in rows if _is_due(row, now)] if wanted.only_due else rows


def _is_due(row: Row[Any], now: datetime) -> bool:
    if row.last_error is None:
        return row.last_success_at_us is None or _reading_day(from_micros(row.last_success_at_us)) < _reading_day(now)
    return row.last_attempt_at_us is None or from_micros(row.last_attempt_at_us) + RETRY_AFTER <= now


def _reading_day(at: datetime) -> date:
    return (at - timedelta(hours=HOUR_OF_DAY)).date()


def _about(row: Row[Any]) -> Reading:
    return Reading(row.id, row.workspace_id, row.provider, row.kind, row.name)


def _read_one(
    home: Home, engine: Engine, clock: Clock, row: Row[Any], wanted: Wanted, *, read_by: str, reach: Reach
) -> Reading:
    about = _about(row)
    credential = ""
    try:
        kind, settings = ConnectionKind(row.kind), ConnectionSettings.from_json(row.settings)
        if row.sealed_credential is not None:
            credential = CredentialVault(home).open(row.id, row.sealed_credential)
        today = clock.now().date()
        yesterday = today - timedelta(days=1)
        first, last = _span(row, kind, settings, today, wanted)
        periods: list[BilledPeriod] = []
        if first <= last:
            about = replace(about, first_day=first, last_day=last)
            periods = read_days(kind, settings, credential or None, first, last, reach)
        at = clock.now()
        judged = [_judged(period, settings, at) for period in periods]
        recorded = _record(
            engine,
            row,
            judged,
            late={one.first_day for one in judged if not one.has_amounts and not _is_final(one, settings, at)},
            is_up_to_date=last == yesterday and first <= _usual_first(row, kind, settings, last),
            read_by=read_by,
            at=at,
        )
        return replace(about, recorded=recorded)
    except StoppedError:
        return replace(about, error=_STOPPED)  # noted nowhere: it stays due
    except ConnectionGoneError:
        return replace(about, error="The connection was removed while it was read.")
    except (BillingError, BillError) as fault:
        reason = str(fault)
    except Exception as fault:  # noqa: BLE001 - one connection's fault must not keep the others from being read
        # Whatever it is, its message may hold what was sent: the key goes from it.
        told = traceback.format_exc()
        _log.error("reading the bills of %s failed: %s", row.id, told.replace(credential, "…") if credential else told)
        reason = f"Reading failed unexpectedly ({type(fault).__name__}); the server's log says more."
    _note_failure(engine, row.id, reason, clock.now())
    return replace(about, error=reason[:ERROR_LENGTH])


def _usual_first(row: Row[Any], kind: ConnectionKind, settings: ConnectionSettings, last: date) -> date:
    """Return the first day to ask for so that no day is left out, up to `last`."""
    begin = max(settings.start_day, earliest_day(kind))
    if row.last_success_at_us is None:
        return begin
    # Every day is read once more when it is `lookback_days` old, however long nobody read anything.
    read_on = from_micros(row.last_success_at_us).date()
    return max(begin, min(last, read_on) - timedelta(days=settings.lookback_days - 1))


def _span(
    row: Row[Any], kind: ConnectionKind, settings: ConnectionSettings, today: date, wanted: Wanted
) -> tuple[date, date]:
    """Return the first and the last day to ask for; the first is after the last when there is none."""
    yesterday = today - timedelta(days=1)
    last = min(wanted.last_day or yesterday, yesterday)
    begin = max(settings.start_day, earliest_day(kind))
    if wanted.first_day is not None:
        return max(begin, wanted.first_day), last
    if last < yesterday:
        return max(begin, last - timedelta(days=settings.lookback_days - 1)), last
    return _usual_first(row, kind, settings, last), last


def _record(
    engine: Engine,
    row: Row[Any],
    periods: Sequence[BilledPeriod],
    *,
    late: Collection[date],
    is_up_to_date: bool,
    read_by: str,
    at: datetime,
) -> Recorded:
    with engine.begin() as connection:
        now = lock_connection(connection, row.id)
        if now.disabled_at_us is not None:
            raise BillingError("The connection was disconnected while it was read.")
        if now.last_success_at_us != row.last_success_at_us:
            return Recorded(unchanged=len(periods))  # somebody else read it meanwhile, and later than this answer
        recorded = record_periods(connection, row.id, periods, read_by=read_by, at=at, not_begun=late)
        done: dict[str, Any] = {"last_attempt_at_us": to_micros(at), "last_error": None}
        if is_up_to_date:
            done["last_success_at_us"] = to_micros(at)
        connection.execute(update(bill_connections).where(bill_connections.c.id == row.id).values(done))
    return recorded


def _judged(period: BilledPeriod, settings: ConnectionSettings, at: datetime) -> BilledPeriod:
    """Return the period as complete only if nothing more is to be expected."""
    midnight = datetime.combine(period.last_day + timedelta(days=1), datetime.min.time(), at.tzinfo)
    is_settled = at >= midnight + SETTLED_AFTER and (period.has_amounts or _is_final(period, settings, at))
    return replace(period, is_complete=period.is_complete and is_settled)


def _is_final(period: BilledPeriod, settings: ConnectionSettings, at: datetime) -> bool:
    """Return whether this is the last time the period is read by itself."""
    return (at.date() - period.last_day).days >= settings.lookback_days


def _note_failure(engine: Engine, connection_id: str, reason: str, at: datetime) -> None:
    told = {"last_attempt_at_us": to_micros(at), "last_error": reason[:ERROR_LENGTH]}
    with engine.begin() as connection:
        connection.execute(update(bill_connections).where(bill_connections.c.id == connection_id).values(told))
