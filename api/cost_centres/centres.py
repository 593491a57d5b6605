"""Cost centres: creating, renaming, archiving and restoring them.

Belongs here: the rules and their audit. Does not belong here: assigning a project (`api.projects.settings`), spend per
centre (`api.dashboards.cost_centres`).

An archived centre takes no further projects; those it has stay with it, so that past months keep their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.access.text import checked_name
from api.audit import Actor, AuditEvent, Detail, Resource, record_event
from api.db.models import CostCentre
from api.db.session import lock_workspace
from api.errors import conflict, not_found
from api.workspaces import slug_of
from pipelines.lake.clock import to_micros

CENTRES_MAX: Final = 1_000


def create_cost_centre(session: Session, workspace_id: str, name: str, *, actor: Actor, at: datetime) -> CostCentre:
    """Create a cost centre; its slug is the name's, numbered when it is taken, and stays.

    Raises:
        Refused: 409 the name is taken, or there are too many; 422 the name is not usable.
    """
    lock_workspace(session, workspace_id)
    name = checked_name(name)
    _refuse_taken(session, workspace_id, name)
    slugs = set(session.scalars(select(CostCentre.slug).where(CostCentre.workspace_id == workspace_id)))
    if len(slugs) >= CENTRES_MAX:
        raise conflict("too_many_cost_centres", f"A workspace has {CENTRES_MAX} cost centres at most.")
    wanted = slug_of(name, "cost-centre")
    candidates = (wanted, *(f"{wanted}-{number}" for number in range(2, CENTRES_MAX + 2)))
    slug = next(candidate for candidate in candidates if candidate not in slugs)
    centre = CostCentre(id=str(uuid4()), workspace_id=workspace_id, slug=slug, name=name, created_at_us=to_micros(at))
    session.add(centre)
    session.flush()
    _record(session, centre, AuditEvent.COST_CENTRE_CREATED, actor, at, {"name": name})
    return centre


def rename_cost_centre(
    session: Session, workspace_id: str, slug: str, name: str, *, actor: Actor, at: datetime
) -> CostCentre:
    """Change what people call a cost centre; its slug stays.

    Raises:
        Refused: 404 no such cost centre; 409 another one has the name; 422 the name is not usable.
    """
    lock_workspace(session, workspace_id)
    centre = centre_of_slug(session, workspace_id, slug)
    name = checked_name(name)
    if name != centre.name:
        _refuse_taken(session, workspace_id, name, but=centre.id)
        details: dict[str, Detail] = {"before": centre.name, "after": name}
        centre.name = name
        _record(session, centre, AuditEvent.COST_CENTRE_RENAMED, actor, at, details)
    return centre


def archive_cost_centre(session: Session, workspace_id: str, slug: str, *, actor: Actor, at: datetime) -> CostCentre:
    """Let a cost centre take no further projects. Doing it twice changes nothing.

    Raises:
        Refused: 404 no such cost centre.
    """
    lock_workspace(session, workspace_id)
    centre = centre_of_slug(session, workspace_id, slug)
    if centre.archived_at_us is None:
        centre.archived_at_us = to_micros(at)
        _record(session, centre, AuditEvent.COST_CENTRE_ARCHIVED, actor, at)
    return centre


def restore_cost_centre(session: Session, workspace_id: str, slug: str, *, actor: Actor, at: datetime) -> CostCentre:
    """Let an archived cost centre take projects again. Doing it twice changes nothing.

    Raises:
        Refused: 404 no such cost centre.
    """
    lock_workspace(session, workspace_id)
    centre = centre_of_slug(session, workspace_id, slug)
    if centre.archived_at_us is not None:
        centre.archived_at_us = None
        _record(session, centre, AuditEvent.COST_CENTRE_RESTORED, actor, at)
    return centre


def centre_of_slug(session: Session, workspace_id: str, slug: str) -> CostCentre:
    """Return a cost centre.

    Raises:
        Refused: 404 no such cost centre.
    """
    query = select(CostCentre).where(CostCentre.workspace_id == workspace_id, CostCentre.slug == slug)
    centre = session.scalars(query).one_or_none()
    if centre is None:
        raise not_found("cost_centre_not_found", "No such cost centre.")
    return centre


def list_cost_centres(session: Session, workspace_id: str) -> Sequence[CostCentre]:
    """Return the workspace's cost centres by name, archived ones included."""
    query = select(CostCentre).where(CostCentre.workspace_id == workspace_id)
    return sorted(session.scalars(query), key=lambda centre: (centre.name.casefold(), centre.slug))


def _refuse_taken(session: Session, workspace_id: str, name: str, *, but: str = "") -> None:
    query = select(func.count()).where(
        CostCentre.workspace_id == workspace_id, CostCentre.name == name, CostCentre.id != but
    )
    if session.scalar(query):
        raise conflict("cost_centre_name_taken", "Another cost centre has this name.")


def _record(
    session: Session,
    centre: CostCentre,
    event: AuditEvent,
    actor: Actor,
    at: datetime,
    details: dict[str, Detail] | None = None,
) -> None:
    resource = Resource("cost_centre", centre.slug)
    record_event(session, centre.workspace_id, actor=actor, event=event, resource=resource, details=details, at=at)
