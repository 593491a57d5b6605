"""Routes of FOCUS 1.2: a billing period's spend and credits as JSON pages and as CSV.

Belongs here: the routes and their paging. Does not belong here: columns and formats (`pipelines.exports.focus`), the
model (`dbt_project/models/analysis/focus`).

Pages are of one analysis: a cursor of another one is refused, so that pages never mix two.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import StreamingResponse

from api.access.callers import Caller, ReadWorkspace
from api.answers import json_answer
from api.dashboards.models.focus import FOCUS, FocusAnswer
from api.dashboards.request_csv import safe_text
from api.errors import conflict, invalid
from api.openapi import describe
from pipelines.exports.focus import FOCUS_COLUMNS, focus_columns, focus_csv, focus_text
from pipelines.exports.focus_file import focus_rows, has_focus
from pipelines.lake.analysis_catalog import Analysis
from pipelines.lake.clock import iso_utc

router = APIRouter(prefix="/v1/{workspace}", tags=["exports"])

LIMIT_MAX: Final = 1_000
_CURSOR: Final = re.compile(r"(a\d{8}T\d{6}-[0-9a-f]{8})\.(\d{1,9})", re.ASCII)
_MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)
_AS_OF: Final = "select data_as_of from mart_analysed_workspaces where workspace_id = $workspace_id"
_HEADERS: Final = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}

Month = Annotated[
    str | None,
    Query(description="Billing period, the month of UTC days (default: the running one).", examples=["2026-06"]),
]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="Rows of a page.")]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before.")]


@router.get(
    "/focus",
    **describe(
        "Spend and credits in FOCUS 1.2",
        answer=FocusAnswer,
        example=FOCUS,
        answer_description="A page of the billing period",
        refusals=(403, 404, 409, 422),
        bearer="api_key",
    ),
)
def get_focus(
    request: Request, reader: ReadWorkspace, month: Month = None, limit: Limit = 500, cursor: Cursor = None
) -> Response:
    """List a billing period's rows with the 57 columns of the FinOps Foundation's cost and usage specification."""
    first = _month(request, month)
    analysis: Analysis | None = request.app.state.analyses.current()
    try:
        return json_answer(_page(reader, analysis, first, limit, cursor), headers=_HEADERS)
    finally:
        if analysis is not None:
            analysis.close()


@router.get(
    "/focus.csv",
    **describe(
        "Spend and credits in FOCUS 1.2 as CSV",
        answer_description="Every row of the billing period",
        refusals=(403, 404, 422),
        bearer="api_key",
        extra_answers={
            200: {
                "description": "Every row of the billing period",
                "content": {"text/csv": {"example": f"{','.join(FOCUS_COLUMNS.values())}\r\n"}},
            }
        },
    ),
    response_class=StreamingResponse,  # has no JSON of its own to put into the document
)
def get_focus_csv(request: Request, reader: ReadWorkspace, month: Month = None) -> Response:
    """Stream a billing period's rows; text that a spreadsheet would run begins with an apostrophe."""
    first = _month(request, month)
    name = f"{reader.slug}-focus-{first.isoformat()[:7]}.csv"
    headers = {**_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_csv(request, reader, first), media_type="text/csv; charset=utf-8", headers=headers)


def _page(reader: Caller, analysis: Analysis | None, first: date, limit: int, cursor: str | None) -> FocusAnswer:
    start = _start(analysis, cursor)
    data_as_of: datetime | None = None
    found: list[tuple[Any, ...]] = []
    if analysis is not None:
        with analysis.cursor() as asked:
            if has_focus(asked):
                given = {"workspace_id": uuid.UUID(reader.workspace_id)}
                newest = asked.execute(_AS_OF, given).fetchall()
                data_as_of = newest[0][0] if newest else None
                sql = f"{focus_columns(month=True)} limit {limit + 1} offset {start}"
                found = asked.execute(sql, {**given, "month": first}).fetchall()
    names = FOCUS_COLUMNS.values()
    rows = [{name: focus_text(one) for name, one in zip(names, row, strict=True)} for row in found[:limit]]
    period = first.isoformat()[:7]
    more = len(found) > limit and analysis is not None
    return FocusAnswer(
        focus_version="1.2",
        billing_period=period,
        build_id=analysis.build_id if analysis else None,
        analysis_id=analysis.analysis_id if analysis else None,
        data_as_of=iso_utc(data_as_of.replace(tzinfo=UTC)) if data_as_of else None,
        columns=list(FOCUS_COLUMNS.values()),
        rows=rows,
        limit=limit,
        next_cursor=f"{analysis.analysis_id}.{start + limit}" if more and analysis else None,
        csv_path=f"/v1/{reader.slug}/focus.csv?month={period}",
    )


def _csv(request: Request, reader: Caller, first: date) -> Iterator[bytes]:
    analysis: Analysis | None = request.app.state.analyses.current()
    try:
        if analysis is None:
            yield from focus_csv(())
            return
        with analysis.cursor() as asked:
            given = {"workspace_id": uuid.UUID(reader.workspace_id), "month": first}
            rows = focus_rows(asked, focus_columns(month=True), given) if has_focus(asked) else iter(())
            yield from focus_csv(rows, safe_text)
    finally:
        if analysis is not None:
            analysis.close()


def _month(request: Request, month: str | None) -> date:
    if month is None:
        return request.app.state.clock.now().astimezone(UTC).date().replace(day=1)
    if not _MONTH.fullmatch(month) or month.startswith("0000"):
        raise invalid("month must be a month such as 2026-06.")
    return date(int(month[:4]), int(month[5:]), 1)


def _start(analysis: Analysis | None, cursor: str | None) -> int:
    if cursor is None:
        return 0
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise invalid("cursor must be the next_cursor of an earlier answer.")
    if analysis is None or found[1] != analysis.analysis_id:
        raise conflict("analysis_changed", "There is a newer analysis; begin with the first page again.")
    return int(found[2])
