"""A workspace's own settings: name, reporting time zone, currency note, retention.

Belongs here: reading them, changing them. Does not belong here: the slug (`slugs`), the logo (`logos`), plan and
budgets (`api.billing`, `api.budgets`).

Spend is kept and shown in US dollars. The currency note is a sentence for people, such as how the company converts it;
it changes no number. Another time zone cuts all days anew, with the next refresh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from api.access.text import checked_name
from api.audit import Actor, AuditEvent, Happening, Resource, record_events
from api.db.models import Plan, Workspace, WorkspaceLogo
from api.db.session import lock_workspace
from api.errors import invalid, workspace_not_found
from api.workspaces.slugs import change_slug, retired_slugs
from api.workspaces.zones import checked_zone

RETENTION_MAX_DAYS: Final = 36_500
CURRENCY: Final = "USD"
_NOTE_LENGTH_MAX: Final = 255


@dataclass(frozen=True, slots=True)
class LogoFacts:
    """What is known of a logo without its pixels."""

    sha256: str
    width_px: int
    height_px: int
    uploaded_at_us: int


@dataclass(frozen=True, slots=True)
class Settings:
    """A workspace's settings as they stand.

    Attributes:
        retention_days: requests of older UTC days are not kept; None keeps them all.
        retired_slugs: slugs it had before, the latest first.
    """

    workspace_id: str
    slug: str
    name: str
    plan: Plan
    time_zone: str
    currency_note: str
    retention_days: int | None
    logo: LogoFacts | None
    retired_slugs: tuple[str, ...]
    created_at_us: int
    deletion_requested_at_us: int | None


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """Settings somebody wants to have; None leaves one as it is.

    Attributes:
        currency_note: empty removes it.
        retention_days: 0 keeps everything for ever.
    """

    name: str | None = None
    slug: str | None = None
    time_zone: str | None = None
    currency_note: str | None = None
    retention_days: int | None = None


def settings_of(session: Session, workspace_id: str) -> Settings:
    """Return a workspace's settings.

    Raises:
        Refused: 404 no such workspace.
    """
    workspace = session.get(Workspace, workspace_id, populate_existing=True)
    if workspace is None:
        raise workspace_not_found()
    logo = session.get(WorkspaceLogo, workspace_id, populate_existing=True)
    return Settings(
        workspace_id=workspace.id,
        slug=workspace.slug,
        name=workspace.name,
        plan=Plan(workspace.plan),
        time_zone=workspace.time_zone,
        currency_note=workspace.currency_note or "",
        retention_days=workspace.retention_days,
        logo=None if logo is None else LogoFacts(logo.sha256, logo.width_px, logo.height_px, logo.uploaded_at_us),
        retired_slugs=tuple(retired_slugs(session, workspace_id)),
        created_at_us=workspace.created_at_us,
        deletion_requested_at_us=workspace.deletion_requested_at_us,
    )


def change_settings(
    session: Session, workspace_id: str, change: SettingsChange, *, actor: Actor, at: datetime
) -> Settings:
    """Change settings, all of them or none; what is the same already is neither changed nor recorded.

    Args:
        session: the open transaction.
        workspace_id: whose settings.
        change: what to change.
        actor: who decides.
        at: when.

    Returns:
        The settings from now on.

    Raises:
        Refused: 404 no such workspace; 409 `slug_taken` or `too_many_slugs`; 422 a value is not usable.
    """
    lock_workspace(session, workspace_id)
    workspace = session.get_one(Workspace, workspace_id, populate_existing=True)
    happenings: list[Happening] = []

    def happened(event: AuditEvent, details: Mapping[str, str | int | bool | None]) -> None:
        happenings.append(Happening(event, Resource("workspace", workspace_id), details))

    if change.name is not None and (name := checked_name(change.name)) != workspace.name:
        happened(AuditEvent.WORKSPACE_RENAMED, {"name": name, "before": workspace.name})
        workspace.name = name
    if change.time_zone is not None and (zone := checked_zone(change.time_zone)) != workspace.time_zone:
        happened(AuditEvent.WORKSPACE_TIME_ZONE_SET, {"time_zone": zone, "before": workspace.time_zone})
        workspace.time_zone = zone
    if change.currency_note is not None and (note := _checked_note(change.currency_note)) != workspace.currency_note:
        happened(AuditEvent.WORKSPACE_CURRENCY_NOTE_SET, {"note": note, "before": workspace.currency_note})
        workspace.currency_note = note
    if change.retention_days is not None:
        days = _checked_days(change.retention_days) if change.retention_days else None
        if days != workspace.retention_days:
            happened(AuditEvent.WORKSPACE_RETENTION_SET, {"retention_days": days, "before": workspace.retention_days})
            workspace.retention_days = days
    session.flush()
    record_events(session, workspace_id, actor=actor, happenings=happenings, at=at)
    if change.slug is not None:
        change_slug(session, workspace_id, change.slug, actor=actor, at=at)
    return settings_of(session, workspace_id)


def set_retention(session: Session, workspace_id: str, days: int | None, *, actor: Actor, at: datetime) -> None:
    """Set how long the workspace keeps requests.

    Args:
        session: the open transaction.
        workspace_id: whose requests.
        days: requests of UTC days before today minus this many are no longer shown, and their files are deleted once
            nothing else is in them; None keeps everything for ever. What is deleted does not come back.
        actor: who decides.
        at: when.

    Raises:
        Refused: 404 no such workspace; 422 the number is not from 1 to 36500.
    """
    change = SettingsChange(retention_days=0 if days is None else _checked_days(days))
    change_settings(session, workspace_id, change, actor=actor, at=at)


def _checked_days(days: int) -> int:
    if not 1 <= days <= RETENTION_MAX_DAYS:
        raise invalid(f"The number of days must be from 1 to {RETENTION_MAX_DAYS}.")
    return days


def _checked_note(text: str) -> str | None:
    note = " ".join(text.split())
    if len(note) > _NOTE_LENGTH_MAX or not note.isprintable():
        raise invalid(f"The currency note must have at most {_NOTE_LENGTH_MAX} printable characters.")
    return note or None
