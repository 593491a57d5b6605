"""Reports as people see them: asking for one, how far it is, finding its file.

Belongs here: rows and files of reports, and their audit. Does not belong here: making the PDF (`making`), what may be
asked for (`asked`).

    queued -> running -> ready
                      `-> failed

A report that is ready never changes: neither its row nor its file is written again, and there is no way to delete one
but the end of its workspace.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from api.access.permissions import Permission
from api.access.text import clipped, is_id
from api.audit import AuditEvent, Detail, Resource, record_event
from api.db.models import IssuedReport, Project, Purge, Workspace
from api.db.session import lock_workspace
from api.errors import Refused, conflict, not_found
from api.members.acting import Acting, acting_role
from api.reports.asked import KIND_WORDS, ReportAsked, ReportKind, as_document, checked, meant_days
from api.reports.canonical import canonical
from api.workspaces.deletion import deletion_final
from pipelines.lake.clock import to_micros
from pipelines.lake.paths import Home

WAITING_MAX: Final = 20
"""Reports of one workspace that may wait at a time."""
SHOWN_MAX: Final = 200
CLIENTS_NAMED_MAX: Final = 10
TITLE_MAX: Final = 255


class ReportState(StrEnum):
    """How far a report is."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"


UNFINISHED: Final = (ReportState.QUEUED.value, ReportState.RUNNING.value)


def request_report(
    session: Session, workspace_id: str, asked: ReportAsked, *, by: Acting, server_url: str, at: datetime
) -> IssuedReport:
    """Ask for a report; it is made in the background.

    Args:
        session: the open transaction.
        workspace_id: whose.
        asked: what.
        by: who asks.
        server_url: base of the links in it; empty for none.
        at: now.

    Raises:
        Refused: 403; 404 no such workspace, project or client; 409 `reports_waiting`; 422 what is asked does not fit.
    """
    checked(asked)
    lock_workspace(session, workspace_id)
    acting_role(session, workspace_id, by, Permission.GENERATE_REPORTS)
    if session.get(Purge, workspace_id) is not None:
        raise deletion_final()
    workspace = session.get_one(Workspace, workspace_id)
    days = meant_days(asked, at, workspace.time_zone)
    subject = _subject(session, workspace, asked)
    mine = select(func.count()).where(IssuedReport.workspace_id == workspace_id)
    if session.execute(mine.where(IssuedReport.state.in_(UNFINISHED))).scalar_one() >= WAITING_MAX:
        raise conflict("reports_waiting", "Many reports are waiting to be made already; try again in a minute.")
    newest = select(func.max(IssuedReport.number)).where(IssuedReport.workspace_id == workspace_id)
    report = IssuedReport(
        id=str(uuid4()),
        workspace_id=workspace_id,
        number=(session.execute(newest).scalar_one() or 0) + 1,
        kind=asked.kind,
        title=clipped(f"{KIND_WORDS[ReportKind(asked.kind)]}: {subject}", TITLE_MAX),
        parameters=canonical(
            {
                "asked": as_document(asked),
                "first_day": days.first_day.isoformat(),
                "last_day": days.last_day.isoformat(),
                "server_url": server_url,
            }
        ),
        requested_by=by.actor.id,
        requested_at_us=to_micros(at),
        state=ReportState.QUEUED.value,
        done_steps=0,
        total_steps=0,
    )
    session.add(report)
    session.flush()
    details: dict[str, Detail] = {
        "number": report.number,
        "kind": report.kind,
        "from": days.first_day.isoformat(),
        "to": days.last_day.isoformat(),
    }
    resource = Resource("report", report.id)
    event = AuditEvent.REPORT_REQUESTED
    record_event(session, workspace_id, actor=by.actor, event=event, resource=resource, details=details, at=at)
    return report


def list_reports(session: Session, workspace_id: str, limit: int = SHOWN_MAX) -> Sequence[IssuedReport]:
    """Return the workspace's reports, the newest first."""
    query = select(IssuedReport).where(IssuedReport.workspace_id == workspace_id)
    newest_first = query.order_by(IssuedReport.number.desc()).limit(limit)
    return session.scalars(newest_first.execution_options(populate_existing=True)).all()


