"""Routes of the dashboards.

Belongs here: paths, their documentation, and which view answers them. Does not belong here: the views themselves,
parameters (`parameters`), caching (`serving`).

Every path begins with a workspace's slug; the key must read that workspace, or the answer is the 404 of an absent one.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse

# `{slug:path}` takes every name.
from api import whole_paths as whole_paths  # noqa: PLC0414 - said twice: kept on purpose
from api.access.callers import ReadWorkspace
from api.dashboards.control import device_name
from api.dashboards.devices import device_list, filter_values
from api.dashboards.filters import Filters
from api.dashboards.models import examples
from api.dashboards.models.devices import DevicesAnswer, FilterValuesAnswer
from api.dashboards.models.overview import OverviewAnswer
from api.dashboards.models.projects import ProjectAnswer, ProjectsAnswer
from api.dashboards.models.requests import RequestsAnswer
from api.dashboards.models.trace import TraceAnswer
from api.dashboards.models.trace_example import TRACE
from api.dashboards.overview import overview
from api.dashboards.parameters import PagedCall, RailCall, SearchingCall, WantedPage, WantedSearch
from api.dashboards.projects import project_list, project_view
from api.dashboards.request_csv import COLUMNS, csv_chunks
from api.dashboards.requests import request_page
from api.dashboards.serving import Call, answer, streamed
from api.dashboards.trace import trace
from api.dashboards.view import View
from api.openapi import describe

router = APIRouter(prefix="/v1/{workspace}", tags=["dashboards"])

_HEADERS: Final[dict[str, Any]] = {
    "ETag": {"schema": {"type": "string"}, "description": "Strong; send it back as If-None-Match."}
}
_NOT_MODIFIED: Final[dict[str, Any]] = {"description": "Unchanged since the entity tag sent", "headers": _HEADERS}
_CSV: Final[dict[str, Any]] = {
    "description": "All matching requests, newest first",
    "headers": _HEADERS,
    "content": {"text/csv": {"schema": {"type": "string"}, "example": f"{','.join(COLUMNS)}\r\n"}},
}
RequestId = Annotated[str, Path(description="Id of the request.", examples=["0f9d3c56-58a7-4a54-8f0e-5a3f6b1c2d4e"])]
Slug = Annotated[str, Path(description="Slug of the project.", examples=["batch-summariser"])]


@router.get(
    "/overview",
    **describe(
        "Overview",
        answer=OverviewAnswer,
        example=examples.OVERVIEW,
        answer_description="The overview",
        refusals=(404, 422),
        bearer="api_key",
        extra_answers={304: _NOT_MODIFIED},
    ),
)
def get_overview(call: RailCall) -> Response:
    """Show how a workspace does at a glance.

    Headline numbers, variance against the budget, spend by day stacked by provider with the period before, the five
    largest projects and models, and the sync banner.
    """
    return answer(call, "overview", overview, lambda view: view.sync)


@router.get(
    "/projects",
    **describe(
        "All projects",
        answer=ProjectsAnswer,
        example=examples.PROJECTS,
        answer_description="The projects",
        refusals=(404, 422),
        bearer="api_key",
        extra_answers={304: _NOT_MODIFIED},
    ),
)
def get_projects(call: RailCall) -> Response:
    """Every project with its spend, change against the period before, share, last activity and withheld requests."""
    return answer(call, "projects", project_list)


@router.get(
    "/projects/{slug:path}",
    **describe(
        "One project",
        answer=ProjectAnswer,
        example=examples.PROJECT,
        answer_description="The project",
        refusals=(404, 422),
        bearer="api_key",
        extra_answers={304: _NOT_MODIFIED},
    ),
)
def get_project(call: RailCall, slug: Slug) -> Response:
    """Show everything about one project.

    Spend daily, weekly (ISO weeks) and monthly, by device with week over week, by model, requests and cost per request
    by day, the newest 100 requests. The path decides the project, whatever `project` says.
    """
    return answer(call.on_project(slug), "project", lambda view: project_view(view, slug))


@router.get(
    "/requests",
    **describe(
        "Recent requests",
        answer=RequestsAnswer,
        example=examples.REQUESTS,
        answer_description="One page of requests",
        refusals=(404, 422),
        bearer="api_key",
        extra_answers={304: _NOT_MODIFIED},
    ),
)
def get_requests(call: PagedCall, page: WantedPage) -> Response:
    """Requests of the period, newest first, in pages; each page names the next. Search finds ids within the period."""
    return answer(call, ("requests", page), lambda view: request_page(view, page))


@router.get(
    "/requests.csv",
    **describe(
        "Requests as CSV",
        refusals=(404, 422),
        bearer="api_key",
        extra_answers={200: _CSV, 304: _NOT_MODIFIED},
    ),
    response_class=StreamingResponse,  # has no JSON of its own to put into the document
)
def get_requests_csv(call: SearchingCall, search: WantedSearch) -> Response:
    """Stream all requests of the period that match; there is no row cap.

    Text that a spreadsheet would take for a formula has a `'` before it; numbers stand as they are. Each of the monies
    has its own column.
    """
    name = f"requests-{call.reader.slug}.csv"
    return streamed(
        call,
        ("requests.csv", search),
        lambda view: csv_chunks(view, search),
        media_type="text/csv; charset=utf-8",
        file_name=name,
    )


@router.get(
    "/traces/{request_id}",
    **describe(
        "One request and its provenance",
        answer=TraceAnswer,
        example=TRACE,
        answer_description="The request",
        refusals=(404,),
        bearer="api_key",
        extra_answers={304: _NOT_MODIFIED},
    ),
)
def get_trace(request: Request, reader: ReadWorkspace, request_id: RequestId) -> Response:
    """Show every column of one request, withheld or not, and where its numbers come from.

    Batch, landed file, device, rate and formula. Query parameters are ignored, so that a filtered view's links may
    carry its filter here.
    """
    home = request.app.state.home
    return answer(Call(request, reader, Filters()), ("trace", request_id), lambda view: trace(view, home, request_id))


@router.get(
    "/devices",
    **describe(
        "Devices",
        answer=DevicesAnswer,
        example=examples.DEVICES,
        answer_description="The devices",
        refusals=(404, 422),
        bearer="api_key",
        extra_answers={304: _NOT_MODIFIED},
    ),
)
def get_devices(call: RailCall) -> Response:
    """Paired devices with their state, last sync and share of the spend."""

    def observed(view: View) -> Hashable:
        return (
            tuple(
                (
                    device.id,
                    device_name(device),
                    device.daemon_version,
                    device.last_seen_at_us,
                    device.last_batch_at_us,
                    device.revoked_at_us,
                )
                for device in view.devices
            ),
            view.sync,
            tuple(sorted(view.instances.items())),
        )

    return answer(call, "devices", device_list, observed)


@router.get(
    "/filters",
    **describe(
        "Values of the filter rail",
        answer=FilterValuesAnswer,
        example=examples.FILTERS,
        answer_description="What one can filter by",
        refusals=(404, 422),
        bearer="api_key",
        extra_answers={304: _NOT_MODIFIED},
    ),
)
def get_filter_values(call: RailCall) -> Response:
    """Ranges, providers, models, projects and devices one can filter by; only those with visible requests."""
    return answer(call, "filters", filter_values)
