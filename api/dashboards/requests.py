"""Recent requests: pages, search and the rows other views show.

Belongs here: finding the newest rows quickly, with the roll-ups as an index of the days that hold any. Does not belong
here: CSV (`request_csv`), one request's provenance (`trace`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from api.dashboards.cursor import encode_cursor
from api.dashboards.models.requests import RequestsAnswer, RequestShown
from api.dashboards.money import known_usd_from_millicents, known_usd_from_picousd
from api.dashboards.periods import BUCKET, DAY, bucket_start, day_start
from api.dashboards.queries import requests as request_queries
from api.dashboards.queries.asking import KNOWN_KINDS, METERED
from api.dashboards.queries.requests import Position, RequestRow
from api.dashboards.queries.spend import buckets_with_requests, days_with_requests
from api.dashboards.search import Search
from api.dashboards.shown import answer_fields
from api.dashboards.view import View
from pipelines.lake.clock import iso_utc

LIMIT_DEFAULT: Final = 100
LIMIT_MAX: Final = 500
MONEY_FIELDS: Final = ("cost_usd", "subscription_imputed_usd", "imported_usd", "other_basis_usd")
_SAME_IN_BOTH: Final = tuple(
    set(RequestRow.__struct_fields__)
    & {field.name for field in msgspec.structs.fields(RequestShown)} - {"requested_at", "received_at"}
)
_same_in_both: Final = attrgetter(*_SAME_IN_BOTH)
Bounds = tuple[datetime, datetime]


@dataclass(frozen=True)
class Page:
    """Which page of the requests is asked for.

    Attributes:
        limit: most rows, 1 to 500.
        after: the last row of the page before; None for the first page.
        search: narrows the rows.
    """

    limit: int = LIMIT_DEFAULT
    after: Position | None = None
    search: Search | None = None


def request_page(view: View, page: Page) -> RequestsAnswer:
    """Return one page of the period's requests, newest first."""
    found = page_rows(view, page, page.limit + 1)
    rows = found[: page.limit]
    last = rows[-1] if len(found) > page.limit else None
    cursor = encode_cursor(Position(last.requested_at, last.request_id)) if last else None
    names = view.device_names
    return RequestsAnswer(
        **answer_fields(view),
        requests=[shown(view, row, names) for row in rows],
        limit=page.limit,
        search=page.search.text if page.search else None,
        next_cursor=cursor,
        next_path=_next_path(view, page, cursor) if cursor else None,
        csv_path=_with_search(view.path("requests.csv", filters=view.filters), page.search),
    )


def newest(view: View, limit: int) -> list[RequestShown]:
    """Return the period's newest requests."""
    names = view.device_names
    return [shown(view, row, names) for row in page_rows(view, Page(limit), limit)]


def shown(view: View, row: RequestRow, device_name_of: Mapping[str, str]) -> RequestShown:
    """Return a row as lists show it."""
    return RequestShown(**shown_fields(view, row, device_name_of))


def shown_fields(view: View, row: RequestRow, device_name_of: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of `RequestShown`, for it and for what extends it."""
    fields: dict[str, Any] = dict(zip(_SAME_IN_BOTH, _same_in_both(row), strict=True))
    fields["requested_at"], fields["received_at"] = iso_utc(row.requested_at), iso_utc(row.received_at)
    fields["device_name"] = device_name_of.get(row.device_id)
    fields.update(zip(MONEY_FIELDS, amounts_by_kind(row), strict=True))
    fields["cost_priced_usd"] = known_usd_from_picousd(row.cost_priced_picousd) if row.spend_kind == METERED else None
    fields["path"] = f"{_traces(view.reader.slug)}{row.request_id}"
    return fields


@lru_cache
def _traces(slug: str) -> str:
    """Return what the path of every trace begins with; an id is never quoted."""
    return f"/{quote(slug, safe='')}/traces/"


def amounts_by_kind(row: RequestRow) -> tuple[str | None, str | None, str | None, str | None]:
    """Return the logged cost in the place of its money: metered, imputed, imported, other; None elsewhere."""
    cost = known_usd_from_millicents(row.cost_logged_millicents)
    metered, imputed, imported = (cost if row.spend_kind == kind else None for kind in KNOWN_KINDS)
    return metered, imputed, imported, None if row.spend_kind in KNOWN_KINDS else cost


def day_bounds(view: View) -> list[tuple[Bounds, int]]:
    """Return [start, end) and row count of each of the period's days that holds requests, newest first.

    A period of 15-minute grain is one piece, its count not known (0).
    """
    span = view.period.current
    if span.grain != "day":
        return [((span.starts_at, span.ends_at), 0)]
    days = days_with_requests(view.marts, view.asking, span)
    zone = view.time_zone
    return [((day_start(day, zone), day_start(day + DAY, zone)), count) for day, count in days]


def page_rows(view: View, page: Page, wanted: int) -> list[RequestRow]:
    """Return the first `wanted` requests of a page, newest first."""
    if page.search is None and not view.filters.narrows:
        span = view.period.current
        bounds = span.starts_at, span.ends_at
        quick = request_queries.newest(view.marts, view.workspace_id, bounds, limit=wanted, after=page.after)
        if quick is not None:
            return quick
    days = [piece for piece in day_bounds(view) if page.after is None or piece[0][0] <= page.after.requested_at]
    if not days:
        return []
    bounds = days[-1][0][0], days[0][0][1]
    if page.search is not None:
        return request_queries.searched(
            view.marts, view.workspace_id, bounds, view.filters, page.search, limit=wanted, after=page.after
        )
    bounds = _fewest_buckets(view, _fewest_days(days, page, wanted), page, wanted)
    return request_queries.page(view.marts, view.workspace_id, bounds, view.filters, limit=wanted, after=page.after)


def _fewest_days(days: list[tuple[Bounds, int]], page: Page, wanted: int) -> Bounds:
    """Return the shortest run of whole days sure to hold the page: facts are many, and most lie outside it."""
    certain, oldest = 0, days[-1][0]
    for bounds, count in days if page.after is None else days[1:]:  # the cursor's own day may be used up
        certain += count
        if certain >= wanted:
            oldest = bounds
            break
    return oldest[0], days[0][0][1]


def _fewest_buckets(view: View, bounds: Bounds, page: Page, wanted: int) -> Bounds:
    """Return the shortest run of whole buckets within `bounds` sure to hold the page, or all of them."""
    starts_at, ends_at = bounds
    if page.after is not None:
        ends_at = min(ends_at, bucket_start(page.after.requested_at) + BUCKET)
    certain = 0
    buckets = buckets_with_requests(view.marts, view.asking, starts_at, ends_at)
    for bucket, count in buckets:
        if page.after is None or bucket + BUCKET <= page.after.requested_at:
            certain += count
        if certain >= wanted:
            return bucket, ends_at
    return starts_at, ends_at


def _next_path(view: View, page: Page, cursor: str) -> str:
    extra = [("cursor", cursor)]
    if page.limit != LIMIT_DEFAULT:
        extra.append(("limit", str(page.limit)))
    if page.search is not None:
        extra.append(("search", page.search.text))
    return _with(view.path("requests", filters=view.filters), extra)


def _with_search(path: str, search: Search | None) -> str:
    return _with(path, [("search", search.text)]) if search else path


def _with(path: str, pairs: list[tuple[str, str]]) -> str:
    return f"{path}{'&' if '?' in path else '?'}{urlencode(pairs)}"
