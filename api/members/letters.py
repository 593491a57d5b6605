"""The e-mails of membership: an invitation, and word to a new Owner.

Belongs here: what each is given, and queueing it in the change's transaction. Does not belong here: their words
(`api.outbox.letters`), sending them (`api.outbox`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session
from starlette.requests import Request

from api.access.same_site import public_url
from api.db.models import Invitation, Workspace
from api.outbox.letters import letter
from api.outbox.queue import Mail, MailKind, Seal, queue_mail
from api.pages.words import instant
from pipelines.lake.clock import from_micros


@dataclass(frozen=True, slots=True)
class Letters:
    """Queues them.

    Attributes:
        seal: of the home's outbox.
        base_url: of the pages the links lead to, without a slash at its end.
    """

    seal: Seal
    base_url: str

    @classmethod
    def of(cls, request: Request) -> Letters:
        """Return those whose links lead to the server that was called."""
        return cls(request.app.state.mail_seal, public_url(request))

    def invitation(
        self, session: Session, workspace: Workspace, invitation: Invitation, token: str, at: datetime
    ) -> None:
        """Owe the e-mail that holds an invitation's link."""
        given = letter(
            "invitation",
            link=f"{self.base_url}/invitations/{token}",
            inviter=invitation.invited_by,
            email=invitation.email,
            workspace=workspace.name,
            role=invitation.role.capitalize(),
            expires=instant(invitation.expires_at_us, workspace.time_zone),
        )
        mail = Mail(MailKind.INVITATION, invitation.email, *given)
        expires_at = from_micros(invitation.expires_at_us)
        queue_mail(session, self.seal, mail, at=at, workspace_id=workspace.id, expires_at=expires_at)

    def ownership(self, session: Session, workspace: Workspace, email: str, actor: str, at: datetime) -> None:
        """Owe the e-mail that tells a member that they are an Owner now."""
        link = f"{self.base_url}/{workspace.slug}/members"
        given = letter("ownership", link=link, actor=actor, workspace=workspace.name)
        mail = Mail(MailKind.OWNERSHIP, email, *given)
        queue_mail(session, self.seal, mail, at=at, workspace_id=workspace.id)
