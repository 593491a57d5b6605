"""Projects appearing at first sight, being archived and restored, and the plan's ceiling.

Belongs here: which rows of which project are withheld, and every change of that. Does not belong here: names and
prices (`settings`), the plan table (`api.plans`), landing rows (`api.ingest`), or the roll-ups that follow
`visibility_version` (`dbt_project`).

A project past the plan's ceiling, or archived, goes on landing rows; they are withheld from dashboards and come back
when the plan is raised, a place becomes free, or the project is restored. A lower plan hides nothing that was shown
before: it only holds for projects seen later.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import Connection, Table, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from api.audit import SYSTEM, Actor, ActorType, AuditEvent, Happening, Resource, record_event, record_events
from api.db.models import Plan, Project, Workspace
from api.db.session import lock_workspace
from api.errors import conflict, not_found
from api.plans import free_project_slots
from pipelines.lake.clock import from_micros, to_micros

_projects: Table = Project.metadata.tables["projects"]
_workspaces: Table = Workspace.metadata.tables["workspaces"]
_SLUGS_PER_QUERY = 500
# Put together once: every group of uploads asks it.
_KNOWN_PROJECTS = select(_projects.c.slug, _projects.c.over_ceiling, _projects.c.archived_at_us).where(
    _projects.c.workspace_id == bindparam("workspace"), _projects.c.slug.in_(bindparam("slugs", expanding=True))
)


SeenProjects = dict[str, tuple[bool, int | None]]
"""By slug: whether the project is over the plan's ceiling, and since when it is archived (microseconds)."""


class WithheldReason(StrEnum):
    """Why rows of a project stay out of dashboards."""

    CEILING = "plan_project_ceiling"
    ARCHIVED = "project_archived"


def withheld_reason(*, over_ceiling: bool, archived_at_us: int | None, received_at_us: int) -> WithheldReason | None:
    """Return why a row received at `received_at_us` is withheld, or None when it is shown."""
    if over_ceiling:
        return WithheldReason.CEILING
    if archived_at_us is not None and received_at_us >= archived_at_us:
        return WithheldReason.ARCHIVED
    return None


def observe_projects(
    connection: Connection | Session,
    workspace_id: str,
    slugs: Iterable[str],
    at_us: int,
    *,
    device_id: str | None = None,
    seen: SeenProjects | None = None,
) -> dict[str, WithheldReason | None]:
    """Make sure each slug has a project, and tell which of them are withheld.

    Runs in the caller's transaction. Unknown slugs lock the workspace row until it ends, so that two batches that bring
    the same project, or the last free place, wait for each other: call it for workspaces in the order of their ids.

    Args:
        connection: the ledger's open transaction.
        workspace_id: whose projects.
        slugs: slugs that rows are attributed to (a mapping by slug will do).
        at_us: when the rows were received.
        device_id: who brought them, for the audit log.
        seen: the workspace's projects read before in this transaction, which must have locked the workspace: nothing
            changes them meanwhile. What is read is added.

    Returns:
        For each slug the reason its rows are withheld, or None.
    """
    wanted = list(dict.fromkeys(slugs))
    known = _reasons(connection, workspace_id, wanted, at_us, seen)
    if len(known) < len(wanted):
        plan = lock_workspace(connection, workspace_id)
        known = _reasons(connection, workspace_id, wanted, at_us)
        new = [slug for slug in wanted if slug not in known]
        known.update(_create(connection, workspace_id, new, at_us, plan=plan, device_id=device_id))
    return {slug: known[slug] for slug in wanted}


def archive_project(session: Session, workspace_id: str, slug: str, *, actor: Actor, at: datetime) -> Project:
    """Withhold the project's rows received from now on; its place goes to the longest-waiting project, if any.

    Raises:
        Refused: 404 no such project.
    """
    plan = lock_workspace(session, workspace_id)
    project = _project(session, workspace_id, slug)
    if project.archived_at_us is None:
        project.archived_at_us = to_micros(at)
        project.visibility_version += 1
        _record(session, project, AuditEvent.PROJECT_ARCHIVED, actor, at)
        session.flush()
        _release(session, workspace_id, plan, actor=actor, at=at)
    return project


def restore_project(session: Session, workspace_id: str, slug: str, *, actor: Actor, at: datetime) -> Project:
    """Show the project's rows again, those received while it was archived included.

    Raises:
        Refused: 404 no such project; 409 the plan has no free place.
    """
    plan = lock_workspace(session, workspace_id)
    project = _project(session, workspace_id, slug)
    if project.archived_at_us is not None:
        if free_project_slots(plan, shown_projects(session, workspace_id)) == 0:
            raise conflict("plan_project_ceiling", "The plan's project ceiling is reached; archive one or upgrade.")
        project.archived_at_us = None
        project.over_ceiling = False
        project.visibility_version += 1
        _record(session, project, AuditEvent.PROJECT_RESTORED, actor, at)
    return project


