"""The page of one captured request: `/{workspace}/traces/{request_id}`, where the audit log's rows lead.

Belongs here: showing a trace. Does not belong here: finding it (`api.dashboards.trace`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.dashboards.filters import Filters
from api.dashboards.serving import Call, viewing
from api.dashboards.trace import trace
from api.pages.shell import page
from pipelines.lake.clock import to_micros

router = APIRouter(include_in_schema=False)
Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_DASHBOARDS))]


@router.get("/{workspace}/traces/{request_id}")
def trace_page(request: Request, caller: Viewer, request_id: str) -> Response:
    """Show a request with its numbers, and where each of them comes from."""
    with viewing(Call(request, caller, Filters())) as view:
        answer = trace(view, request.app.state.home, request_id)
    return page(request, "traces/one.html", caller=caller, answer=answer, micros=_micros)


def _micros(text: str | None) -> int | None:
    return None if text is None else to_micros(datetime.fromisoformat(text))
