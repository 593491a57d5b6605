"""Pages of signing in at the OpenID Connect issuer: going there, and coming back.

Belongs here: `/signin/oidc` and its callback. Does not belong here: the protocol (`api.sign_in.oidc`).

No transaction is open while the issuer is asked.
"""

from __future__ import annotations

import logging
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from api.access.browser_sessions import BROWSER_COOKIE, SignedIn, browser_secret, new_browser_secret, set_cookie
from api.access.callers import MaybePerson
from api.access.same_site import public_url
from api.db.session import transaction
from api.errors import Refused, not_found
from api.pages.shell import PAGE_HEADERS, page
from api.pages.sign_in_end import signed_in_answer
from api.people import normal_email
from api.rate_limits import limited
from api.sign_in.finishing import Method
from api.sign_in.oidc.id_tokens import BadTokenError, Claims
from api.sign_in.oidc.identities import person_of
from api.sign_in.oidc.issuer import CodeRefusedError, Issuer, IssuerUnavailableError
from api.sign_in.oidc.redeeming import redeem
from api.sign_in.oidc.round_trips import come_back, depart, new_departure

router = APIRouter(include_in_schema=False)
logger = logging.getLogger(__name__)

_CALLBACK: Final = "/signin/oidc/callback"
_STATUS: Final = {
    "oidc_cancelled": 403, "oidc_expired": 403, "oidc_failed": 403, "oidc_unverified": 403, "oidc_unavailable": 503,
}  # fmt: skip


@router.get("/signin/oidc", dependencies=[Depends(limited(lambda limits: limits.sign_in))])
def go_to_issuer(request: Request, person: MaybePerson, onward: Annotated[str, Query(alias="next")] = "") -> Response:
    """Send the browser to the issuer.

    A link and not a form: the policy of our pages keeps forms, and where they lead, on this server.
    """
    issuer = _issuer(request)
    departure = new_departure()
    try:
        location = issuer.authorization_url(
            redirect_uri=public_url(request) + _CALLBACK,
            state=departure.state,
            nonce=departure.nonce,
            challenge=departure.challenge,
        )
    except IssuerUnavailableError as error:
        logger.warning("sign-in at the issuer: %s", error)
        return _stopped(request, person, "oidc_unavailable")
    known = browser_secret(request.cookies.get(BROWSER_COOKIE))
    browser = known or new_browser_secret()
    state = request.app.state
    with transaction(state.engine) as session:
        depart(session, state.home, departure, browser=browser, next_path=onward, at=state.clock.now())
    answer = Response(status_code=303, headers={**PAGE_HEADERS, "Location": location})
    if known is None:
        set_cookie(answer, BROWSER_COOKIE, browser)
    return answer


@router.get(_CALLBACK, dependencies=[Depends(limited(lambda limits: limits.sign_in_code))])
def come_back_from_issuer(
    request: Request,
    person: MaybePerson,
    code: Annotated[str, Query(max_length=4096)] = "",
    state: Annotated[str, Query(max_length=256)] = "",
    error: Annotated[str, Query(max_length=256)] = "",
    iss: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    """Take the browser back, and sign in whom the issuer vouches for."""
    issuer, ours = _issuer(request), request.app.state
    browser = browser_secret(request.cookies.get(BROWSER_COOKIE))
    with transaction(ours.engine) as session:
        returned = come_back(session, ours.home, state, browser, ours.clock.now())
    if returned is None:
        return _stopped(request, person, "oidc_expired")
    if error or not code:
        return _stopped(request, person, "oidc_cancelled")
    try:
        redirect_uri = public_url(request) + _CALLBACK
        claims = redeem(issuer, code, returned, named=iss, redirect_uri=redirect_uri, clock=ours.clock)
        return _sign_in(request, person, issuer, claims, returned.next_path)
    except _StoppedError as stopped:
        return _stopped(request, person, stopped.why)
    except IssuerUnavailableError as trouble:
        logger.warning("sign-in at the issuer: %s", trouble)
        return _stopped(request, person, "oidc_unavailable")
    except (BadTokenError, CodeRefusedError) as trouble:
        logger.warning("sign-in at the issuer: its answer is not to be trusted: %s", trouble)
        return _stopped(request, person, "oidc_failed")


class _StoppedError(Exception):
    """The sign-in goes no further, for a reason the page explains."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def _sign_in(request: Request, earlier: SignedIn | None, issuer: Issuer, claims: Claims, next_path: str) -> Response:
    if claims.email is None or not claims.email_verified:
        raise _StoppedError("oidc_unverified")
    try:
        email = normal_email(claims.email)
    except Refused:
        logger.warning("sign-in at the issuer: the account's address is not one that mail can be sent to")
        raise _StoppedError("oidc_failed") from None
    state = request.app.state
    with transaction(state.engine) as session:
        user = person_of(
            session,
            issuer=issuer.settings.issuer,
            subject=claims.subject,
            verified_email=email,
            name=claims.name,
            at=state.clock.now(),
        )
        return signed_in_answer(request, session, user, earlier, method=Method.OIDC, next_path=next_path)


def _issuer(request: Request) -> Issuer:
    issuer: Any = request.app.state.oidc
    if not isinstance(issuer, Issuer):
        raise not_found("no_issuer", "This server signs people in by e-mail only.")
    return issuer


def _stopped(request: Request, person: SignedIn | None, why: str) -> Response:
    answer = page(request, "sign_in/stopped.html", person=person, status=_STATUS[why], why=why, next="/")
    if _STATUS[why] == 503:  # noqa: PLR2004
        answer.headers["Retry-After"] = "10"
    return answer