def find_report(session: Session, workspace_id: str, report_id: str) -> IssuedReport:
    """Return one of the workspace's reports.

    Raises:
        Refused: 404 it has no such report.
    """
    report = session.get(IssuedReport, report_id, populate_existing=True) if is_id(report_id) else None
    if report is None or report.workspace_id != workspace_id:
        raise not_found("report_not_found", "There is no such report.")
    return report


def open_report(
    session: Session, home: Home, workspace_id: str, report_id: str, *, by: Acting, at: datetime
) -> tuple[IssuedReport, Path]:
    """Return a finished report and its file, and record that it was downloaded.

    Raises:
        Refused: 403; 404 it has no such report; 409 `report_not_ready`; 410 `report_gone`: its file is missing.
    """
    lock_workspace(session, workspace_id)
    acting_role(session, workspace_id, by, Permission.VIEW_DASHBOARDS)
    report = find_report(session, workspace_id, report_id)
    if report.state != ReportState.READY.value:
        raise conflict("report_not_ready", "This report is not ready.")
    path = report_file(home, workspace_id, report_id)
    if not path.is_file():
        raise Refused(410, "report_gone", "The file of this report is missing; restore it from a backup.")
    resource, details = Resource("report", report.id), {"number": report.number, "sha256": report.sha256}
    event = AuditEvent.REPORT_DOWNLOADED
    record_event(session, workspace_id, actor=by.actor, event=event, resource=resource, details=details, at=at)
    return report, path


def report_of_digest(session: Session, sha256: str) -> IssuedReport | None:
    """Return the issued report whose file has this digest, whichever workspace's it is; None when there is none."""
    query = select(IssuedReport).where(IssuedReport.sha256 == sha256, IssuedReport.state == ReportState.READY.value)
    return session.scalars(query.order_by(IssuedReport.id).limit(1)).one_or_none()


def report_file(home: Home, workspace_id: str, report_id: str) -> Path:
    """Return where a report's PDF lies."""
    return home.reports / workspace_id / f"{report_id}.pdf"


def file_name(report: IssuedReport) -> str:
    """Return what a report's file is called when it is downloaded: plain ASCII."""
    parameters: dict[str, Any] = json.loads(report.parameters)
    return f"{report.kind}-{report.number}-{parameters['first_day']}-{parameters['last_day']}.pdf"


def is_report_due(session: Session, _at: datetime) -> bool:
    """Tell cheaply whether a report is to be made."""
    return bool(session.execute(select(exists().where(IssuedReport.state.in_(UNFINISHED)))).scalar_one())


def clients(session: Session, workspace_id: str) -> list[str]:
    """Return the names of the workspace's clients, as its projects have them."""
    query = select(Project.client_name).where(Project.workspace_id == workspace_id, Project.client_name.is_not(None))
    return sorted({name for name in session.scalars(query.distinct()) if name}, key=str.casefold)


def _subject(session: Session, workspace: Workspace, asked: ReportAsked) -> str:
    """Return what a report is about, in words."""
    projects = {
        project.slug: project
        for project in session.scalars(select(Project).where(Project.workspace_id == workspace.id))
    }
    if asked.project is not None:
        if asked.project not in projects:
            raise not_found("project_not_found", "No such project.")
        return projects[asked.project].display_name or asked.project
    if asked.client is None:
        return workspace.name
    mine = {slug: project for slug, project in projects.items() if project.client_name == asked.client}
    if not mine:
        raise not_found("client_not_found", _no_client(clients(session, workspace.id)))
    unknown = set(asked.hours) - set(mine)
    if unknown:
        raise not_found("project_not_found", "Hours are given for a project that is not the client's.")
    for slug in asked.hours:
        if mine[slug].hourly_rate_millicents is None:
            raise conflict("no_hourly_rate", "A project with hours has no hourly rate; set it first.")
        if mine[slug].hourly_rate_currency != asked.currency:
            rate = mine[slug].hourly_rate_currency
            differs = f"The hourly rate of {slug} is in {rate}, another currency than the statement's {asked.currency}"
            raise conflict("currency_differs", f"{differs}; make the statement in {rate} (--currency {rate}).")
    return asked.client


def _no_client(known: Sequence[str]) -> str:
    if not known:
        return "No project has a client yet; each project's settings name its client."
    more = f" and {len(known) - CLIENTS_NAMED_MAX} more" if len(known) > CLIENTS_NAMED_MAX else ""
    return f"No project has this client; there are: {', '.join(known[:CLIENTS_NAMED_MAX])}{more}."
