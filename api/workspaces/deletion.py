"""Deleting a workspace: asking for it, the thirty days until it is final, and taking it back.

Belongs here: the request, its undoing, and when each thing happens. Does not belong here: removing the bytes
(`api.purge`), what is refused meanwhile (`api.access.callers`, `api.auth`).

    request        read-only for people, 401 workspace_deleted for daemons, e-mail to every Owner
    30 days        look, export, undo
    then           the purge begins; from its first step on nothing can be undone
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from api.access.permissions import Permission
from api.audit import AuditEvent, Resource, record_event
from api.db.models import Membership, Purge, Role, User, Workspace
from api.db.session import lock_workspace
from api.errors import Refused, conflict, invalid, workspace_not_found
from api.members.acting import Acting, acting_role
from api.members.letters import Letters
from api.outbox.letters import letter
from api.outbox.queue import Mail, MailKind, queue_mail
from api.pages.words import instant
from pipelines.lake.clock import from_micros, to_micros

GRACE: Final = timedelta(days=30)
"""From the request to the purge."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """A deletion under way.

    Attributes:
        requested_at_us: when it was asked for.
        purge_at_us: when the bytes go, at the earliest.
        begun: whether they are going: nothing can be undone any more.
    """

    requested_at_us: int
    purge_at_us: int
    begun: bool


def deletion_of(session: Session, workspace_id: str) -> Deletion | None:
    """Return the workspace's deletion; None when nobody asked for it.

    Raises:
        Refused: 404 no such workspace.
    """
    workspace = session.get(Workspace, workspace_id, populate_existing=True)
    if workspace is None:
        raise workspace_not_found()
    if workspace.deletion_requested_at_us is None:
        return None
    begun = session.get(Purge, workspace_id, populate_existing=True) is not None
    return Deletion(workspace.deletion_requested_at_us, _purge_at_us(workspace.deletion_requested_at_us), begun)


def request_deletion(
    session: Session, workspace_id: str, typed: str, *, by: Acting, letters: Letters, at: datetime
) -> Deletion:
    """Ask for the deletion of a workspace, and tell every Owner.

    Args:
        session: the open transaction.
        workspace_id: which one.
        typed: its slug, as the confirmation was typed.
        by: an Owner, or the operator.
        letters: e-mails about it.
        at: when.

    Raises:
        Refused: 403 `not_allowed`; 404 no such workspace; 409 `deletion_requested` already; 422 `not_confirmed`.
    """
    lock_workspace(session, workspace_id)
    acting_role(session, workspace_id, by, Permission.DELETE_WORKSPACE)
    workspace = session.get_one(Workspace, workspace_id, populate_existing=True)
    if workspace.deletion_requested_at_us is not None:
        raise conflict("deletion_requested", "The deletion was asked for already.")
    if typed.strip() != workspace.slug:
        raise invalid("To confirm, type the slug of the workspace exactly.", code="not_confirmed")
    requested_at_us = workspace.deletion_requested_at_us = to_micros(at)
    purge_at_us = _purge_at_us(requested_at_us)
    session.flush()
    record_event(
        session,
        workspace_id,
        actor=by.actor,
        event=AuditEvent.WORKSPACE_DELETION_REQUESTED,
        resource=Resource("workspace", workspace_id),
        details={"purge_at_us": purge_at_us},
        at=at,
    )
    purge_on = instant(purge_at_us, workspace.time_zone)
    _tell_owners(session, workspace, "deletion", by, letters, at, purge_on=purge_on)
    return Deletion(requested_at_us, purge_at_us, begun=False)


def undo_deletion(session: Session, workspace_id: str, *, by: Acting, letters: Letters, at: datetime) -> None:
    """Take a deletion back, and tell every Owner.

    Raises:
        Refused: 403 `not_allowed`; 404 no such workspace; 409 `deletion_not_requested`, or `deletion_final` once the
            thirty days are over or the purge has begun.
    """
    lock_workspace(session, workspace_id)
    acting_role(session, workspace_id, by, Permission.DELETE_WORKSPACE)
    deletion = deletion_of(session, workspace_id)
    if deletion is None:
        raise conflict("deletion_not_requested", "Nobody asked for the deletion of this workspace.")
    if deletion.begun or to_micros(at) >= deletion.purge_at_us:
        raise deletion_final()
    workspace = session.get_one(Workspace, workspace_id)
    workspace.deletion_requested_at_us = None
    session.flush()
    record_event(
        session,
        workspace_id,
        actor=by.actor,
        event=AuditEvent.WORKSPACE_DELETION_UNDONE,
        resource=Resource("workspace", workspace_id),
        at=at,
    )
    _tell_owners(session, workspace, "deletion_undone", by, letters, at)


def due_for_purge(session: Session, at: datetime) -> Sequence[str]:
    """Return the ids of the workspaces whose thirty days are over, and of purges that were begun and not ended."""
    over = select(Workspace.id).where(Workspace.deletion_requested_at_us <= to_micros(at - GRACE))
    begun = select(Purge.workspace_id).where(Purge.finished_at_us.is_(None))
    return sorted({*session.scalars(over), *session.scalars(begun)})


def is_any_due(session: Session, at: datetime) -> bool:
    """Tell cheaply whether `due_for_purge` has something to say."""
    over = Workspace.deletion_requested_at_us <= to_micros(at - GRACE)
    begun = select(Purge.workspace_id).where(Purge.finished_at_us.is_(None)).exists()
    return bool(session.execute(select(or_(select(Workspace.id).where(over).exists(), begun))).scalar_one())


def deletion_final() -> Refused:
    """Return the 409 of a workspace whose bytes are going."""
    return conflict("deletion_final", "The thirty days are over: the workspace is being removed for good.")


def _purge_at_us(requested_at_us: int) -> int:
    return to_micros(from_micros(requested_at_us) + GRACE)


def _tell_owners(
    session: Session, workspace: Workspace, name: str, by: Acting, letters: Letters, at: datetime, **given: str
) -> None:
    link = f"{letters.base_url}/{workspace.slug}/settings/deletion"
    written = letter(name, link=link, actor=by.actor.id, workspace=workspace.name, **given)
    owners = (
        select(User.email)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.workspace_id == workspace.id, Membership.role == Role.OWNER.value)
        .order_by(User.email)
    )
    for email in session.scalars(owners).all():
        queue_mail(session, letters.seal, Mail(MailKind.DELETION, email, *written), at=at, workspace_id=workspace.id)
