"""The end of every sign-in: a proven address or identity becomes a session.

Belongs here: what happens in the transaction of a sign-in, however it was proven. Does not belong here: proving
(`attempts`, `oidc`), cookies.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from api.access.browser_sessions import end_session, start_session
from api.db.models import User
from api.sign_in.first_workspace import ensure_first_workspace
from api.sign_in.paths import INVITATIONS


class Method(StrEnum):
    """How somebody proved who they are."""

    EMAIL_LINK = "email_link"
    EMAIL_CODE = "email_code"
    OIDC = "oidc"


@dataclass(frozen=True, slots=True)
class Visit:
    """The call that signs in.

    Attributes:
        user_agent: what the browser calls itself.
        address: where it calls from.
        earlier_session_id: the session it had until now, if any; it ends.
    """

    user_agent: str
    address: str
    earlier_session_id: str | None


def finish(session: Session, user: User, *, method: Method, next_path: str, visit: Visit, at: datetime) -> str:
    """Sign a person in and return their session's cookie, which nobody knew before.

    A newcomer gets a first workspace, unless they come to accept an invitation to somebody else's.
    """
    if not next_path.startswith(INVITATIONS):
        ensure_first_workspace(session, user, at)
    if visit.earlier_session_id is not None:
        end_session(session, visit.earlier_session_id, at)
    return start_session(
        session, user.id, method=method.value, user_agent=visit.user_agent, address=visit.address, at=at
    )
