"""The answer to a finished sign-in: new cookies, and on to where the person wanted to go.

Belongs here: what every way of signing in answers. Does not belong here: the ways (`sign_in`, `sign_in_oidc`).
"""

from __future__ import annotations

from fastapi import Request, Response
from sqlalchemy.orm import Session

from api.access.browser_sessions import BROWSER_COOKIE, SESSION_COOKIE, SignedIn, drop_cookie, set_cookie
from api.db.models import User
from api.pages.shell import see_other
from api.rate_limits import client_address
from api.sign_in.finishing import Method, Visit, finish


def signed_in_answer(
    request: Request, work: Session, user: User, earlier: SignedIn | None, *, method: Method, next_path: str
) -> Response:
    """Start the person's session and lead them on.

    Args:
        request: the call that proved who they are.
        work: the open transaction.
        user: who they are.
        earlier: who was signed in here until now; that session ends.
        method: how they proved it.
        next_path: where they wanted to go; a path of this server.
    """
    visit = Visit(
        user_agent=request.headers.get("user-agent", ""),
        address=client_address(request),
        earlier_session_id=None if earlier is None else earlier.session_id,
    )
    secret = finish(work, user, method=method, next_path=next_path, visit=visit, at=request.app.state.clock.now())
    answer = see_other(next_path)
    set_cookie(answer, SESSION_COOKIE, secret)
    drop_cookie(answer, BROWSER_COOKIE)  # it bound the attempt and is of no more use: the next one gets its own
    return answer
