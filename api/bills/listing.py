"""Bills as they stand, and as they once stood.

Belongs here: reading bills, their lines and their history for people. Does not belong here: changing them
(`statements`, `uploads`), comparing them with what was logged (`dbt_project`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Row, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from api.errors import invalid, not_found
from pipelines.lake.bills import bill_connections, bill_lines, bill_periods

LIMIT_MAX: Final = 500
LINES_SHOWN: Final = 5_000
_P: Final = bill_periods.c


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedBills:
    """Which bills are asked for.

    Attributes:
        provider: of this one only.
        first_day: that end on this day or later.
        last_day: that begin on this day or earlier.
        history: superseded and withdrawn ones as well.
        limit: most of a page.
        after: id of the last bill of the page before.
    """

    provider: str | None = None
    first_day: date | None = None
    last_day: date | None = None
    history: bool = False
    limit: int = 100
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """A period with its sums.

    Attributes:
        row: of `bill_periods`, with `provider` and `kind` of its connection.
        sums: picodollars by category.
        lines: how many it has.
    """

    row: Row[Any]
    sums: Mapping[str, int]
    lines: int


def find_bills(session: Session, workspace_id: str, wanted: WantedBills) -> tuple[Sequence[Bill], str | None]:
    """Return a page of bills, newest days first, and the id to go on after; None when that was all.

    Raises:
        Refused: 422 there is no bill to go on after.
    """
    query = _bills().where(_P.workspace_id == workspace_id)
    if wanted.provider is not None:
        query = query.where(bill_connections.c.provider == wanted.provider)
    if wanted.first_day is not None:
        query = query.where(_P.last_day >= wanted.first_day.isoformat())
    if wanted.last_day is not None:
        query = query.where(_P.first_day <= wanted.last_day.isoformat())
    if not wanted.history:
        query = query.where(_P.superseded_at_us.is_(None))
    if wanted.after is not None:
        place = select(_P.first_day, _P.id).where(_P.id == wanted.after, _P.workspace_id == workspace_id)
        last = session.execute(place).one_or_none()
        if last is None:
            raise invalid("The cursor is not one of these bills.", code="invalid_cursor")
        query = query.where(or_(_P.first_day < last.first_day, and_(_P.first_day == last.first_day, _P.id < last.id)))
    rows = session.execute(query.order_by(_P.first_day.desc(), _P.id.desc()).limit(wanted.limit + 1)).all()
    page = rows[: wanted.limit]
    return _with_sums(session, page), page[-1].id if len(rows) > len(page) else None


def all_lines(session: Session, workspace_id: str, period_id: str) -> Sequence[Row[Any]]:
    """Return every line of a bill.

    Raises:
        Refused: 404 the workspace has no such bill.
    """
    if session.execute(select(_P.id).where(_P.id == period_id, _P.workspace_id == workspace_id)).first() is None:
        raise not_found("bill_not_found", "No such bill.")
    of = bill_lines.c
    return session.execute(select(bill_lines).where(of.period_id == period_id).order_by(of.line_number)).all()


def find_bill(session: Session, workspace_id: str, period_id: str) -> tuple[Bill, Sequence[Row[Any]], Sequence[Bill]]:
    """Return a bill, its lines (the first `LINES_SHOWN`), and every statement of the same days, newest first.

    Raises:
        Refused: 404 the workspace has no such bill.
    """
    row = session.execute(_bills().where(_P.id == period_id, _P.workspace_id == workspace_id)).one_or_none()
    if row is None:
        raise not_found("bill_not_found", "No such bill.")
    of = bill_lines.c
    lines = session.execute(
        select(bill_lines).where(of.period_id == period_id).order_by(of.line_number).limit(LINES_SHOWN)
    ).all()
    same_days = _bills().where(
        _P.connection_id == row.connection_id, _P.first_day == row.first_day, _P.last_day == row.last_day
    )
    revisions = session.execute(same_days.order_by(_P.revision.desc())).all()
    return _with_sums(session, [row])[0], lines, _with_sums(session, revisions)


def _bills() -> Select[Any]:
    of = bill_connections.c
    return select(bill_periods, of.provider, of.kind).join(bill_connections, of.id == _P.connection_id)


def _with_sums(session: Session, rows: Sequence[Row[Any]]) -> list[Bill]:
    of = bill_lines.c
    query = (
        select(of.period_id, of.category, func.sum(of.amount_picousd), func.count())
        .where(of.period_id.in_([row.id for row in rows]))
        .group_by(of.period_id, of.category)
    )
    sums: dict[str, dict[str, int]] = {row.id: {} for row in rows}
    lines = dict.fromkeys(sums, 0)
    for period_id, category, amount, count in session.execute(query):
        sums[period_id][category] = int(amount)  # PostgreSQL adds up integers to a decimal
        lines[period_id] += count
    return [Bill(row, sums[row.id], lines[row.id]) for row in rows]
