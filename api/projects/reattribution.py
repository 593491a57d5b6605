"""Moving requests from one project to another: deciding, withdrawing, the history.

Belongs here: which decisions can be taken, and their audit. Does not belong here: applying them: the warehouse does
(`dbt_project`, model `int_requests_attributed`), with the next build.

A decision covers requests logged under one project, all of them or those of a period or a device. Of the standing
decisions that fit what was *logged*, the newest holds, and what it says is final: nothing is moved twice, so that no
circle can come of any number of decisions. What laptops logged never changes; a withdrawn decision leaves no trace in
the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.access.text import checked_name
from api.audit import Actor, AuditEvent, Detail, Resource, record_event
from api.dashboards.filters import FIRST_DAY, LAST_DAY
from api.dashboards.periods import DAY, day_start
from api.db.models import Device, Reattribution, Workspace
from api.db.session import lock_workspace
from api.errors import conflict, invalid, not_found
from api.projects.settings import project_of_slug
from pipelines.lake.clock import to_micros
from pipelines.lake.row_lookup import NO_PROJECT

STANDING_MAX: Final = 1_000
"""Standing decisions of a workspace; a build joins every request with them."""
_DECIDED_BY_LENGTH: Final = 320


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Which requests to move, and where.

    Attributes:
        from_project: slug they were logged under; `(not shared)` for those whose laptop withholds it.
        to_project: slug of the project they shall count for.
        first_day: only requests made from this day of the workspace's zone on.
        last_day: only requests made until the end of this day.
        device_id: only requests of this device.
        reason: for people.
    """

    from_project: str
    to_project: str
    first_day: date | None = None
    last_day: date | None = None
    device_id: str | None = None
    reason: str = ""


def reattribute(session: Session, workspace_id: str, move: Move, *, actor: Actor, at: datetime) -> Reattribution:
    """Let requests of one project count for another, with the next build.

    Raises:
        Refused: 404 no such project or device; 409 the target's requests are withheld, or there are too many
            decisions; 422 both projects are the same, or a value is not usable.
    """
    lock_workspace(session, workspace_id)
    _check(session, workspace_id, move)
    query = select(func.max(Reattribution.position)).where(Reattribution.workspace_id == workspace_id)
    zone = session.scalars(select(Workspace.time_zone).where(Workspace.id == workspace_id)).one()
    decision = Reattribution(
        id=str(uuid4()),
        workspace_id=workspace_id,
        position=(session.scalar(query) or 0) + 1,
        from_slug=move.from_project,
        to_slug=move.to_project,
        from_us=None if move.first_day is None else to_micros(day_start(move.first_day, zone)),
        until_us=None if move.last_day is None else to_micros(day_start(move.last_day + DAY, zone)),
        device_id=move.device_id,
        reason=checked_name(move.reason, what="reason", optional=True),
        decided_by=actor.id[:_DECIDED_BY_LENGTH],
        decided_at_us=to_micros(at),
    )
    session.add(decision)
    session.flush()
    _record(session, decision, AuditEvent.REATTRIBUTION_DECIDED, actor, at)
    return decision


def withdraw_reattribution(
    session: Session, workspace_id: str, reattribution_id: str, *, actor: Actor, at: datetime
) -> Reattribution:
    """Take a decision back, as if it had never been taken; older ones that fit hold again.

    Raises:
        Refused: 404 the workspace has no such standing decision.
    """
    lock_workspace(session, workspace_id)
    decision = session.scalars(
        select(Reattribution).where(
            Reattribution.id == reattribution_id,
            Reattribution.workspace_id == workspace_id,
            Reattribution.withdrawn_at_us.is_(None),
        )
    ).one_or_none()
    if decision is None:
        raise not_found("reattribution_not_found", "No such re-attribution, or it was withdrawn before.")
    decision.withdrawn_at_us = to_micros(at)
    session.flush()
    _record(session, decision, AuditEvent.REATTRIBUTION_WITHDRAWN, actor, at)
    return decision


def list_reattributions(session: Session, workspace_id: str, project: str | None = None) -> Sequence[Reattribution]:
    """Return all decisions ever taken, newest first, withdrawn ones included; those from or to `project` if given."""
    query = select(Reattribution).where(Reattribution.workspace_id == workspace_id)
    if project is not None:
        query = query.where((Reattribution.from_slug == project) | (Reattribution.to_slug == project))
    return session.scalars(query.order_by(Reattribution.position.desc())).all()


def _check(session: Session, workspace_id: str, move: Move) -> None:
    if move.from_project != NO_PROJECT:
        project_of_slug(session, workspace_id, move.from_project)
    target = project_of_slug(session, workspace_id, move.to_project)
    if move.from_project == move.to_project:
        raise invalid("The requests belong to this project already; choose another one.", code="same_project")
    if target.over_ceiling or target.archived_at_us is not None:
        raise conflict("project_withheld", "The project is archived or over the plan's ceiling; restore it first.")
    for day in (move.first_day, move.last_day):
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            raise invalid(f"Days must lie between {FIRST_DAY} and {LAST_DAY}.")
    if move.first_day is not None and move.last_day is not None and move.first_day > move.last_day:
        raise invalid("The first day must not be after the last one.")
    if move.device_id is not None:
        device = select(Device.id).where(Device.id == move.device_id, Device.workspace_id == workspace_id)
        if session.scalars(device).one_or_none() is None:
            raise not_found("device_not_found", "No such device.")
    standing = select(func.count()).where(
        Reattribution.workspace_id == workspace_id, Reattribution.withdrawn_at_us.is_(None)
    )
    if (session.scalar(standing) or 0) >= STANDING_MAX:
        raise conflict("too_many_reattributions", f"At most {STANDING_MAX} re-attributions can stand at a time.")


def _record(session: Session, decision: Reattribution, event: AuditEvent, actor: Actor, at: datetime) -> None:
    details: dict[str, Detail] = {
        "from_project": decision.from_slug,
        "to_project": decision.to_slug,
        "from_us": decision.from_us,
        "until_us": decision.until_us,
        "device_id": decision.device_id,
        "reason": decision.reason,
    }
    resource = Resource("reattribution", decision.id)
    record_event(session, decision.workspace_id, actor=actor, event=event, resource=resource, details=details, at=at)
