"""Exports of everything a workspace holds: asking for one, how far it is, finding its file, letting it expire.

Belongs here: the rows and files of exports as people see them. Does not belong here: making the ZIP
(`api.exporting`), which a process beside the server does.

    queued -> running -> ready -> expired (after 7 days, the file deleted)
                      `-> failed

Whoever makes an export holds the lock of its unfinished file: one that is `running` without a lock was killed, and is
begun again.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final
from uuid import uuid4

from sqlalchemy import exists, or_, select, update
from sqlalchemy.orm import Session

from api.access.permissions import Permission
from api.access.text import is_id
from api.audit import AuditEvent, Resource, record_event
from api.db.models import Purge, WorkspaceExport
from api.db.session import lock_workspace
from api.errors import Refused, conflict, not_found
from api.members.acting import Acting, acting_role
from api.workspaces.deletion import deletion_final
from pipelines.lake.clock import to_micros
from pipelines.lake.paths import Home

KEPT: Final = timedelta(days=7)
"""How long a finished export can be downloaded."""
SHOWN_MAX: Final = 20


class ExportState(StrEnum):
    """How far an export is."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"


UNFINISHED: Final = (ExportState.QUEUED.value, ExportState.RUNNING.value)


def request_export(session: Session, workspace_id: str, *, by: Acting, at: datetime) -> WorkspaceExport:
    """Ask for an export; it is made in the background.

    Raises:
        Refused: 403 `not_allowed`; 404 no such workspace; 409 `export_running`, or `deletion_final` once the workspace
            is being purged.
    """
    lock_workspace(session, workspace_id)
    acting_role(session, workspace_id, by, Permission.EXPORT_WORKSPACE)
    if session.get(Purge, workspace_id) is not None:
        raise deletion_final()
    running = exists().where(WorkspaceExport.workspace_id == workspace_id, WorkspaceExport.state.in_(UNFINISHED))
    if session.execute(select(running)).scalar_one():
        raise conflict("export_running", "An export is being made already; wait for it.")
    export = WorkspaceExport(
        id=str(uuid4()),
        workspace_id=workspace_id,
        requested_by=by.actor.id,
        requested_at_us=to_micros(at),
        state=ExportState.QUEUED.value,
        done_steps=0,
        total_steps=0,
    )
    session.add(export)
    session.flush()
    record_event(
        session,
        workspace_id,
        actor=by.actor,
        event=AuditEvent.WORKSPACE_EXPORT_REQUESTED,
        resource=Resource("export", export.id),
        at=at,
    )
    return export


def list_exports(session: Session, workspace_id: str) -> Sequence[WorkspaceExport]:
    """Return the workspace's latest exports, the newest first."""
    query = select(WorkspaceExport).where(WorkspaceExport.workspace_id == workspace_id)
    newest_first = query.order_by(WorkspaceExport.requested_at_us.desc(), WorkspaceExport.id)
    return session.scalars(newest_first.limit(SHOWN_MAX).execution_options(populate_existing=True)).all()


def find_export(session: Session, workspace_id: str, export_id: str) -> WorkspaceExport:
    """Return one of the workspace's exports.

    Raises:
        Refused: 404 it has no such export.
    """
    export = session.get(WorkspaceExport, export_id, populate_existing=True) if is_id(export_id) else None
    if export is None or export.workspace_id != workspace_id:
        raise not_found("export_not_found", "There is no such export.")
    return export


def open_export(
    session: Session, home: Home, workspace_id: str, export_id: str, *, by: Acting, at: datetime
) -> tuple[WorkspaceExport, Path]:
    """Return a finished export and its file, and record that it was downloaded.

    Raises:
        Refused: 404 it has no such export; 409 `export_not_ready`; 410 `export_expired`.
    """
    lock_workspace(session, workspace_id)
    acting_role(session, workspace_id, by, Permission.EXPORT_WORKSPACE)
    export = find_export(session, workspace_id, export_id)
    if export.state in UNFINISHED or export.state == ExportState.FAILED.value:
        raise conflict("export_not_ready", "This export is not ready.")
    path = export_file(home, workspace_id, export_id)
    expired = export.expires_at_us is not None and to_micros(at) >= export.expires_at_us
    if expired or export.state == ExportState.EXPIRED.value or not path.is_file():
        raise Refused(410, "export_expired", "This export was deleted; make a new one.")
    record_event(
        session,
        workspace_id,
        actor=by.actor,
        event=AuditEvent.WORKSPACE_EXPORT_DOWNLOADED,
        resource=Resource("export", export.id),
        details={"sha256": export.sha256},
        at=at,
    )
    return export, path


def export_file(home: Home, workspace_id: str, export_id: str) -> Path:
    """Return where an export's ZIP lies."""
    return home.workspace_exports / workspace_id / f"{export_id}.zip"


def expire_exports(session: Session, home: Home, at: datetime) -> int:
    """Delete the files of exports whose time is over, and of those nobody knows any more.

    Returns:
        How many exports expired.
    """
    over = (
        update(WorkspaceExport)
        .where(WorkspaceExport.state == ExportState.READY.value, WorkspaceExport.expires_at_us <= to_micros(at))
        .values(state=ExportState.EXPIRED.value)
    )
    expired = len(session.execute(over.returning(WorkspaceExport.id)).all())
    session.flush()
    kept = select(WorkspaceExport.id, WorkspaceExport.workspace_id).where(
        WorkspaceExport.state.in_([*UNFINISHED, ExportState.READY.value])
    )
    named = {(workspace_id, export_id) for export_id, workspace_id in session.execute(kept)}
    for folder in home.workspace_exports.iterdir() if home.workspace_exports.is_dir() else ():
        for path in folder.iterdir():
            if (folder.name, path.name.partition(".")[0]) not in named:
                path.unlink(missing_ok=True)
        if not any(folder.iterdir()):
            shutil.rmtree(folder, ignore_errors=True)
    return expired


def is_export_work_due(session: Session, at: datetime) -> bool:
    """Tell cheaply whether an export is to be made, or to be deleted."""
    over = (WorkspaceExport.state == ExportState.READY.value) & (WorkspaceExport.expires_at_us <= to_micros(at))
    query = select(exists().where(or_(WorkspaceExport.state.in_(UNFINISHED), over)))
    return bool(session.execute(query).scalar_one())
