"""Routes of what stands on pages of figures: charts as Vega-Lite or SVG, tables as CSV.

Belongs here: sending them. Does not belong here: where rows come from (each view's page module registers its own with
`dashboard`), specifications (`pipelines.charts`).
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.drawing.worker import ChartWorker, NotDrawnError
from api.errors import not_found

# Its tables register themselves.
from api.pages import record_tables as record_tables  # noqa: PLC0414 - said twice: kept on purpose
from api.pages.dashboard import Asked, Drawn, source_of_chart, source_of_table
from api.pages.rail import Rail, page_rail
from pipelines.charts import Theme, chart
from pipelines.charts.themes import COLOURS

router = APIRouter(include_in_schema=False)
Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_DASHBOARDS))]
AnyRail = Annotated[Rail, Depends(page_rail("*"))]
_HEADERS: Final = {"Cache-Control": "private, no-cache", "Vary": "Cookie"}
_NOT_MODIFIED: Final = 304
_NOT_KEPT: Final = {"Cache-Control": "no-store"}
SVG_WIDTH: Final = 760
_NOT_DRAWN: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="760" height="48" viewBox="0 0 760 48"><text x="8" y="28" '
    'font-family="sans-serif" font-size="14" fill="{ink}">This chart could not be drawn. Its figures are in the table '
    "below.</text></svg>"
)


@router.get("/{workspace}/charts/{name}.json")
def chart_json(request: Request, caller: Viewer, name: str, rail: AnyRail, theme: str = "light") -> Response:
    """Send a chart's specification with its rows."""
    drawn = _drawn(request, caller, name, rail)
    content = json.dumps(chart(name, drawn.rows, _theme(theme), series=drawn.series)).encode()
    return _tagged(request, content, "application/json")


@router.get("/{workspace}/charts/{name}.svg")
def chart_svg(request: Request, caller: Viewer, name: str, rail: AnyRail, theme: str = "light") -> Response:
    """Send a chart drawn: what a page shows without scripts; a picture that says so where it cannot be drawn."""
    drawn = _drawn(request, caller, name, rail)
    worker: ChartWorker = request.app.state.chart_worker
    try:
        content = worker.svg(name, drawn.rows, _theme(theme), width=SVG_WIDTH, series=drawn.series)
    except NotDrawnError:
        # A browser shows the picture of an answer whatever its status is.
        said = _NOT_DRAWN.format(ink=COLOURS[_theme(theme)].ink)
        return Response(said, status_code=503, headers=_NOT_KEPT, media_type="image/svg+xml")
    return _tagged(request, content, "image/svg+xml")


@router.get("/{workspace}/tables/{name}.csv")
def table_csv(request: Request, caller: Viewer, name: str, rail: AnyRail) -> Response:
    """Send all rows of a table in the order the page shows them."""
    found = source_of_table(name)
    if found is None:
        raise not_found("table_not_found", "There is no such table.")
    table, source, permission = found
    caller.require(permission)
    rows = table.sorted(source(Asked(request, caller, rail)), table.sort_of(rail))
    headers = {**_HEADERS, "Content-Disposition": f'attachment; filename="{name}-{caller.slug}.csv"'}
    return StreamingResponse(table.csv_chunks(rows), headers=headers, media_type="text/csv; charset=utf-8")


def _drawn(request: Request, caller: Caller, name: str, rail: Rail) -> Drawn:
    source = source_of_chart(name)
    if source is None:
        raise not_found("chart_not_found", "There is no such chart.")
    return source(Asked(request, caller, rail))


def _theme(name: str) -> Theme:
    return Theme.DARK if name == Theme.DARK else Theme.LIGHT


def _tagged(request: Request, content: bytes, media_type: str) -> Response:
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {**_HEADERS, "ETag": etag}
    if etag in {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}:
        return Response(status_code=_NOT_MODIFIED, headers=headers)
    return Response(content, headers=headers, media_type=media_type)
