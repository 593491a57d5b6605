"""The shell of every page: templates, what all of them are given, and the headers they are sent with.

Belongs here: rendering. Does not belong here: reading forms (`forms`), routes (a module per subject), stylesheets
(`static`).

Templates escape everything and refuse what they were not given. Pages carry no inline script or style: the policy sent
with them forbids both, so markup that slips through does nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.access.browser_sessions import BROWSER_COOKIE, SignedIn, browser_secret, form_token, set_cookie
from api.access.callers import Caller
from api.access.permissions import Permission
from api.db.dependencies import any_session
from api.pages.assets import asset_url
from api.pages.words import FILTERS
from api.workspaces.own import OwnWorkspace, own_workspaces

TEMPLATES: Final = Path(__file__).parent / "templates"
WORKSPACE_COOKIE: Final = "halton_workspace"
"""Id of the workspace whose page this browser saw last: where `/` leads. It opens nothing."""
PAGE_HEADERS: Final = {
    # Without a referrer policy that lets our own pages see themselves, browsers send "Origin: null" with our forms.
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Vary": "Cookie",
}


@dataclass(frozen=True, slots=True)
class NavLink:
    """One entry of a workspace's navigation: its words, its path below the slug, and who sees it."""

    words: str
    path: str
    permission: Permission


NAVIGATION: Final = (
    NavLink("Overview", "overview", Permission.VIEW_DASHBOARDS),
    NavLink("Projects", "projects", Permission.VIEW_DASHBOARDS),
    NavLink("Cost centres", "cost-centers", Permission.VIEW_DASHBOARDS),
    NavLink("Members", "members", Permission.VIEW_MEMBERS),
    NavLink("Devices", "settings/devices", Permission.VIEW_DEVICES),
    NavLink("Audit log", "audit", Permission.VIEW_AUDIT_LOG),
    NavLink("Settings", "settings", Permission.VIEW_SETTINGS),
)


def page(
    request: Request,
    template: str,
    *,
    person: SignedIn | None = None,
    caller: Caller | None = None,
    browser: str | None = None,
    status: int = 200,
    **given: Any,
) -> Response:
    """Return a rendered page.

    Args:
        request: the call it answers.
        template: file below `templates`.
        person: who is signed in; taken from `caller` when absent.
        caller: the member and workspace, on pages of a workspace.
        browser: the cookie this answer gives a browser that had none; its own when absent.
        status: of the answer.
        given: what the template shows.
    """
    person = person or (caller.person if caller else None)
    html = (
        environment()
        .get_template(template)
        .render(
            request_path=request.url.path,
            person=person,
            caller=caller,
            navigation=_navigation(caller),
            workspaces=_own_workspaces(request, person),
            form_token=person.form_token if person else _browser_token(request, browser),
            Permission=Permission,
            **given,
        )
    )
    answer = Response(html, status, headers=dict(PAGE_HEADERS), media_type="text/html; charset=utf-8")
    if caller is not None and request.cookies.get(WORKSPACE_COOKIE) != caller.workspace_id:
        set_cookie(answer, WORKSPACE_COOKIE, caller.workspace_id)
    return answer


def see_other(path: str) -> Response:
    """Return the answer to a form that was taken: the browser goes on to a page it may reload."""
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError("pages lead to paths of this server only")
    return Response(status_code=303, headers={**PAGE_HEADERS, "Location": path})


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the templates, compiled once per process."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)  # pyright: ignore[reportUnknownMemberType] - jinja2 leaves it open
    made.globals["asset"] = asset_url  # pyright: ignore[reportUnknownMemberType]
    return made


def _own_workspaces(request: Request, person: SignedIn | None) -> Sequence[OwnWorkspace]:
    if person is None:
        return ()
    with any_session(request) as session:
        return own_workspaces(session, person.user_id)


def _navigation(caller: Caller | None) -> list[NavLink]:
    return [] if caller is None else [link for link in NAVIGATION if caller.may(link.permission)]


def _browser_token(request: Request, given: str | None) -> str:
    browser = given or browser_secret(request.cookies.get(BROWSER_COOKIE))
    return form_token(browser) if browser else ""
