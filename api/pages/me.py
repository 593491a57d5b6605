"""`/me`: a person's own account: their name, and where they are signed in.

Belongs here: pages about oneself. Does not belong here: memberships (`members`), signing in (`sign_in`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from api.access.browser_sessions import SignedIn, end_other_sessions, end_own_session, sessions_of
from api.access.callers import Person
from api.access.text import checked_name
from api.db.dependencies import Look, Work
from api.db.models import User
from api.errors import Refused
from api.pages.forms import PostedForm
from api.pages.shell import page, see_other
from api.sign_in.finishing import Method

router = APIRouter(include_in_schema=False)

_DONE: Final[Mapping[str, str]] = {
    "renamed": "Your name is changed.",
    "ended": "That browser is signed out.",
    "others_ended": "All other browsers are signed out.",
}
_METHODS: Final[Mapping[str, str]] = {
    Method.EMAIL_LINK: "link in an e-mail",
    Method.EMAIL_CODE: "code in an e-mail",
    Method.OIDC: "single sign-on",
}
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrom", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


@router.get("/me")
def account(request: Request, person: Person, look: Look, done: str = "") -> Response:
    """Show the account."""
    return _account(request, person, look, done=_DONE.get(done))


@router.post("/me/name")
def rename(request: Request, person: Person, form: PostedForm, work: Work) -> Response:
    """Change the name others see."""
    form.only("name")
    try:
        name = checked_name(form.text("name"), optional=True)
    except Refused as refused:
        return _account(request, person, work, typed=form.text("name"), refused=refused)
    work.get_one(User, person.user_id).display_name = name or None
    return see_other("/me?done=renamed")


@router.post("/me/sessions/{session_id}/end")
def end_one(request: Request, person: Person, session_id: str, form: PostedForm, work: Work) -> Response:
    """Sign one of one's browsers out."""
    form.only()
    end_own_session(work, person.user_id, session_id, request.app.state.clock.now())
    return see_other("/me?done=ended")


@router.post("/me/sessions/end-others")
def end_others(request: Request, person: Person, form: PostedForm, work: Work) -> Response:
    """Sign out everywhere but here."""
    form.only()
    end_other_sessions(work, person.user_id, person.session_id, request.app.state.clock.now())
    return see_other("/me?done=others_ended")


def browser_words(user_agent: str) -> str:
    """Return what a person would call a browser: `Firefox on Linux`."""
    browser = next((words for mark, words in _BROWSERS if re.search(rf"\b{mark}", user_agent)), "A browser")
    system = next((words for mark, words in _SYSTEMS if mark in user_agent), "")
    return f"{browser} on {system}" if system else browser


def _account(
    request: Request,
    person: SignedIn,
    look: Session,
    *,
    done: str | None = None,
    typed: str | None = None,
    refused: Refused | None = None,
) -> Response:
    now = request.app.state.clock.now()
    sessions = [
        {
            "id": found.id,
            "browser": browser_words(found.user_agent),
            "method": _METHODS.get(found.method, found.method),
            "address": found.remote_address,
            "created_at_us": found.created_at_us,
            "last_seen_at_us": found.last_seen_at_us,
            "here": found.id == person.session_id,
        }
        for found in sessions_of(look, person.user_id, now)
    ]
    return page(
        request,
        "me.html",
        person=person,
        status=200 if refused is None else refused.status,
        sessions=sessions,
        name=typed if typed is not None else person.display_name or "",
        error="" if refused is None else refused.message,
        done=done,
        now=now,
    )
