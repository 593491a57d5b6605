"""The shell of every page: templates, what all of them are given, and the headers they are sent with.

Belongs here: rendering. Does not belong here: reading forms (`forms`), routes (a module per subject), stylesheets
(`static`).

Templates escape everything and refuse what they were not given. What cannot be seen, or turns the text around it, is
written as a replacement character, so that no name reads as another one; values of fields stay exact (`| exact`).

Pages carry no inline script or style: the policy sent
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
from markupsafe import Markup, escape

from api.access.browser_sessions import BROWSER_COOKIE, SignedIn, browser_secret, form_token, set_cookie
from api.access.callers import Caller
from api.access.permissions import Permission
from api.access.text import visible
from api.db.dependencies import any_session
from api.pages.assets import asset_url
from api.pages.chart_script import charts_script
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
    filtered: bool = False
    """Whether it shows figures, and so keeps the filter of the page it stands on."""
    group: str = ""
    """Words over it and its neighbours of the same group."""
    also: tuple[str, ...] = ()
    """Further paths below the slug that belong to it."""


NAVIGATION: Final = (
    NavLink("Overview", "overview", Permission.VIEW_DASHBOARDS, filtered=True),
    NavLink("Executive", "executive", Permission.VIEW_DASHBOARDS, filtered=True),
    NavLink("Projects", "projects", Permission.VIEW_DASHBOARDS, filtered=True, group="Spend"),
    NavLink("Cost centres", "cost-centers", Permission.VIEW_DASHBOARDS, filtered=True, group="Spend"),
    NavLink("Requests", "requests", Permission.VIEW_DASHBOARDS, filtered=True, group="Spend"),
    NavLink(
        "Budgets", "budgets", Permission.VIEW_DASHBOARDS, filtered=True, group="Spend", also=("anomalies", "alerts")
    ),
    NavLink("Optimisation", "optimization", Permission.VIEW_DASHBOARDS, filtered=True, group="Save"),
    NavLink("Clusters", "clusters", Permission.VIEW_DASHBOARDS, filtered=True, group="Save"),
    NavLink("Reconciliation", "reconciliation", Permission.VIEW_BILLS, filtered=True, group="Prove"),
    NavLink("Rates", "rates", Permission.VIEW_DASHBOARDS, group="Prove"),
    NavLink("Reports", "reports", Permission.VIEW_DASHBOARDS, group="Prove"),
    NavLink("Audit log", "audit", Permission.VIEW_AUDIT_LOG, group="Prove"),
    NavLink("Members", "members", Permission.VIEW_MEMBERS, group="Workspace"),
    NavLink("Devices", "settings/devices", Permission.VIEW_DEVICES, group="Workspace"),
    NavLink("Settings", "settings", Permission.VIEW_SETTINGS, group="Workspace"),
)


def page(
    request: Request,
    template: str,
    *,
    person: SignedIn | None = None,
    caller: Caller | None = None,
    browser: str | None = None,
    status: int = 200,
    filter_query: str = "",
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
        filter_query: query string of its filter, for links to other views.
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
            filter_query=filter_query,
            charts_script=charts_script(),
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
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update({**FILTERS, "exact": _exact})  # pyright: ignore[reportUnknownMemberType] - jinja2 leaves it open
    made.globals["asset"] = asset_url  # pyright: ignore[reportUnknownMemberType]
    return made


def _shown(value: Any) -> Any:
    """Return what a template writes: markup is made already, and other things than text have nothing unseen in them."""
    return visible(value) if type(value) is str else value


def _exact(value: Any) -> Markup:
    """Return a field's value that comes back as it is: a bare carriage return would come back as another blank."""
    return escape(value).replace("\r", Markup("&#13;"))


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
