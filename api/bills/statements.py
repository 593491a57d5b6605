"""Bills that people state: typed in, or taken from a file. Corrections are new revisions, and nothing is deleted.

Belongs here: the rules of statements, the one manual connection per provider they stand under, withdrawing, and the
audit of it. Does not belong here: files (`uploads`), connections that are read (`connections`), rows
(`pipelines.billing.recording`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Row, insert, select, update
from sqlalchemy.orm import Session

from api.audit import Actor, AuditEvent, Detail, Resource, record_event
from api.bills.money import exact_sum
from api.db.session import lock_workspace
from api.errors import Refused, conflict, invalid, not_found
from pipelines.billing.amounts import amount_text
from pipelines.billing.bills import BilledPeriod, BillError
from pipelines.billing.connections import PROVIDERS, ConnectionSettings
from pipelines.billing.recording import Recorded, record_periods
from pipelines.lake.bills import DESCRIPTION_LENGTH, ConnectionKind, LineCategory, bill_connections, bill_periods
from pipelines.lake.clock import to_micros

STATEMENTS_NAME: Final = "Statements"
EARLIEST_DAY: Final = date(2020, 1, 1)
PERIOD_DAYS_MAX: Final = 366
LINES_MAX: Final = 500
REASON_LENGTH_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Stated:
    """What a statement did.

    Attributes:
        connection_id: the provider's manual connection.
        recorded: how many periods are new, restated, unchanged.
    """

    connection_id: str
    recorded: Recorded


def state_bill(
    session: Session, workspace_id: str, provider: str, period: BilledPeriod, *, actor: Actor, at: datetime
) -> Stated:
    """Write down what a provider billed for a span of days, as people read it off its statement.

    The same days stated again are corrected: the earlier statement stays, superseded. Stating the same thing again
    changes nothing.

    Raises:
        Refused: 404 no such workspace; 422 the provider, the days or the lines are not usable.
    """
    if not 1 <= len(period.lines) <= LINES_MAX:
        raise invalid(f"A statement has 1 to {LINES_MAX} lines.")
    stated = record_manual(session, workspace_id, provider, [period], actor=actor, at=at)
    if stated.recorded.unchanged:
        return stated
    details: dict[str, Detail] = {
        "provider": provider,
        "first_day": period.first_day.isoformat(),
        "last_day": period.last_day.isoformat(),
        "corrects_an_earlier_one": bool(stated.recorded.restated),
        **{f"{category}_usd": text for category, text in _sums(period).items()},
    }
    resource = Resource("bill", stated.connection_id)
    event = AuditEvent.BILL_STATED
    record_event(session, workspace_id, actor=actor, event=event, resource=resource, details=details, at=at)
    return stated


def record_manual(
    session: Session, workspace_id: str, provider: str, periods: Sequence[BilledPeriod], *, actor: Actor, at: datetime
) -> Stated:
    """Write periods down under the provider's manual connection, made on first use. The caller records the event.

    Raises:
        Refused: 404 no such workspace; 422 the provider, the days or the lines are not usable.
    """
    if provider not in PROVIDERS:
        raise invalid(f"The provider must be one of {', '.join(PROVIDERS)}.")
    for period in periods:
        check_days(period.first_day, period.last_day, at)
    lock_workspace(session, workspace_id)
    connection_id = _manual_connection(session, workspace_id, provider, actor=actor, at=at)
    try:
        recorded = record_periods(session.connection(), connection_id, periods, read_by=actor.id, at=at)
    except BillError as fault:
        raise unkeepable(fault) from None
    return Stated(connection_id, recorded)


def withdraw_bill(
    session: Session, workspace_id: str, period_id: str, reason: str, *, actor: Actor, at: datetime
) -> Row[Any]:
    """Withdraw a statement, as if the days had never been stated; it stays in the history.

    Returns:
        The period as it was, with its provider.

    Raises:
        Refused: 404 no such bill in force; 409 it was read from the provider; 422 there is no reason.
    """
    reason = checked_reason(reason)
    lock_workspace(session, workspace_id)
    of = bill_periods.c
    query = (
        select(bill_periods, bill_connections.c.provider, bill_connections.c.kind)
        .join(bill_connections, bill_connections.c.id == of.connection_id)
        .where(of.id == period_id, of.workspace_id == workspace_id, of.superseded_at_us.is_(None))
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise not_found("bill_not_found", "No such bill, or another has taken its place.")
    if row.kind != ConnectionKind.MANUAL.value:
        raise conflict("bill_not_manual", "This bill was read from the provider; end its connection instead.")
    session.execute(update(bill_periods).where(of.id == period_id).values(superseded_at_us=to_micros(at)))
    details: dict[str, Detail] = {
        "provider": row.provider, "first_day": row.first_day, "last_day": row.last_day, "revision": row.revision,
        "reason": reason,
    }  # fmt: skip
    resource, event = Resource("bill", period_id), AuditEvent.BILL_WITHDRAWN
    record_event(session, workspace_id, actor=actor, event=event, resource=resource, details=details, at=at)
    return row


def check_days(first: date, last: date, at: datetime) -> None:
    """Refuse days no statement is of.

    Raises:
        Refused: 422.
    """
    if first < EARLIEST_DAY or last > at.date() + timedelta(days=PERIOD_DAYS_MAX):
        raise invalid(f"Bills begin on {EARLIEST_DAY.isoformat()} or later, and end within a year from now.")
    if not 0 <= (last - first).days < PERIOD_DAYS_MAX:
        raise invalid(f"A bill covers 1 to {PERIOD_DAYS_MAX} days.")


def checked_reason(reason: str) -> str:
    """Return a reason without the blanks around it.

    Raises:
        Refused: 422 it is empty, too long or not printable.
    """
    reason = reason.strip()
    if not 1 <= len(reason) <= REASON_LENGTH_MAX or not reason.isprintable():
        raise invalid(f"The reason must have 1 to {REASON_LENGTH_MAX} printable characters.")
    return reason


def checked_note(note: str) -> str:
    """Return a note; it may be empty.

    Raises:
        Refused: 422 it is too long or not printable.
    """
    if len(note) > DESCRIPTION_LENGTH or not note.isprintable():
        raise invalid(f"A note or description has at most {DESCRIPTION_LENGTH} printable characters.")
    return note


def unkeepable(fault: BillError) -> Refused:
    """Return the 422 for a bill that cannot be kept."""
    return invalid(str(fault), code="bill_unusable")


def _manual_connection(session: Session, workspace_id: str, provider: str, *, actor: Actor, at: datetime) -> str:
    """Return the provider's manual connection, the oldest in force; made when there is none. Under the lock."""
    of = bill_connections.c
    query = select(of.id).where(
        of.workspace_id == workspace_id,
        of.provider == provider,
        of.kind == ConnectionKind.MANUAL.value,
        of.disabled_at_us.is_(None),
    )
    found = session.execute(query.order_by(of.created_at_us, of.id)).scalars().first()
    if found is not None:
        return found
    made = str(uuid4())
    session.execute(
        insert(bill_connections).values(
            id=made,
            workspace_id=workspace_id,
            provider=provider,
            kind=ConnectionKind.MANUAL.value,
            name=STATEMENTS_NAME,
            settings=ConnectionSettings(start_day=EARLIEST_DAY).to_json(),
            created_at_us=to_micros(at),
            created_by=actor.id,
        )
    )
    return made


def _sums(period: BilledPeriod) -> Mapping[str, str]:
    """Return the sum of each category that has lines, as exact decimal text."""
    sums = {category: [line.amount for line in period.lines if line.category is category] for category in LineCategory}
    return {category.value: amount_text(exact_sum(amounts)) for category, amounts in sums.items() if amounts}


def count_restated(session: Session, workspace_id: str, provider: str, periods: Sequence[BilledPeriod]) -> int:
    """Return how many of these periods' days people have stated before."""
    of, connection = bill_periods.c, bill_connections.c
    query = (
        select(of.first_day, of.last_day)
        .join(bill_connections, connection.id == of.connection_id)
        .where(
            of.workspace_id == workspace_id,
            of.superseded_at_us.is_(None),
            connection.provider == provider,
            connection.kind == ConnectionKind.MANUAL.value,
            connection.disabled_at_us.is_(None),
        )
    )
    stated = {(row.first_day, row.last_day) for row in session.execute(query)}
    return sum((period.first_day.isoformat(), period.last_day.isoformat()) in stated for period in periods)
