"""HTTP of reports.

Belongs here: `/v1/{workspace}/reports…` and `/v1/verify/{digest}`, thin over the services. Does not belong here: rules
(`issuing`, `asked`), pages (`api.pages.reports`, `api.pages.verify`).
"""

from __future__ import annotations

import base64
from pathlib import Path as FilePath
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from starlette.responses import FileResponse

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.access.same_site import public_url
from api.answers import json_answer, message_body
from api.db.dependencies import Look, Work
from api.db.models import IssuedReport
from api.errors import conflict
from api.members.acting import Acting
from api.openapi import describe
from api.rate_limits import limited
from api.reports.asked import ReportAsked
from api.reports.canonical import FORMAT
from api.reports.issuing import file_name, find_report, list_reports, open_report, request_report
from api.reports.messages import KNOWN, REPORT, KnownAnswer, ReportsAnswer, ReportShown
from api.reports.verifying import known_by_digest

router = APIRouter(tags=["reports"])

Reader = Annotated[Caller, Depends(caller_with(Permission.VIEW_DASHBOARDS))]
Maker = Annotated[Caller, Depends(caller_with(Permission.GENERATE_REPORTS))]
ReportId = Annotated[str, Path(description="Id of the report.", examples=[REPORT["report_id"]])]
Digest = Annotated[str, Path(description="SHA-256 of a PDF, hex.", examples=[REPORT["sha256"]])]
_FIGURES: Final = {"format": FORMAT, "kind": "project", "number": 12, "figures": {"totals": {"cost_usd": "342.18000"}}}
_WAITING: Final = {**REPORT, "state": "queued", "done_steps": 0, "total_steps": 0} | dict.fromkeys(
    ("issued_at", "build_id", "pages", "bytes", "sha256", "document_sha256", "path", "figures_path")
)


@router.get(
    "/v1/{workspace}/reports",
    **describe(
        "Reports",
        answer=ReportsAnswer,
        example={"reports": [REPORT]},
        answer_description="The newest 200, newest first",
        refusals=(403, 404),
        bearer="api_key",
    ),
)
def get_reports(caller: Reader, look: Look) -> Response:
    """List reports with their progress and digests."""
    shown = [ReportShown.of(report, caller.slug) for report in list_reports(look, caller.workspace_id)]
    return json_answer(ReportsAnswer(reports=shown))


@router.post(
    "/v1/{workspace}/reports",
    **describe(
        "Make a report",
        answer=ReportShown,
        example=_WAITING,
        status=202,
        answer_description="It will be made in the background",
        message=ReportAsked,
        message_example=REPORT["asked"],
        refusals=(400, 401, 403, 404, 409, 413, 422),
    ),
)
def post_report(
    request: Request, caller: Maker, message: Annotated[ReportAsked, Depends(message_body(ReportAsked))], work: Work
) -> Response:
    """Ask for a signed PDF: a project's report, the executive summary, or a statement for a client."""
    at, server = request.app.state.clock.now(), public_url(request)
    report = request_report(work, caller.workspace_id, message, by=Acting.of(caller), server_url=server, at=at)
    return json_answer(ReportShown.of(report, caller.slug), status=202)


@router.get(
    "/v1/{workspace}/reports/{report_id}",
    **describe(
        "A report",
        answer=ReportShown,
        example=REPORT,
        answer_description="How far it is, and its digests",
        refusals=(403, 404),
        bearer="api_key",
    ),
)
def get_report(caller: Reader, report_id: ReportId, look: Look) -> Response:
    """Show one report."""
    return json_answer(ReportShown.of(find_report(look, caller.workspace_id, report_id), caller.slug))


@router.get(
    "/v1/{workspace}/reports/{report_id}/figures",
    **describe(
        "A report's figures",
        refusals=(403, 404, 409),
        bearer="api_key",
        extra_answers={
            200: {
                "description": "Canonical JSON: the very bytes inside the PDF",
                "content": {"application/json": {"schema": {"type": "object"}, "example": _FIGURES}},
            }
        },
    ),
)
def get_figures(caller: Reader, report_id: ReportId, look: Look) -> Response:
    """Send everything a report says, with all decimals."""
    report = find_report(look, caller.workspace_id, report_id)
    if report.document is None:
        raise conflict("report_not_ready", "This report is not ready.")
    return Response(report.document, media_type="application/json")


@router.get(
    "/v1/{workspace}/reports/{report_id}/file",
    **describe(
        "Download a report",
        refusals=(403, 404, 409, 410),
        bearer="api_key",
        extra_answers={
            200: {
                "description": "The PDF; `Repr-Digest` is its SHA-256",
                "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
            },
        },
    ),
    response_class=FileResponse,  # has no JSON of its own to put into the document
)
def get_report_file(request: Request, caller: Reader, report_id: ReportId, work: Work) -> Response:
    """Send the PDF. Every download is an event of the audit log."""
    at, home = request.app.state.clock.now(), request.app.state.home
    report, path = open_report(work, home, caller.workspace_id, report_id, by=Acting.of(caller), at=at)
    return report_answer(report, path)


@router.get(
    "/v1/verify/{digest}",
    dependencies=[Depends(limited(lambda limits: limits.verification))],
    **describe(
        "Was it issued here?",
        answer=KnownAnswer,
        example={"issued": KNOWN},
        answer_description="The report whose PDF has this digest",
        refusals=(429,),
    ),
)
def get_verification(digest: Digest, look: Look) -> Response:
    """Tell whether a report with this digest was issued by this server; anybody may ask."""
    return json_answer(KnownAnswer(issued=known_by_digest(look, digest)))


def report_answer(report: IssuedReport, path: FilePath) -> Response:
    """Return the answer that sends a report's file, with its digest."""
    digest = base64.b64encode(bytes.fromhex(report.sha256 or "")).decode()
    headers = {"Repr-Digest": f"sha-256=:{digest}:", "Cache-Control": "private, no-store"}
    return FileResponse(path, media_type="application/pdf", filename=file_name(report), headers=headers)
