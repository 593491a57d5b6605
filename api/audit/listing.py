"""The audit log as one list: recorded events and captured requests, merged by time.

Belongs here: merging, paging, entries. Does not belong here: finding either kind (`recorded`, `captured`), CSV
(`audit_csv`), HTTP (`routes`).

Newest first. A page names a place, not a number, so that what arrives meanwhile repeats and skips nothing.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote

from api.audit.captured import details_of, find_captured, stream_captured
from api.audit.events import ActorType, AuditEvent
from api.audit.families import Family, family_of
from api.audit.messages import ActorShown, AuditAnswer, AuditEntry, AuditFilterShown, ResourceShown
from api.audit.names import Names, names_of
from api.audit.recorded import RecordedRow, find_recorded, stream_recorded
from api.audit.wanted import LIMIT_DEFAULT, Place, Wanted, WantedPage, place_text, with_query
from api.dashboards.queries.requests import RequestRow
from api.dashboards.shown import build_fields
from api.dashboards.view import View
from api.db.session import reading
from pipelines.lake.clock import from_micros, iso_utc, to_micros

_Ordered = tuple[tuple[int, int, int | str], AuditEntry, Place]
_RECORDED_FIRST: Final = 1


def audit_page(view: View, wanted: Wanted, page: WantedPage) -> AuditAnswer:
    """Return one page of the log."""
    with reading(view.engine) as session:
        names = names_of(session, view.workspace_id)
        recorded = find_recorded(
            session,
            view.workspace_id,
            wanted,
            names,
            time_zone=view.time_zone,
            limit=page.limit + 1,
            after=page.after,
        )
    captured = find_captured(view, wanted, names, limit=page.limit + 1, after=page.after)
    found = list(_merged(view, names, recorded, captured))
    shown = found[: page.limit]
    cursor = place_text(shown[-1][2]) if len(found) > page.limit else None
    return AuditAnswer(
        **build_fields(view),
        entries=[entry for _, entry, _ in shown],
        filter=_filter_shown(wanted),
        limit=page.limit,
        next_cursor=cursor,
        next_path=_next_path(view, wanted, page, cursor) if cursor else None,
        csv_path=with_query(view.path("audit.csv"), wanted.pairs()),
    )


def audit_stream(view: View, wanted: Wanted) -> Iterator[AuditEntry]:
    """Yield every entry that is wanted, newest first, holding few of them at a time."""
    with reading(view.engine) as session:
        names = names_of(session, view.workspace_id)
    recorded = stream_recorded(view.engine, view.workspace_id, wanted, names, time_zone=view.time_zone)
    captured = stream_captured(view, wanted, names)
    return (entry for _, entry, _ in _merged(view, names, recorded, captured))


def recorded_entry(row: RecordedRow, names: Names) -> AuditEntry:
    """Return a recorded event as an entry."""
    family = family_of(row.event)
    return AuditEntry(
        id=row.id,
        at=iso_utc(from_micros(row.at_us)),
        family=None if family is None else family.value,
        event=row.event,
        actor=ActorShown(type=row.actor_type, id=row.actor_id, name=names.of(row.actor_type, row.actor_id)),
        resource=ResourceShown(
            type=row.resource_type, id=row.resource_id, name=names.of(row.resource_type, row.resource_id)
        ),
        details=json.loads(row.details),
        position=row.position,
        hash=row.hash,
        path=None,
    )


def _captured_entry(view: View, row: RequestRow, names: Names) -> AuditEntry:
    device = ActorType.DEVICE.value
    return AuditEntry(
        id=row.request_id,
        at=iso_utc(row.requested_at),
        family=Family.REQUESTS.value,
        event=AuditEvent.REQUEST_CAPTURED.value,
        actor=ActorShown(type=device, id=row.device_id, name=names.of(device, row.device_id)),
        resource=ResourceShown(type="request", id=row.request_id, name=None),
        details=details_of(row),
        position=None,
        hash=None,
        path=f"/{quote(view.reader.slug, safe='')}/traces/{row.request_id}",
    )


def _merged(
    view: View, names: Names, recorded: Iterable[RecordedRow], captured: Iterable[RequestRow]
) -> Iterator[_Ordered]:
    return heapq.merge(
        (((row.at_us, _RECORDED_FIRST, row.position), recorded_entry(row, names), _place_of(row)) for row in recorded),
        (
            (
                (at_us := to_micros(row.requested_at), 0, row.request_id),
                _captured_entry(view, row, names),
                Place(at_us, None, row.request_id),
            )
            for row in captured
        ),
        key=lambda ordered: ordered[0],
        reverse=True,
    )


def _place_of(row: RecordedRow) -> Place:
    return Place(row.at_us, row.position, None)


def _next_path(view: View, wanted: Wanted, page: WantedPage, cursor: str) -> str:
    limit = [] if page.limit == LIMIT_DEFAULT else [("limit", str(page.limit))]
    return with_query(view.path("audit"), [*wanted.pairs(), ("cursor", cursor), *limit])


def _filter_shown(wanted: Wanted) -> AuditFilterShown:
    return AuditFilterShown(
        family=wanted.family and wanted.family.value,
        event=wanted.event and wanted.event.value,
        actor=wanted.actor or None,
        search=wanted.search or None,
        from_day=wanted.first_day,
        to_day=wanted.last_day,
    )
