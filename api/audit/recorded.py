"""Recorded events as the log shows them.

Belongs here: finding rows of `audit_events` by filter and place. Does not belong here: writing them (`chain`), captured
requests (`captured`).

Text is compared in lower case, as far as the database knows letters: SQLite those of ASCII.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Engine, Row, Select, and_, false, func, or_, select
from sqlalchemy.orm import Session

from api.audit.names import Names
from api.audit.wanted import Place, Wanted
from api.dashboards.periods import DAY, day_start
from api.db.models import AuditRecord
from api.db.session import reading
from pipelines.lake.clock import to_micros

RecordedRow = Row[*tuple[Any, ...]]
ROWS_PER_READ: Final = 1_000
_COLUMNS: Final = tuple(AuditRecord.__table__.columns)


def find_recorded(
    session: Session,
    workspace_id: str,
    wanted: Wanted,
    names: Names,
    *,
    time_zone: str,
    limit: int,
    after: Place | None = None,
) -> Sequence[RecordedRow]:
    """Return the newest `limit` recorded events that are wanted, those after a place when it is given.

    Args:
        session: the open session.
        workspace_id: whose.
        wanted: the filter.
        names: of the workspace's machines and keys, which a search finds too.
        time_zone: IANA zone of the filter's days.
        limit: most rows.
        after: a place in the list, which need not be an event's.
    """
    if not wanted.takes_recorded:
        return []
    query = select(*_COLUMNS).where(
        AuditRecord.workspace_id == workspace_id, *_conditions(wanted, names, time_zone), *_after(after)
    )
    return session.execute(_newest_first(query).limit(limit)).all()


def stream_recorded(
    engine: Engine, workspace_id: str, wanted: Wanted, names: Names, *, time_zone: str
) -> Iterator[RecordedRow]:
    """Yield all recorded events that are wanted, newest first, a thousand to a transaction."""
    after = None
    while True:
        with reading(engine) as session:
            rows = find_recorded(
                session, workspace_id, wanted, names, time_zone=time_zone, limit=ROWS_PER_READ, after=after
            )
        yield from rows
        if len(rows) < ROWS_PER_READ:
            return
        after = Place(rows[-1].at_us, rows[-1].position, None)


def _newest_first(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return query.order_by(AuditRecord.at_us.desc(), AuditRecord.position.desc())


def _conditions(wanted: Wanted, names: Names, time_zone: str) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    events = wanted.events()
    if events is not None:
        conditions.append(AuditRecord.event.in_(events) if events else false())
    if wanted.first_day:
        conditions.append(AuditRecord.at_us >= to_micros(day_start(wanted.first_day, time_zone)))
    if wanted.last_day:
        conditions.append(AuditRecord.at_us < to_micros(day_start(wanted.last_day + DAY, time_zone)))
    if wanted.actor:
        named = AuditRecord.actor_id.in_(names.ids_like(wanted.actor))
        conditions.append(or_(_has(AuditRecord.actor_id, wanted.actor), named))
    if wanted.search:
        ids = names.ids_like(wanted.search)
        columns = (AuditRecord.actor_id, AuditRecord.event, AuditRecord.resource_type, AuditRecord.resource_id)
        conditions.append(
            or_(
                *(_has(column, wanted.search) for column in columns),
                *(_has(AuditRecord.details, written) for written in _as_written(wanted.search)),
                AuditRecord.actor_id.in_(ids),
                AuditRecord.resource_id.in_(ids),
            )
        )
    return conditions


def _after(place: Place | None) -> list[ColumnElement[bool]]:
    if place is None:
        return []
    earlier = AuditRecord.at_us < place.at_us
    if place.position is None:  # captured requests come last of their instant
        return [earlier]
    return [or_(earlier, and_(AuditRecord.at_us == place.at_us, AuditRecord.position < place.position))]


def _has(column: Any, text: str) -> ColumnElement[bool]:
    return func.lower(column).contains(text.lower(), autoescape=True)


def _as_written(text: str) -> set[str]:
    """Return a text as the details' JSON writes it, in both cases: letters beyond ASCII are numbers there."""
    return {json.dumps(one)[1:-1] for one in (text, text.lower(), text.upper())}