def set_plan(session: Session, workspace_id: str, plan: Plan, *, actor: Actor, at: datetime) -> int:
    """Change the workspace's plan and show the withheld projects it now has places for.

    Returns:
        How many projects came back.

    Raises:
        Refused: 404 no such workspace.
    """
    before = lock_workspace(session, workspace_id)
    if before is plan:
        return 0
    session.execute(update(_workspaces).where(_workspaces.c.id == workspace_id).values(plan=plan.value))
    record_event(
        session,
        workspace_id,
        actor=actor,
        event=AuditEvent.WORKSPACE_PLAN_CHANGED,
        resource=Resource("workspace", workspace_id),
        details={"before": before.value, "after": plan.value},
        at=at,
    )
    return _release(session, workspace_id, plan, actor=actor, at=at)


def list_projects(session: Session, workspace_id: str) -> list[Project]:
    """Return the workspace's projects in the order they were first seen."""
    query = select(Project).where(Project.workspace_id == workspace_id)
    return list(session.scalars(query.order_by(Project.first_seen_at_us, Project.slug)))


def _reasons(
    connection: Connection | Session,
    workspace_id: str,
    slugs: list[str],
    at_us: int,
    seen: SeenProjects | None = None,
) -> dict[str, WithheldReason | None]:
    seen = {} if seen is None else seen
    unread = [slug for slug in slugs if slug not in seen]
    for start in range(0, len(unread), _SLUGS_PER_QUERY):
        asked = {"workspace": workspace_id, "slugs": unread[start : start + _SLUGS_PER_QUERY]}
        seen.update({slug: (over, archived) for slug, over, archived in connection.execute(_KNOWN_PROJECTS, asked)})
    return {
        slug: withheld_reason(over_ceiling=seen[slug][0], archived_at_us=seen[slug][1], received_at_us=at_us)
        for slug in slugs
        if slug in seen
    }


def _create(
    connection: Connection | Session,
    workspace_id: str,
    slugs: list[str],
    at_us: int,
    *,
    plan: Plan,
    device_id: str | None,
) -> dict[str, WithheldReason | None]:
    if not slugs:
        return {}
    free = free_project_slots(plan, shown_projects(connection, workspace_id))
    over = {slug: free is not None and index >= free for index, slug in enumerate(slugs)}
    rows = [
        {
            "id": str(uuid4()),
            "workspace_id": workspace_id,
            "slug": slug,
            "first_seen_at_us": at_us,
            "over_ceiling": over[slug],
            "visibility_version": 1,
        }
        for slug in slugs
    ]
    connection.execute(insert(_projects), rows)
    record_events(
        connection,
        workspace_id,
        actor=SYSTEM if device_id is None else Actor(ActorType.DEVICE, device_id),
        happenings=[
            Happening(AuditEvent.PROJECT_CREATED, Resource("project", slug), {"over_ceiling": over[slug]})
            for slug in slugs
        ],
        at=from_micros(at_us),
    )
    return {slug: WithheldReason.CEILING if over[slug] else None for slug in slugs}


def shown_projects(connection: Connection | Session, workspace_id: str) -> int:
    """Return how many projects take one of the plan's places: those neither archived nor over its ceiling."""
    query = (
        select(func.count())
        .select_from(_projects)
        .where(
            _projects.c.workspace_id == workspace_id,
            _projects.c.archived_at_us.is_(None),
            _projects.c.over_ceiling.is_(False),
        )
    )
    return int(connection.execute(query).scalar_one())


def _release(session: Session, workspace_id: str, plan: Plan, *, actor: Actor, at: datetime) -> int:
    free = free_project_slots(plan, shown_projects(session, workspace_id))
    waiting = select(Project).where(Project.workspace_id == workspace_id, Project.over_ceiling.is_(True))
    if free is not None:  # an archived project takes no place, so it waits for none
        waiting = waiting.where(Project.archived_at_us.is_(None))
    released = list(session.scalars(waiting.order_by(Project.first_seen_at_us, Project.slug).limit(free)))
    for project in released:
        project.over_ceiling = False
        project.visibility_version += 1
        _record(session, project, AuditEvent.PROJECT_RELEASED, actor, at)
    return len(released)


def _project(session: Session, workspace_id: str, slug: str) -> Project:
    query = select(Project).where(Project.workspace_id == workspace_id, Project.slug == slug)
    project = session.scalars(query.with_for_update()).one_or_none()
    if project is None:
        raise not_found("project_not_found", "No such project.")
    return project


def _record(session: Session, project: Project, event: AuditEvent, actor: Actor, at: datetime) -> None:
    resource = Resource("project", project.slug)
    record_event(session, project.workspace_id, actor=actor, event=event, resource=resource, at=at)
