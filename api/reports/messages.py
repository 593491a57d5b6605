"""Messages of reports.

Belongs here: their shapes and examples. Does not belong here: routes, rules.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from api.db.models import IssuedReport
from api.reports.issuing import ReportState
from api.reports.verifying import Known
from pipelines.lake.clock import from_micros, iso_utc

Instant = Annotated[str, Meta(description="ISO-8601 in UTC with a Z.")]


class ReportShown(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A report. Once it is ready it never changes."""

    report_id: str
    number: Annotated[int, Meta(description="Counts the workspace's reports, from 1.")]
    kind: str
    title: str
    first_day: str
    last_day: str
    asked: Annotated[dict[str, Any], Meta(description="What was asked for.")]
    requested_by: str
    requested_at: Instant
    state: Annotated[str, Meta(description="queued, running, ready or failed.")]
    done_steps: int
    total_steps: int
    failure: str | None
    issued_at: Instant | None
    build_id: Annotated[str | None, Meta(description="The build its figures were read from.")]
    pages: int | None
    bytes: int | None
    sha256: Annotated[str | None, Meta(description="Digest of the PDF, hex.")]
    document_sha256: Annotated[str | None, Meta(description="Digest of the figures inside it, hex.")]
    path: Annotated[str | None, Meta(description="Where the PDF is, once it is ready.")]
    figures_path: Annotated[str | None, Meta(description="Where its figures are, once it is ready.")]

    @classmethod
    def of(cls, report: IssuedReport, slug: str) -> ReportShown:
        """Return a report as the API writes it."""
        parameters: dict[str, Any] = json.loads(report.parameters)
        own = f"/v1/{slug}/reports/{report.id}" if report.state == ReportState.READY.value else None
        return cls(
            report_id=report.id,
            number=report.number,
            kind=report.kind,
            title=report.title,
            first_day=parameters["first_day"],
            last_day=parameters["last_day"],
            asked=parameters["asked"],
            requested_by=report.requested_by,
            requested_at=iso_utc(from_micros(report.requested_at_us)),
            state=report.state,
            done_steps=report.done_steps,
            total_steps=report.total_steps,
            failure=report.failure,
            issued_at=None if report.issued_at_us is None else iso_utc(from_micros(report.issued_at_us)),
            build_id=report.build_id,
            pages=report.page_count,
            bytes=report.byte_count,
            sha256=report.sha256,
            document_sha256=report.document_sha256,
            path=own and f"{own}/file",
            figures_path=own and f"{own}/figures",
        )


class ReportsAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`GET /v1/{workspace}/reports`: the newest first."""

    reports: list[ReportShown]


class KnownAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`GET /v1/verify/{digest}`."""

    issued: Annotated[Known | None, Meta(description="Null when no report with this digest was issued here.")]


REPORT: Final[dict[str, Any]] = {
    "report_id": "5f0c2d3e-8a51-4f0e-9a43-1f2a7c1f2b11",
    "number": 12,
    "kind": "project",
    "title": "Project report: Batch summariser",
    "first_day": "2026-06-01",
    "last_day": "2026-06-30",
    "asked": {"kind": "project", "period": "last_month", "project": "acme-batch-summariser"},
    "requested_by": "vk@acme.co",
    "requested_at": "2026-07-01T09:12:41Z",
    "state": "ready",
    "done_steps": 100,
    "total_steps": 100,
    "failure": None,
    "issued_at": "2026-07-01T09:12:44Z",
    "build_id": "20260701T091200-1f2e3d4c",
    "pages": 3,
    "bytes": 100_068,
    "sha256": "6a1f0c3d5e7b9f81" * 4,
    "document_sha256": "9d61b19deffd5a60" * 4,
    "path": "/v1/acme-co/reports/5f0c2d3e-8a51-4f0e-9a43-1f2a7c1f2b11/file",
    "figures_path": "/v1/acme-co/reports/5f0c2d3e-8a51-4f0e-9a43-1f2a7c1f2b11/figures",
}
KNOWN: Final[dict[str, Any]] = {
    "number": 12,
    "kind": "project",
    "title": "Project report: Batch summariser",
    "workspace": "Acme Co",
    "first_day": "2026-06-01",
    "last_day": "2026-06-30",
    "issued_at": "2026-07-01T09:12:44Z",
}
