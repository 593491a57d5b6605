"""The page a person lands on: `/{workspace}/overview`.

Belongs here: showing the overview's numbers, and what a new workspace does first. Does not belong here: the numbers
(`api.dashboards.overview`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.access.same_site import public_url
from api.dashboards.filters import Filters
from api.dashboards.models.overview import OverviewAnswer
from api.dashboards.overview import overview
from api.dashboards.serving import Call, viewing
from api.devices import SyncBanner
from api.pages.shell import page
from pipelines.lake.clock import to_micros

router = APIRouter(include_in_schema=False)
Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_DASHBOARDS))]

BANNERS: Final = {
    SyncBanner.GREEN: ("good", "Every machine is in sync."),
    SyncBanner.AMBER: ("warn", "A machine is behind with its uploads."),
    SyncBanner.RED: ("bad", "A machine does not sync."),
}


@router.get("/{workspace}/overview")
def overview_page(request: Request, caller: Viewer) -> Response:
    """Show how the workspace does; a new one's first steps instead."""
    with viewing(Call(request, caller, Filters())) as view:
        answer = overview(view)
        has_devices = bool(view.devices)
    return page(
        request,
        "overview/page.html",
        caller=caller,
        answer=answer,
        is_new=not _has_requests(answer),
        has_devices=has_devices,
        banner=BANNERS.get(SyncBanner(answer.sync.colour)) if has_devices else None,
        data_as_of_us=to_micros(datetime.fromisoformat(answer.data_as_of)) if answer.data_as_of else None,
        now=request.app.state.clock.now(),
        base_url=public_url(request),
    )


def _has_requests(answer: OverviewAnswer) -> bool:
    shown = answer.headline
    months = (answer.totals, shown.today, shown.this_month, shown.last_month)
    return any(part.requests for part in months) or answer.withheld_requests > 0 or answer.data_as_of is not None
