"""The workspaces one person belongs to: what the switcher shows.

Belongs here: that list. Does not belong here: who belongs to one workspace (`api.members`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.db.models import Membership, Workspace


@dataclass(frozen=True, slots=True)
class OwnWorkspace:
    """One entry of the switcher, with the role its reader has there."""

    slug: str
    name: str
    role: str


def own_workspaces(session: Session, user_id: str) -> Sequence[OwnWorkspace]:
    """Return the workspaces a person belongs to, by name."""
    query = (
        select(Workspace.slug, Workspace.name, Membership.role)
        .join(Membership, Membership.workspace_id == Workspace.id)
        .where(Membership.user_id == user_id)
        .order_by(Workspace.name, Workspace.slug)
    )
    return [OwnWorkspace(*row) for row in session.execute(query)]
