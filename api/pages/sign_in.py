"""Pages of signing in by e-mail, and of signing out.

Belongs here: `/signin`, its code and link, `/signout`. Does not belong here: rules of attempts (`api.sign_in`), sign-in
at an issuer (`sign_in_oidc`), where a signed-in person goes (`home`).

Opening a link changes nothing: mail scanners and previews open links too. Its page has a button, and the button's form
signs in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session

from api.access.browser_sessions import (
    BROWSER_COOKIE,
    SESSION_COOKIE,
    SignedIn,
    browser_secret,
    drop_cookie,
    end_session,
    new_browser_secret,
    set_cookie,
)
from api.access.callers import MaybePerson
from api.access.same_site import form_out_of_date, keeps_cookies, trusted_url
from api.db.dependencies import Look, Work
from api.errors import Refused
from api.outbox.configuration import MAIL_URL_VARIABLE
from api.pages.forms import PostedForm
from api.pages.shell import WORKSPACE_COOKIE, page, see_other
from api.pages.sign_in_end import signed_in_answer
from api.people import find_or_create_person
from api.rate_limits import client_address, limited
from api.sign_in.attempts import LinkState, ask, link_state, prove_by_code, prove_by_link, waiting
from api.sign_in.finishing import Method
from api.sign_in.paths import own_path

router = APIRouter(include_in_schema=False)

_DONE: Final[Mapping[str, str]] = {
    "signed_out": "You are signed out.",
    "expired": "There was no open sign-in in this browser, or its ten minutes are over. Please ask again.",
}
_STOPPED: Final[Mapping[LinkState, tuple[int, str]]] = {
    LinkState.ELSEWHERE: (403, "elsewhere"),
    LinkState.ENDED: (410, "ended"),
    LinkState.EXPIRED: (410, "expired"),
}
_counted = Depends(limited(lambda limits: limits.sign_in))
_tried = Depends(limited(lambda limits: limits.sign_in_code))


@router.get("/signin")
def sign_in_page(
    request: Request,
    person: MaybePerson,
    onward: Annotated[str, Query(alias="next")] = "",
    done: str = "",
) -> Response:
    """Show the form that asks for the mail; whoever is signed in goes on at once."""
    if person is not None:
        return see_other(own_path(onward))
    return _start(request, None, own_path(onward), done=_DONE.get(done))


@router.post("/signin", dependencies=[_counted])
def ask_for_mail(request: Request, form: PostedForm, person: MaybePerson, work: Work) -> Response:
    """Owe the mail, and say the same whether anybody has the address or not."""
    form.only("email", "next")
    state, browser = request.app.state, _browser(request)
    try:
        ask(
            work,
            state.mail_seal,
            email=form.text("email"),
            browser=browser,
            next_path=form.text("next"),
            address=client_address(request),
            links_from=trusted_url(request),
            at=state.clock.now(),
        )
    except Refused as refused:
        if refused.code not in {"invalid_email", "rate_limited"}:
            raise
        return _start(request, person, own_path(form.text("next")), email=form.text("email"), refused=refused)
    return see_other("/signin/code")


@router.get("/signin/code")
def code_page(request: Request, person: MaybePerson, look: Look) -> Response:
    """Ask for the code that was mailed."""
    return _code_form(request, person, look)


@router.post("/signin/code", dependencies=[_tried])
def sign_in_by_code(request: Request, form: PostedForm, person: MaybePerson, work: Work) -> Response:
    """Sign in with the code; a wrong one is counted."""
    form.only("code")
    at, browser = request.app.state.clock.now(), _browser(request)
    try:
        proven = prove_by_code(work, form.text("code"), browser, at)
    except Refused as refused:
        # Not raised any further: the transaction that counted the try must be committed.
        return _code_form(request, person, work, refused)
    user = find_or_create_person(work, proven.email, at)
    return signed_in_answer(request, work, user, person, method=Method.EMAIL_CODE, next_path=proven.next_path)


@router.get("/signin/link")
def link_page(request: Request, person: MaybePerson, look: Look, token: str = "") -> Response:
    """Show the button that signs in, or why this link does not."""
    state = link_state(look, token, browser_secret(request.cookies.get(BROWSER_COOKIE)), request.app.state.clock.now())
    if state is not LinkState.READY:
        return _stopped(request, person, state)
    return page(request, "sign_in/link.html", person=person, token=token)


@router.post("/signin/link", dependencies=[_tried])
def sign_in_by_link(request: Request, form: PostedForm, person: MaybePerson, work: Work) -> Response:
    """Sign in with the link's token."""
    form.only("token")
    at = request.app.state.clock.now()
    browser = browser_secret(request.cookies.get(BROWSER_COOKIE))
    proven = prove_by_link(work, form.text("token"), browser, at)
    if isinstance(proven, LinkState):
        return _stopped(request, person, proven)
    user = find_or_create_person(work, proven.email, at)
    return signed_in_answer(request, work, user, person, method=Method.EMAIL_LINK, next_path=proven.next_path)


@router.post("/signout")
def sign_out(request: Request, form: PostedForm, person: MaybePerson, work: Work) -> Response:
    """End this browser's session."""
    form.only()
    if person is not None:
        end_session(work, person.session_id, request.app.state.clock.now())
    answer = see_other("/signin?done=signed_out")
    for cookie in (SESSION_COOKIE, WORKSPACE_COOKIE):
        drop_cookie(answer, cookie)
    return answer


def _start(
    request: Request,
    person: SignedIn | None,
    next_path: str,
    *,
    email: str = "",
    refused: Refused | None = None,
    done: str | None = None,
) -> Response:
    known = browser_secret(request.cookies.get(BROWSER_COOKIE))
    browser = known or new_browser_secret()
    oidc = request.app.state.oidc
    answer = page(
        request,
        "sign_in/start.html",
        person=person,
        browser=browser,
        status=200 if refused is None else refused.status,
        next=next_path,
        email=email[:320],
        error="" if refused is None else refused.message,
        done=done,
        issuer=None if oidc is None else oidc.settings.name,
        keeps_cookies=keeps_cookies(request),
    )
    if refused is not None:
        answer.headers.update(refused.headers)
    if known is None:
        set_cookie(answer, BROWSER_COOKIE, browser)
    if person is None and SESSION_COOKIE in request.cookies:  # of a session that has ended
        drop_cookie(answer, SESSION_COOKIE)
    return answer


def _code_form(request: Request, person: SignedIn | None, look: Session, refused: Refused | None = None) -> Response:
    browser = browser_secret(request.cookies.get(BROWSER_COOKIE))
    attempt = None if browser is None else waiting(look, browser, request.app.state.clock.now())
    if attempt is None and refused is None:
        return see_other("/signin?done=expired")
    if attempt is None:
        return page(request, "sign_in/stopped.html", person=person, status=410, why="burned", next="/")
    return page(
        request,
        "sign_in/code.html",
        person=person,
        status=200 if refused is None else refused.status,
        email=attempt.email,
        next=attempt.next_path,
        no_mail_service=not os.environ.get(MAIL_URL_VARIABLE),
        error="" if refused is None else refused.message,
    )


def _stopped(request: Request, person: SignedIn | None, state: LinkState) -> Response:
    status, why = _STOPPED[state]
    return page(request, "sign_in/stopped.html", person=person, status=status, why=why, next="/")


def _browser(request: Request) -> str:
    """Return the cookie of the browser that asks; our own form gave it one."""
    browser = browser_secret(request.cookies.get(BROWSER_COOKIE))
    if browser is None:
        raise form_out_of_date()
    return browser
