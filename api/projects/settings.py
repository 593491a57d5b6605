"""What a project is called and billed as: display name, client, hourly rate, mark-up, cost centre.

Belongs here: checking and changing them. Does not belong here: archiving (`visibility`), cost centres themselves
(`api.cost_centres`). The slug never changes: daemons log it and rows are found by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from msgspec import UNSET, UnsetType
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.access.text import checked_name
from api.audit import Actor, AuditEvent, Happening, Resource, record_events
from api.cost_centres.centres import centre_of_slug
from api.currencies import checked_amount, checked_currency
from api.db.models import CostCentre, Project
from api.db.session import lock_workspace
from api.errors import conflict, invalid, not_found


@dataclass(frozen=True, slots=True)
class HourlyRate:
    """What an hour of work on a project costs its client.

    Attributes:
        millicents: 1/100,000 of the currency's unit.
        currency: ISO 4217.
    """

    millicents: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectChange:
    """What is to change; UNSET stays as it is, None is taken away.

    Attributes:
        display_name: what people call it.
        client_name: whom it is billed to.
        hourly_rate: for billing reports.
        markup_basis_points: what is added to its cost when it is charged on; 1,500 is 15 %.
        cost_centre: slug of the cost centre it is assigned to.
    """

    display_name: str | UnsetType | None = UNSET
    client_name: str | UnsetType | None = UNSET
    hourly_rate: HourlyRate | UnsetType | None = UNSET
    markup_basis_points: int | UnsetType | None = UNSET
    cost_centre: str | UnsetType | None = UNSET


NO_RATE: Final = (None, None)
MARKUP_MAX: Final = 100_000
"""Ten times the cost, in basis points."""


def change_project(
    session: Session, workspace_id: str, slug: str, change: ProjectChange, *, actor: Actor, at: datetime
) -> Project:
    """Change settings of a project; each that really changes is one event.

    Raises:
        Refused: 404 no such project or cost centre; 409 the cost centre is archived; 422 a value is not usable.
    """
    lock_workspace(session, workspace_id)
    project = project_of_slug(session, workspace_id, slug)
    resource = Resource("project", slug)
    happenings = [
        Happening(event, resource, {"before": before, "after": after})
        for event, before, after in _apply(session, project, change)
        if before != after
    ]
    record_events(session, workspace_id, actor=actor, happenings=happenings, at=at)
    return project


def project_of_slug(session: Session, workspace_id: str, slug: str) -> Project:
    """Return a project.

    Raises:
        Refused: 404 no such project.
    """
    query = select(Project).where(Project.workspace_id == workspace_id, Project.slug == slug)
    project = session.scalars(query).one_or_none()
    if project is None:
        raise not_found("project_not_found", "No such project.")
    return project


def hourly_rate(project: Project) -> HourlyRate | None:
    """Return a project's hourly rate, None when it has none."""
    if project.hourly_rate_millicents is None or project.hourly_rate_currency is None:
        return None
    return HourlyRate(project.hourly_rate_millicents, project.hourly_rate_currency)


def checked_markup(basis_points: int | None) -> int | None:
    """Return a mark-up in basis points; None is none.

    Raises:
        Refused: 422 it is below 0 or above 1,000 %.
    """
    if basis_points is not None and not 0 <= basis_points <= MARKUP_MAX:
        raise invalid(f"The mark-up must be from 0 to {MARKUP_MAX} basis points, which is {MARKUP_MAX // 100} %.")
    return basis_points


_Change = tuple[AuditEvent, str | int | None, str | int | None]


def _apply(session: Session, project: Project, change: ProjectChange) -> Iterator[_Change]:
    if change.display_name is not UNSET:
        before, project.display_name = project.display_name, _name(change.display_name, "name")
        yield AuditEvent.PROJECT_RENAMED, before, project.display_name
    if change.client_name is not UNSET:
        before, project.client_name = project.client_name, _name(change.client_name, "client")
        yield AuditEvent.PROJECT_CLIENT_SET, before, project.client_name
    if change.hourly_rate is not UNSET:
        rate, before = change.hourly_rate, _rate_text(hourly_rate(project))
        project.hourly_rate_millicents, project.hourly_rate_currency = (
            NO_RATE
            if rate is None
            else (checked_amount(rate.millicents, what="hourly rate"), checked_currency(rate.currency))
        )
        yield AuditEvent.PROJECT_RATE_SET, before, _rate_text(rate)
    if change.markup_basis_points is not UNSET:
        before, project.markup_basis_points = project.markup_basis_points, checked_markup(change.markup_basis_points)
        yield AuditEvent.PROJECT_MARKUP_SET, before, project.markup_basis_points
    if change.cost_centre is not UNSET:
        yield _assign(session, project, change.cost_centre)


def _assign(session: Session, project: Project, slug: str | None) -> _Change:
    before = session.get(CostCentre, project.cost_centre_id) if project.cost_centre_id else None
    after = None if slug is None else centre_of_slug(session, project.workspace_id, slug)
    if after is not None and after.archived_at_us is not None and after is not before:
        raise conflict("cost_centre_archived", "This cost centre is archived; restore it first.")
    project.cost_centre_id = after.id if after else None
    return AuditEvent.PROJECT_COST_CENTRE_SET, before.slug if before else None, after.slug if after else None


def _name(given: str | None, what: str) -> str | None:
    return (checked_name(given, what=what, optional=True) if given is not None else None) or None


def _rate_text(rate: HourlyRate | None) -> str | None:
    return None if rate is None else f"{rate.millicents} {rate.currency}"
