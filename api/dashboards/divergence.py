"""What a day's variance is made of, down to single requests.

Belongs here: the parts of the bills that hold a day, and pages of the requests that contribute most. Does not belong
here: months and days (`reconciliation`), HTTP (`reconciliation_routes`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date
from urllib.parse import urlencode

from api.audit.families import Family
from api.audit.wanted import Wanted, with_query
from api.dashboards.analysed import AnalysedView
from api.dashboards.cursor import encode_weight_cursor
from api.dashboards.models.reconciliation import BilledParts, DivergentRequest, ReconciledDayAnswer
from api.dashboards.money import known_usd_from_picousd, usd_from_picousd
from api.dashboards.periods import local_day
from api.dashboards.queries import reconciliation as queries
from api.dashboards.queries.reconciliation import DivergencePage, Record, WeightPosition
from api.dashboards.reconciliation import day_compared, parts_shown, reconciliation_fields
from api.dashboards.requests import LIMIT_DEFAULT
from pipelines.lake.clock import iso_utc


def reconciliation_day(analysed: AnalysedView, day: date, page: DivergencePage) -> ReconciledDayAnswer:
    """Return one of the providers' days with the requests behind its variance.

    Filters for model, project and machine narrow the requests alone: bills do not know them.
    """
    found = queries.divergent_requests(analysed, day, page, page.limit + 1)
    rows = found[: page.limit]
    last = rows[-1] if len(found) > page.limit else None
    cursor = None
    if last is not None:
        cursor = encode_weight_cursor(WeightPosition(int(last["weight_picousd"]), str(last["request_id"])))
    names = analysed.view.device_names
    return ReconciledDayAnswer(
        **reconciliation_fields(analysed, narrowing=("model", "project", "device")),
        day=day_compared(analysed, day, queries.days(analysed, day, day)),
        billed=_billed(queries.day_parts(analysed, day)),
        requests=[_request(analysed, row, names) for row in rows],
        limit=page.limit,
        next_cursor=cursor,
        next_path=_next_path(analysed, day, page, cursor) if cursor else None,
    )


def _billed(rows: list[Record]) -> list[BilledParts]:
    bills: defaultdict[tuple[str, date, date], list[Record]] = defaultdict(list)
    for row in rows:
        bills[row["provider"], row["first_day"], row["last_day"]].append(row)
    return [
        BilledParts(
            provider=provider,
            first_day=first,
            last_day=last,
            variance_usd=usd_from_picousd(sum(int(row["amount_picousd"]) for row in parts)),
            parts=parts_shown(parts),
        )
        for (provider, first, last), parts in bills.items()
    ]


def _request(analysed: AnalysedView, row: Record, device_name_of: Mapping[str, str]) -> DivergentRequest:
    request_id, device_id = str(row["request_id"]), str(row["device_id"])
    return DivergentRequest(
        request_id=request_id,
        requested_at=iso_utc(row["requested_at"].replace(tzinfo=UTC)),
        project=row["project"],
        provider=row["provider"],
        model=row["model"],
        device_id=device_id,
        device_name=device_name_of.get(device_id),
        attribution_method=row["attribution_method"],
        withheld_reason=row["withheld_reason"],
        cause=row["cause"],
        logged_usd=known_usd_from_picousd(row["logged_picousd"]),
        priced_usd=known_usd_from_picousd(row["priced_picousd"]),
        contribution_usd=known_usd_from_picousd(row["contribution_picousd"]),
        path=analysed.view.path("traces", request_id),
        audit_path=_audit_path(analysed, row, request_id) if row["withheld_reason"] is None else None,
    )


def _audit_path(analysed: AnalysedView, row: Record, request_id: str) -> str:
    """Return the page of the audit log that shows the request alone; its days are of the workspace's zone."""
    day = local_day(row["requested_at"].replace(tzinfo=UTC), analysed.view.time_zone)
    wanted = Wanted(family=Family.REQUESTS, search=request_id, first_day=day, last_day=day)
    return with_query(analysed.view.path("audit"), wanted.pairs())


def _next_path(analysed: AnalysedView, day: date, page: DivergencePage, cursor: str) -> str:
    extra = [("cursor", cursor)]
    if page.limit != LIMIT_DEFAULT:
        extra.append(("limit", str(page.limit)))
    path = analysed.view.path("reconciliation", "days", day.isoformat(), filters=analysed.filters)
    return f"{path}{'&' if '?' in path else '?'}{urlencode(extra)}"
