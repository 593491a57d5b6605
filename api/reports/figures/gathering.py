"""From a row that asks for a report to everything its PDF says.

Belongs here: the document around the figures, and the list of requests that goes with a statement. Does not belong
here: the figures of a kind (the modules beside this one), layout (`api.reports.composing`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Engine

from api.dashboards.control import projects
from api.dashboards.filters import Filters
from api.dashboards.periods import RangeName
from api.dashboards.request_csv import csv_chunks
from api.db.models import IssuedReport, Workspace
from api.reports.asked import Days, ReportAsked, ReportKind
from api.reports.canonical import FORMAT
from api.reports.figures.executive import executive_figures
from api.reports.figures.project import project_figures
from api.reports.figures.statement import statement_figures
from api.reports.looking import Looked, looking
from pipelines.lake.clock import from_micros, iso_utc
from pipelines.lake.paths import Home

REQUESTS_MAX: Final = 200_000
"""Most requests that one statement lists: its PDF has to be opened by people."""

OWN_COLUMNS: Final = frozenset({
    "device_id", "device_name", "subscription_imputed_usd", "imported_usd", "other_basis_usd", "cost_priced_usd",
})  # fmt: skip
"""What a client has no business with: whose machine it was, and monies that the statement does not charge."""

Progress = Callable[[int, int], None]
"""Told how many requests are listed, and how many there are."""


class ReportError(Exception):
    """A report that cannot be made; `str()` of it is one sentence for whoever asked for it."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything a PDF is made of.

    Attributes:
        document: all that it says, in plain JSON values.
        logo: the workspace's, as PNG.
        requests_csv: a statement's list of requests.
    """

    document: dict[str, Any]
    logo: bytes | None
    requests_csv: bytes | None


def gather(home: Home, engine: Engine, report: IssuedReport, at: datetime, progress: Progress) -> Gathered:
    """Return what a report says, read from the newest build.

    Raises:
        ReportError: there is no build yet, or a statement is too long.
        Refused: what it was asked for is not there any more.
    """
    parameters: dict[str, Any] = json.loads(report.parameters)
    asked = msgspec.convert(parameters["asked"], ReportAsked)
    first, last = (date.fromisoformat(parameters[name]) for name in ("first_day", "last_day"))
    days, asked_at = Days(RangeName(asked.period), first, last), from_micros(report.requested_at_us)
    filters = _filters(engine, report.workspace_id, asked, days)
    with looking(home, engine, report.workspace_id, days, filters, asked_at=asked_at, at=at) as looked:
        if looked.view.build_id is None:
            raise ReportError("No figures have been made yet; ask again once the first are there.")
        document = {
            "format": FORMAT,
            "kind": report.kind,
            "title": report.title,
            "report_id": report.id,
            "number": report.number,
            "issued_at": iso_utc(at),
            "asked": parameters["asked"],
            "server_url": parameters["server_url"],
            "workspace": _workspace(looked.workspace, looked.logo.sha256 if looked.logo else None),
            "first_day": first.isoformat(),
            "last_day": last.isoformat(),
            "running": asked.period == "this_month",
            "time_zone": looked.view.time_zone,
            "build_id": looked.view.build_id,
            "analysis_id": looked.analysed.analysis_id,
            "data_as_of": looked.view.data_as_of,
            "figures": _figures(looked, asked),
        }
        listed = _requests(looked, document, progress) if asked.kind == ReportKind.STATEMENT else None
        return Gathered(document, looked.logo.png if looked.logo else None, listed)


def _filters(engine: Engine, workspace_id: str, asked: ReportAsked, days: Days) -> Filters:
    chosen: tuple[str, ...] = ()
    if asked.project is not None:
        chosen = (asked.project,)
    elif asked.client is not None:
        known = projects(engine, workspace_id)
        chosen = tuple(sorted(slug for slug, project in known.items() if project.client_name == asked.client))
        if not chosen:
            raise ReportError("No project has this client any more.")
    if days.range is RangeName.CUSTOM:
        return Filters(days.range, days.first_day, days.last_day, projects=chosen)
    return Filters(days.range, projects=chosen)


def _figures(looked: Looked, asked: ReportAsked) -> dict[str, Any]:
    if asked.kind == ReportKind.EXECUTIVE:
        return executive_figures(looked)
    if asked.kind == ReportKind.STATEMENT:
        return statement_figures(looked, asked)
    return project_figures(looked, asked.project or "")


def _workspace(workspace: Workspace, logo_sha256: str | None) -> dict[str, Any]:
    return {
        "name": workspace.name,
        "slug": workspace.slug,
        "currency_note": workspace.currency_note,
        "logo_sha256": logo_sha256,
    }


def _requests(looked: Looked, document: dict[str, Any], progress: Progress) -> bytes:
    count: int = document["figures"]["totals"]["requests"]
    if count > REQUESTS_MAX:
        raise ReportError(f"A statement lists {REQUESTS_MAX:,} requests at most; choose a shorter period.")
    parts: list[bytes] = []
    done = 0
    for part in csv_chunks(looked.view, None, without=OWN_COLUMNS):
        parts.append(part)
        done = min(count, done + part.count(b"\r\n") - (1 if len(parts) == 1 else 0))
        progress(done, count)
    return b"".join(parts)
