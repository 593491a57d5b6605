"""Browser sessions: how a signed-in browser is known again.

Belongs here: making, finding and ending sessions, their cookies, and the token that guards forms. Does not belong
here: proving who somebody is (`api.sign_in`), memberships (`callers`).

The cookie holds 256 random bits; the database holds their SHA-256. A session ends 14 days after it was last used, 90
days after it was made, or at once when it is revoked. Its form token is derived from the cookie's secret, so that it
needs no storage and dies with the session.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import ColumnElement, Engine, bindparam, delete, select, update
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.access.text import clipped
from api.db.models import BrowserSession, User
from api.db.session import transaction
from api.errors import not_found
from pipelines.lake.clock import Clock, to_micros

SESSION_COOKIE: Final = "halton_session"
BROWSER_COOKIE: Final = "halton_browser"
"""Tells a browser that is not signed in from others: a sign-in ends only where it began."""
IDLE_LIFETIME: Final = timedelta(days=14)
TOTAL_LIFETIME: Final = timedelta(days=90)
_KEPT_FOR: Final = timedelta(days=1)
_NOTED_EVERY_US: Final = timedelta(minutes=5) // timedelta(microseconds=1)
_SECRET_BYTES: Final = 32
_OURS: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""What every cookie we give looks like."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The person behind a browser.

    Attributes:
        form_token: what every form of this browser must carry.
    """

    session_id: str
    user_id: str
    email: str
    display_name: str | None
    form_token: str


def form_token(cookie: str) -> str:
    """Return the token that forms of the browser with this cookie carry."""
    return hmac.new(cookie.encode(), b"form", hashlib.sha256).hexdigest()


def new_browser_secret() -> str:
    """Return a fresh value for either cookie."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def browser_secret(cookie: str | None) -> str | None:
    """Return the browser's cookie when it can be one of ours; anything else is as good as none."""
    return cookie if cookie is not None and _OURS.fullmatch(cookie) else None


def digest(secret: str) -> str:
    """Return what is stored of a cookie: its SHA-256, hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def start_session(session: Session, user_id: str, *, method: str, user_agent: str, address: str, at: datetime) -> str:
    """Sign a person in and return the cookie's secret, always a new one: an id known before is worth nothing after.

    Args:
        session: the open transaction.
        user_id: who.
        method: how they proved it, such as `email_link`.
        user_agent: what the browser calls itself.
        address: where it called from.
        at: when.
    """
    at_us = to_micros(at)
    session.execute(delete(BrowserSession).where(BrowserSession.expires_at_us < to_micros(at - _KEPT_FOR)))
    secret = new_browser_secret()
    session.add(
        BrowserSession(
            id=str(uuid4()),
            token_sha256=digest(secret),
            user_id=user_id,
            method=method,
            user_agent=clipped(user_agent, 255),
            remote_address=address,
            created_at_us=at_us,
            last_seen_at_us=at_us,
            expires_at_us=to_micros(at + IDLE_LIFETIME),
        )
    )
    session.flush()
    return secret


def end_session(session: Session, session_id: str, at: datetime) -> None:
    """Sign one browser out; doing it twice changes nothing."""
    _end(session, BrowserSession.id == session_id, at)


def end_sessions_of(session: Session, user_id: str, at: datetime) -> None:
    """Sign a person out everywhere."""
    _end(session, BrowserSession.user_id == user_id, at)


def end_own_session(session: Session, user_id: str, session_id: str, at: datetime) -> None:
    """Sign one of a person's browsers out.

    Raises:
        Refused: 404 it is not one of theirs, or has ended.
    """
    if all(session_id != found.id for found in sessions_of(session, user_id, at)):
        raise not_found("session_not_found", "This browser is not signed in any more.")
    end_session(session, session_id, at)


def end_other_sessions(session: Session, user_id: str, kept_id: str, at: datetime) -> None:
    """Sign a person out everywhere but here."""
    _end(session, (BrowserSession.user_id == user_id) & (BrowserSession.id != kept_id), at)


def sessions_of(session: Session, user_id: str, at: datetime) -> Sequence[BrowserSession]:
    """Return where a person is signed in, the browser used last first."""
    query = select(BrowserSession).where(
        BrowserSession.user_id == user_id,
        BrowserSession.revoked_at_us.is_(None),
        BrowserSession.expires_at_us > to_micros(at),
    )
    return session.scalars(query.order_by(BrowserSession.last_seen_at_us.desc(), BrowserSession.id)).all()


def find_session(engine: Engine, cookie: str | None, clock: Clock) -> SignedIn | None:
    """Return who is signed in with this cookie, None when nobody is. Blocks on the database."""
    if cookie is None or not _OURS.fullmatch(cookie):
        return None
    with engine.connect().execution_options(read_only=True) as connection:
        row = connection.execute(_SESSION, {"digest": digest(cookie)}).mappings().one_or_none()
    now_us = to_micros(clock.now())
    if row is None or row["revoked_at_us"] is not None or now_us >= row["expires_at_us"]:
        return None
    if now_us - row["last_seen_at_us"] > _NOTED_EVERY_US:
        _note_use(engine, row["session_id"], row["created_at_us"], clock.now())
    return SignedIn(row["session_id"], row["user_id"], row["email"], row["display_name"], form_token(cookie))


def set_cookie(response: Response, name: str, secret: str) -> None:
    """Give the browser a cookie that scripts cannot read, other sites cannot send along, and plain HTTP never carries.

    Browsers take such a cookie from a loopback address without TLS; from any other host they ask for TLS.
    """
    lifetime = int(TOTAL_LIFETIME.total_seconds())
    response.set_cookie(name, secret, max_age=lifetime, path="/", secure=True, httponly=True, samesite="lax")


def drop_cookie(response: Response, name: str) -> None:
    """Take a cookie away again."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")


_SESSION: Final = (
    select(
        BrowserSession.id.label("session_id"),
        BrowserSession.user_id,
        BrowserSession.created_at_us,
        BrowserSession.last_seen_at_us,
        BrowserSession.expires_at_us,
        BrowserSession.revoked_at_us,
        User.email,
        User.display_name,
    )
    .join(User, User.id == BrowserSession.user_id)
    .where(BrowserSession.token_sha256 == bindparam("digest"))
)


def _note_use(engine: Engine, session_id: str, created_at_us: int, now: datetime) -> None:
    last = created_at_us + TOTAL_LIFETIME // timedelta(microseconds=1)
    expires = min(to_micros(now + IDLE_LIFETIME), last)
    seen = {"last_seen_at_us": to_micros(now), "expires_at_us": expires}
    with transaction(engine) as session:
        session.execute(update(BrowserSession).where(BrowserSession.id == session_id).values(**seen))


def _end(session: Session, whose: ColumnElement[bool], at: datetime) -> None:
    ended = update(BrowserSession).where(whose, BrowserSession.revoked_at_us.is_(None))
    session.execute(ended.values(revoked_at_us=to_micros(at)))
