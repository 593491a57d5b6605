"""A month's figures, as they stand in the published analysis, and whether all of the month is in it.

Belongs here: reading them, and refusing while something of the month is not built yet. Does not belong here: closing
(`closing`), how figures are made (`dbt_project`, models of `analysis/reconciliation`).

Months are calendar months of the providers' days, in UTC.
"""

from __future__ import annotations

import calendar
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import duckdb
from sqlalchemy import Engine, func, or_, select
from sqlalchemy.orm import Session

from api.db.session import reading
from api.errors import Refused, conflict
from pipelines.analysis.exports import finance_digests, read_finance
from pipelines.lake.analysis_catalog import ANALYSIS_TABLE, AnalysisReader
from pipelines.lake.bills import bill_periods
from pipelines.lake.clock import iso_utc, to_micros
from pipelines.lake.ledger import landed_files
from pipelines.lake.paths import Home

_BILLS: Final = ("bill_periods", "bill_lines")
_COMMIT_MARGIN: Final = timedelta(minutes=1)
"""What was written down shortly before an analysis began may have been committed after it had read the bills."""
_ADDED_UP: Final = ("requests", "unpriced_requests", "withheld_requests")
_AMOUNTS: Final = (
    "logged_picousd", "priced_picousd", "awaiting_picousd", "billed_picousd", "variance_picousd", "tax_picousd",
    "prepaid_picousd",
)  # fmt: skip
_SAID: Final = ("source", "is_complete", "unit_suspect", "colour")
_FIGURES: Final = f"""
    select provider, {", ".join((*_ADDED_UP, *_AMOUNTS, *_SAID))}
    from mart_reconciliation_monthly
    where workspace_id = $workspace_id and utc_month = $month
    order by provider
"""  # noqa: S608 - our own names
_INFO: Final = f"select built_at, data_as_of, max_file_seq, inputs from {ANALYSIS_TABLE}"  # noqa: S608 - our own name


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """What is known of a month.

    Attributes:
        month: its first day.
        build_id: build of the marts the figures are from.
        analysis_id: the analysis they are in.
        built_at: when that was made, aware UTC.
        data_as_of: arrival of the newest request in it, ISO-8601; None when there is none.
        max_file_seq: newest landing file in it.
        totals: a row per provider, and `all`; whole picodollars are text, for they may be wider than 64 bits.
        bills: what changes when the workspace's bills do.
    """

    month: date
    build_id: str
    analysis_id: str
    built_at: datetime
    data_as_of: str | None
    max_file_seq: int
    totals: tuple[Mapping[str, Any], ...]
    bills: tuple[object, ...]


def read_figures(home: Home, engine: Engine, workspace_id: str, month: date) -> MonthFigures:
    """Return a month's figures. Hold no transaction meanwhile: several are opened.

    Raises:
        Refused: 409 `month_not_built`: there are none, or bills have changed since.
    """
    with reading(engine) as session:
        bills = _bills_trace(session, workspace_id)
    figures, inputs = _published(home, workspace_id, month, bills)
    with reading(engine) as session:
        changed = _changed_bills(session, workspace_id, month, figures.built_at)
    if changed:
        known, now = inputs["finance"], finance_digests(read_finance(engine))
        if any(known.get(name) != now[name] for name in _BILLS):
            raise not_built("Bills of the month have changed since the figures were made.")
    return figures


def require_whole(session: Session, workspace_id: str, figures: MonthFigures) -> None:
    """Refuse a month of which requests or bills came in since its figures were read. Under the workspace's lock.

    Raises:
        Refused: 409 `month_not_built`.
    """
    first, end = to_micros(_midnight(figures.month)), to_micros(_midnight(next_month(figures.month)))
    of = landed_files.c
    missing = select(func.count()).where(
        of.workspace_id == workspace_id,
        of.file_seq > figures.max_file_seq,
        of.row_count > 0,
        of.first_requested_at_us < end,
        of.last_requested_at_us >= first,
    )
    if session.execute(missing).scalar_one():
        raise not_built("Requests of the month have come in that are not in the figures.")
    if _bills_trace(session, workspace_id) != figures.bills:
        raise not_built("Bills of the month have changed since the figures were made.")


def next_month(month: date) -> date:
    """Return the first day of the month after."""
    return month + timedelta(days=calendar.monthrange(month.year, month.month)[1])


def not_built(reason: str) -> Refused:
    """Return the 409 for a month whose figures are not all there."""
    return conflict("month_not_built", f"{reason} Try again in some minutes.")


def _published(
    home: Home, workspace_id: str, month: date, bills: tuple[object, ...]
) -> tuple[MonthFigures, dict[str, Any]]:
    reader = AnalysisReader(home)
    analysis = reader.current()
    reader.close()
    if analysis is None:
        raise not_built("No figures have been made yet.")
    with analysis, analysis.cursor() as cursor:
        try:
            built_at, data_as_of, max_file_seq, inputs = cursor.execute(_INFO, {}).fetchall()[0]
            asked = {"workspace_id": uuid.UUID(workspace_id), "month": month}
            rows = cursor.execute(_FIGURES, asked).fetchall()
        except (duckdb.CatalogException, duckdb.BinderException):  # of a release before this one
            raise not_built("No figures of this release have been made yet.") from None
        figures = MonthFigures(
            month=month,
            build_id=analysis.build_id,
            analysis_id=analysis.analysis_id,
            built_at=built_at.replace(tzinfo=UTC),
            data_as_of=None if data_as_of is None else iso_utc(data_as_of.replace(tzinfo=UTC)),
            max_file_seq=max_file_seq,
            totals=tuple(_total(row) for row in rows),
            bills=bills,
        )
    return figures, json.loads(inputs)


def _total(row: tuple[Any, ...]) -> Mapping[str, Any]:
    total = dict(zip(("provider", *_ADDED_UP, *_AMOUNTS, *_SAID), row, strict=True))
    return {name: _exact(name, value) for name, value in total.items()}


def _exact(name: str, value: Any) -> Any:
    return str(int(value)) if name in _AMOUNTS and value is not None else value


def _bills_trace(session: Session, workspace_id: str) -> tuple[object, ...]:
    of = bill_periods.c
    newest = (func.max(of.read_at_us), func.max(of.superseded_at_us))
    query = select(func.count(), func.count(of.superseded_at_us), *newest).where(of.workspace_id == workspace_id)
    return tuple(session.execute(query).one())


def _changed_bills(session: Session, workspace_id: str, month: date, built_at: datetime) -> bool:
    of, since = bill_periods.c, to_micros(built_at - _COMMIT_MARGIN)
    changed = select(func.count()).where(
        of.workspace_id == workspace_id,
        of.first_day < next_month(month).isoformat(),
        of.last_day >= month.isoformat(),
        or_(of.read_at_us >= since, of.superseded_at_us >= since),
    )
    return session.execute(changed).scalar_one() > 0


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
