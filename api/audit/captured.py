"""Captured requests as the log shows them: rows of the published marts, copied nowhere.

Belongs here: finding them by the log's filter and place, and writing one as an entry's details. Does not belong here:
SQL on the marts (`api.dashboards.queries`), the dashboards' own list (`api.dashboards.requests`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from api.audit.events import AuditEvent
from api.audit.names import Names
from api.audit.wanted import Place, Wanted
from api.dashboards.money import known_usd_from_picousd
from api.dashboards.queries import requests as request_queries
from api.dashboards.queries.asking import METERED
from api.dashboards.queries.requests import Position, RequestRow
from api.dashboards.requests import MONEY_FIELDS, Page, amounts_by_kind, day_bounds, page_rows
from api.dashboards.search import Search
from api.dashboards.view import View
from pipelines.lake.clock import from_micros, iso_utc

_FIRST_ID: Final = "00000000-0000-0000-0000-000000000000"
_TEXTS: Final = ("project", "provider", "model", "status")
_DETAILS: Final = (
    "project",
    "provider",
    "model",
    "status",
    "spend_kind",
    "input_tokens",
    "output_tokens",
    "thinking_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "error_class",
    "http_status",
    "attribution_method",
    "provider_request_id",
)


@dataclass(frozen=True)
class CapturedSearch(Search):
    """The log's search among captured requests.

    Attributes:
        devices: ids of the devices whose name is meant.
    """

    devices: tuple[str, ...] = ()

    def condition(self) -> tuple[list[str], dict[str, object]]:
        """Return the SQL condition and its parameters."""
        [by_id], parameters = super().condition()
        parts = [by_id, *(f"contains(lower({column}), $needle)" for column in _TEXTS)]
        parts.append("device_id in (select unnest($named_devices::uuid[]))")
        return [f"({' or '.join(parts)})"], {
            **parameters,
            "needle": self.text.lower(),
            "named_devices": list(self.devices),
        }


def find_captured(
    view: View, wanted: Wanted, names: Names, *, limit: int, after: Place | None = None
) -> Sequence[RequestRow]:
    """Return the newest `limit` captured requests that are wanted, those after a place when it is given.

    Args:
        view: on the workspace's snapshot, with the filter's days.
        wanted: the filter.
        names: of the workspace's machines.
        limit: most rows.
        after: a place in the list, which need not be a request's.
    """
    narrowed = _narrowed(view, wanted, names)
    if narrowed is None:
        return []
    return page_rows(narrowed, Page(limit, _position(after), _search(wanted, names)), limit)


def stream_captured(view: View, wanted: Wanted, names: Names) -> Iterator[RequestRow]:
    """Yield all captured requests that are wanted, newest first, reading day by day."""
    narrowed = _narrowed(view, wanted, names)
    if narrowed is None:
        return
    search = _search(wanted, names)
    for bounds, _ in day_bounds(narrowed):
        yield from request_queries.stream(narrowed.marts, view.workspace_id, bounds, narrowed.filters, search)


def details_of(row: RequestRow) -> dict[str, Any]:
    """Return what an entry tells of a request; what is not known is left out."""
    told: dict[str, Any] = {name: getattr(row, name) for name in _DETAILS}
    told.update(zip(MONEY_FIELDS, amounts_by_kind(row), strict=True))
    if row.spend_kind == METERED:
        told["cost_priced_usd"] = known_usd_from_picousd(row.cost_priced_picousd)
    told["received_at"] = iso_utc(row.received_at)
    return {name: value for name, value in told.items() if value is not None}


def _narrowed(view: View, wanted: Wanted, names: Names) -> View | None:
    """Return the view on the devices that are wanted; None when no request can be."""
    if not wanted.takes_requests:
        return None
    if not wanted.actor:
        return view
    devices = names.devices_like(wanted.actor)
    return replace(view, filters=replace(view.filters, devices=devices)) if devices else None


def _search(wanted: Wanted, names: Names) -> Search | None:
    """Return what to look for; nothing where the event's own name has it, as in all of them."""
    if not wanted.search or wanted.search.lower() in AuditEvent.REQUEST_CAPTURED.value:
        return None
    return CapturedSearch(wanted.search, names.devices_like(wanted.search))


def _position(after: Place | None) -> Position | None:
    if after is None:
        return None
    if after.request_id is not None:
        return Position(from_micros(after.at_us), after.request_id)
    # A recorded event stands before every request of its instant.
    return Position(from_micros(after.at_us) + timedelta(microseconds=1), _FIRST_ID)
