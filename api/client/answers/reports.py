"""Answers of `reports` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import Any, TypedDict


class ReportShown(TypedDict):
    """A report. Once it is ready it never changes."""

    report_id: str
    number: int
    kind: str
    title: str
    first_day: str
    last_day: str
    asked: dict[str, Any]
    requested_by: str
    requested_at: str
    state: str
    done_steps: int
    total_steps: int
    failure: str | None
    issued_at: str | None
    build_id: str | None
    pages: int | None
    bytes: int | None
    sha256: str | None
    document_sha256: str | None
    path: str | None
    figures_path: str | None


class ReportsAnswer(TypedDict):
    """`GET /v1/{workspace}/reports`: the newest first."""

    reports: list[ReportShown]
