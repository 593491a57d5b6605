"""Pages at a slug that a workspace had before: they go on to its present one.

Belongs here: finding out whether a page that is not there is at such a slug. Does not belong here: retiring slugs
(`api.workspaces.slugs`).

Only for people who may see the workspace: to anybody else a retired slug looks like one that never was. Paths of
daemons and of the JSON API are never sent on.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from fastapi import Request, Response
from sqlalchemy import select

from api.access.browser_sessions import SESSION_COOKIE, find_session
from api.db.models import Membership
from api.db.session import reading
from api.pages.shell import PAGE_HEADERS
from api.workspaces.slugs import present_slug

_METHODS: Final = frozenset({"GET", "HEAD"})
PERMANENT_REDIRECT: Final = 308


def moved_page(request: Request, code: str) -> Response | None:
    """Return the answer that sends a browser on to the same page at the workspace's present slug.

    Args:
        request: a call that wants a page and was refused.
        code: of the refusal.

    Returns:
        None when the refusal stands. The answer is not kept: the workspace may take its earlier slug back.
    """
    if code != "workspace_not_found" or request.method not in _METHODS:
        return None
    slug, _, rest = request.url.path.removeprefix("/").partition("/")
    state = request.app.state
    person = find_session(state.engine, request.cookies.get(SESSION_COOKIE), state.clock)
    if person is None:
        return None
    with reading(state.engine) as session:
        found = present_slug(session, slug)
        if found is None:
            return None
        workspace_id, present = found
        mine = select(Membership.role).where(
            Membership.workspace_id == workspace_id, Membership.user_id == person.user_id
        )
        if session.execute(mine).first() is None:
            return None
    target = f"/{present}" + (f"/{quote(rest, safe='/~!$&()*+,;=:@')}" if rest else "")
    if request.url.query:
        target += f"?{request.url.query}"
    return Response(status_code=PERMANENT_REDIRECT, headers={**PAGE_HEADERS, "Location": target})
