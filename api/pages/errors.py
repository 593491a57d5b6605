"""Errors as pages a person understands.

Belongs here: which calls get a page instead of JSON, and the page. Does not belong here: raising refusals.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from fastapi import Request, Response

from api.access.browser_sessions import SESSION_COOKIE, find_session
from api.pages.shell import page, see_other

_MACHINE_PATHS: Final = ("/v1/", "/scim/", "/webhooks/", "/health", "/metrics", "/openapi.json")
_TITLES: Final[Mapping[int, str]] = {
    400: "That did not work",
    401: "Please sign in",
    403: "You may not do this",
    404: "There is nothing here",
    405: "That did not work",
    409: "Not possible right now",
    413: "That is too large",
    422: "Something is not right",
    429: "A little too fast",
    500: "The server failed",
    503: "The server is busy",
}


def wants_page(request: Request) -> bool:
    """Tell whether a refusal of this call is shown as a page."""
    return not request.url.path.startswith(_MACHINE_PATHS) and "text/html" in request.headers.get("accept", "")


def error_page(request: Request, status: int, code: str, message: str, headers: Mapping[str, str]) -> Response:
    """Return the page of a refusal; one that asks for a sign-in leads there and back again."""
    if status == HTTPStatus.UNAUTHORIZED and request.method == "GET":
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return see_other(f"/signin?next={quote(target, safe='')}")
    state = request.app.state
    try:
        person = find_session(state.engine, request.cookies.get(SESSION_COOKIE), state.clock)
    except Exception:  # noqa: BLE001 - the database may be what failed; the page must still come
        person = None
    title = _TITLES.get(status, HTTPStatus(status).phrase)
    answer = page(request, "error.html", person=person, status=status, title=title, code=code, message=message)
    for name, value in headers.items():
        if name.lower() != "www-authenticate":
            answer.headers[name] = value
    return answer
