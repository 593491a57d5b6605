"""Routes of the audit log: JSON, CSV, digests.

Belongs here: paths, their documentation, and reading their parameters. Does not belong here: the log itself
(`listing`), the page (`api.pages.audit`).
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import WithJsonSchema

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.answers import json_answer
from api.audit.audit_csv import COLUMNS, audit_csv_chunks
from api.audit.digests import SIGNED_TEXT, Signer, digests_of
from api.audit.events import AuditEvent
from api.audit.examples import DIGESTS, PAGE
from api.audit.families import Family
from api.audit.listing import audit_page
from api.audit.messages import AuditAnswer, DigestsAnswer
from api.audit.wanted import FILTER_NAMES, LIMIT_MAX, Wanted, WantedPage, parse_page, parse_wanted
from api.dashboards.filters import FilterError
from api.dashboards.serving import Call, answer, streamed
from api.db.dependencies import Look
from api.errors import invalid
from api.openapi import describe

router = APIRouter(prefix="/v1/{workspace}", tags=["audit"])

Auditor = Annotated[Caller, Depends(caller_with(Permission.VIEW_AUDIT_LOG))]
_DAY: Final[dict[str, Any]] = {"type": "string", "format": "date"}
_TEXT: Final[dict[str, Any]] = {"type": "string", "maxLength": 255}
_LIMIT: Final[dict[str, Any]] = {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": 100}
_FAMILY: Final[dict[str, Any]] = {"type": "string", "enum": [family.value for family in Family]}
_EVENT: Final[dict[str, Any]] = {"type": "string", "enum": [event.value for event in AuditEvent]}
_NOT_MODIFIED: Final[dict[str, Any]] = {"description": "Unchanged since the entity tag sent"}
_CSV: Final[dict[str, Any]] = {
    "description": "All matching entries, newest first",
    "content": {"text/csv": {"schema": {"type": "string"}, "example": f"{','.join(COLUMNS)}\r\n"}},
}


async def wanted_entries(
    request: Request,
    family: Annotated[str, WithJsonSchema(_FAMILY), Query(description="One family of events.")] = "",
    event: Annotated[str, WithJsonSchema(_EVENT), Query(description="One event.")] = "",
    actor: Annotated[str, WithJsonSchema(_TEXT), Query(description="Part of an actor's id or name.")] = "",
    search: Annotated[
        str, WithJsonSchema(_TEXT), Query(description="Part of an actor, event, resource or details.")
    ] = "",
    first: Annotated[
        str, WithJsonSchema(_DAY), Query(alias="from", description="First day, in the reporting zone.")
    ] = "",
    last: Annotated[str, WithJsonSchema(_DAY), Query(alias="to", description="Last day, included.")] = "",
) -> Wanted:
    """FastAPI dependency: the filter of the log."""
    given = dict(zip(FILTER_NAMES, (family, event, actor, search, first, last), strict=True))
    known = {*FILTER_NAMES, *_also(request)}
    if not known.issuperset(request.query_params.keys()):
        raise invalid(f"Unknown parameter; this path takes {', '.join(sorted(known))}.", code="unknown_parameter")
    try:
        return parse_wanted(given)
    except FilterError as error:
        raise invalid(str(error), code="invalid_filter") from None


async def wanted_page(
    limit: Annotated[str, WithJsonSchema(_LIMIT), Query(description="Most entries of one page.")] = "",
    cursor: Annotated[
        str,
        WithJsonSchema({"type": "string", "maxLength": 120}),
        Query(description="`next_cursor` of the page before."),
    ] = "",
) -> WantedPage:
    """FastAPI dependency: which page of the log."""
    try:
        return parse_page({"limit": limit, "cursor": cursor})
    except FilterError as error:
        raise invalid(str(error), code="invalid_filter") from None


@router.get(
    "/audit",
    **describe(
        "Audit log",
        answer=AuditAnswer,
        example=PAGE,
        answer_description="One page of the log",
        refusals=(403, 404, 422),
        bearer="api_key",
        extra_answers={304: _NOT_MODIFIED},
    ),
)
def get_audit(
    request: Request,
    caller: Auditor,
    wanted: Annotated[Wanted, Depends(wanted_entries)],
    page: Annotated[WantedPage, Depends(wanted_page)],
) -> Response:
    """Who did what to which thing, newest first, in pages; each page names the next.

    Recorded events and captured requests stand in one list. Requests come from the published marts, so that a request
    is listed once a build has it.
    """
    call = Call(request, caller, wanted.rail())
    return answer(call, ("audit", wanted, page), lambda view: audit_page(view, wanted, page))


@router.get(
    "/audit.csv",
    **describe(
        "Audit log as CSV",
        refusals=(403, 404, 422),
        bearer="api_key",
        extra_answers={200: _CSV, 304: _NOT_MODIFIED},
    ),
    response_class=StreamingResponse,  # has no JSON of its own to put into the document
)
def get_audit_csv(request: Request, caller: Auditor, wanted: Annotated[Wanted, Depends(wanted_entries)]) -> Response:
    """Stream all entries that match; there is no row cap.

    Text that a spreadsheet would take for a formula has a `'` before it; details are JSON.
    """
    call = Call(request, caller, wanted.rail())
    return streamed(
        call,
        ("audit.csv", wanted),
        lambda view: audit_csv_chunks(view, wanted),
        media_type="text/csv; charset=utf-8",
        file_name=f"audit-{caller.slug}.csv",
    )


@router.get(
    "/audit/digests",
    **describe(
        "Signed digests of the audit log",
        answer=DigestsAnswer,
        example=DIGESTS,
        answer_description="The digests",
        refusals=(403, 404),
        bearer="api_key",
    ),
)
def get_digests(request: Request, caller: Auditor, look: Look) -> Response:
    """Every daily digest, newest first, and the server's public key.

    Save the answer where this server's operator cannot write: `halton-cloud audit verify --digests FILE` then shows
    any change of what it covers, even when every hash was computed anew.
    """
    return json_answer(
        DigestsAnswer(
            workspace=caller.slug,
            public_key=Signer.of(request.app.state.home).public_key,
            signed_text=SIGNED_TEXT,
            digests=digests_of(look, caller.workspace_id),
        )
    )


def _also(request: Request) -> tuple[str, ...]:
    return () if request.url.path.endswith(".csv") else ("limit", "cursor")
