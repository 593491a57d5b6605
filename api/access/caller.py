"""Somebody who is let into a workspace, and what they may do there now.

Belongs here: the caller as services and pages know one. Does not belong here: credentials (`callers`), the table of
permissions (`permissions`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from api.access.browser_sessions import SignedIn
from api.access.permissions import KEPT_WHEN_READ_ONLY, Permission
from api.audit import Actor
from api.db.models import Plan, Role
from api.errors import Refused, conflict


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who is let into a workspace.

    Attributes:
        workspace_id: of the workspace in the path.
        slug: its present slug.
        name: what people call it.
        plan: what it pays for.
        time_zone: IANA name of its reporting zone.
        read_only: why nothing may be changed: `deletion` or `subscription_ended`; None while all is well.
        deletion_requested_at_us: when its deletion was asked for.
        role: the member's role; None for an API key.
        permissions: what they may do.
        actor: who the audit log names.
        person: the signed-in person; None for an API key.
        api_key_id: the key; None for a person.
    """

    workspace_id: str
    slug: str
    name: str
    plan: Plan
    time_zone: str
    read_only: str | None
    deletion_requested_at_us: int | None
    role: Role | None
    permissions: frozenset[Permission]
    actor: Actor
    person: SignedIn | None
    api_key_id: str | None

    def may(self, permission: Permission) -> bool:
        """Tell whether the caller may do it now: for showing or hiding a button."""
        return permission in self.permissions and (self.read_only is None or permission in KEPT_WHEN_READ_ONLY)

    def require(self, permission: Permission) -> None:
        """Refuse what the caller may not do.

        Raises:
            Refused: 403 `not_allowed`; 409 `workspace_read_only`.
        """
        if permission not in self.permissions:
            raise Refused(403, "not_allowed", self._why_not())
        if permission not in KEPT_WHEN_READ_ONLY:
            self.require_writable()

    def _why_not(self) -> str:
        if self.api_key_id is None:
            return "Your role in this workspace does not allow this."
        if Permission.MANAGE_DIRECTORY in self.permissions:
            return "This key is for a directory (SCIM) alone; this takes a signed-in member, or an API key that reads."
        return "API keys only read dashboards, the audit log, devices and bills; this takes a signed-in member."

    def require_writable(self) -> None:
        """Refuse in a read-only workspace what its permission alone would still allow.

        Raises:
            Refused: 409 `workspace_read_only`.
        """
        if self.read_only is not None:
            raise conflict("workspace_read_only", _READ_ONLY[self.read_only])


_READ_ONLY: Final = {
    "deletion": "The workspace is being deleted and read-only until then; an Owner can undo the deletion.",
    "subscription_ended": "The subscription has ended and the workspace is read-only; an Owner can choose a plan.",
}
