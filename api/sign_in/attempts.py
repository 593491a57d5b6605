"""Signing in by e-mail: one mail with a link and a six-digit code, two ways to the same end.

Belongs here: asking for such a mail and proving that one got it. Does not belong here: what a proven address opens
(`finishing`), forms and pages (`api.pages.sign_in`).

An attempt is bound to the browser that asked (its `halton_browser` cookie), ends with its first use, its fifth wrong
code, a newer attempt of the same browser, or after ten minutes. What is stored opens nothing: of the link its SHA-256,
of the code a SHA-256 that covers the browser's cookie too, so that nobody can try the million codes on a stolen copy.

Whether anybody has the address is not looked up before it is proven: known and unknown ones cannot be told apart.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlencode
from uuid import uuid4

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from api.access.browser_sessions import digest
from api.db.models import SignInAttempt
from api.errors import Refused, too_many
from api.outbox.letters import letter
from api.outbox.queue import Mail, MailKind, Seal, queue_mail
from api.people import normal_email
from api.sign_in.paths import own_path
from pipelines.lake.clock import from_micros, to_micros

LIFETIME: Final = timedelta(minutes=10)
TRIES: Final = 5
MAILS_SPAN: Final = timedelta(minutes=15)
MAILS_PER_ASKER: Final = 5
"""Mails to one address within the span, asked for from one network address."""
MAILS_PER_SPAN: Final = 20
"""The same from all network addresses: one stranger alone cannot keep a person from signing in."""
WRONG_CODES_PER_DAY: Final = 25
"""Wrong codes for one address within a day, over all attempts; after them only the link signs in."""
_DAY: Final = timedelta(days=1)
_CODE_DIGITS: Final = 6
_LINK_BYTES: Final = 32


class LinkState(StrEnum):
    """What opening a link comes to, in the browser that opened it."""

    READY = "ready"
    ENDED = "ended"
    EXPIRED = "expired"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Waiting:
    """The attempt a browser waits for.

    Attributes:
        email: the address the mail goes to.
        next_path: where to go afterwards.
        expires_at: when it ends by itself.
    """

    email: str
    next_path: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Proven:
    """An address that somebody proved to have, and where they wanted to go."""

    email: str
    next_path: str


def ask(
    session: Session,
    seal: Seal,
    *,
    email: str,
    browser: str,
    next_path: str,
    address: str,
    links_from: str | None,
    at: datetime,
) -> None:
    """Owe the mail that signs a person in; an earlier attempt of the same browser ends.

    Args:
        session: the open transaction.
        seal: of the outbox.
        email: as it was typed.
        browser: the browser's cookie.
        next_path: where to go afterwards; another server's path becomes `/`.
        address: network address that asks.
        links_from: base URL of the link; None sends the code alone.
        at: when.

    Raises:
        Refused: 422 `invalid_email`; 429 too many mails to this address.
    """
    email = normal_email(email)
    _sweep(session, at)
    _limit_mails(session, email, address, at)
    session.execute(
        update(SignInAttempt)
        .where(SignInAttempt.browser_sha256 == digest(browser), SignInAttempt.ended_at_us.is_(None))
        .values(ended_at_us=to_micros(at))
    )
    token, code = secrets.token_urlsafe(_LINK_BYTES), f"{secrets.randbelow(10**_CODE_DIGITS):0{_CODE_DIGITS}}"
    expires_at = at + LIFETIME
    session.add(
        SignInAttempt(
            id=str(uuid4()),
            email=email,
            browser_sha256=digest(browser),
            link_sha256=digest(token),
            code_sha256=_code_digest(browser, code),
            next_path=own_path(next_path),
            remote_address=address,
            created_at_us=to_micros(at),
            expires_at_us=to_micros(expires_at),
            wrong_tries=0,
        )
    )
    link = "" if links_from is None else f"{links_from}/signin/link?{urlencode({'token': token})}"
    written = letter("sign_in", link=link, code=code, minutes=LIFETIME // timedelta(minutes=1))
    queue_mail(session, seal, Mail(MailKind.SIGN_IN, email, *written), at=at, expires_at=expires_at)


def waiting(session: Session, browser: str, at: datetime) -> Waiting | None:
    """Return the attempt that can still end in a sign-in of this browser."""
    attempt = _open_attempt(session, browser, at)
    return None if attempt is None else Waiting(attempt.email, attempt.next_path, from_micros(attempt.expires_at_us))


def link_state(session: Session, token: str, browser: str | None, at: datetime) -> LinkState:
    """Return what a link is in this browser; looking changes nothing.

    A link of another browser, and one that never was, are the same `ELSEWHERE`.
    """
    attempt = session.scalars(select(SignInAttempt).where(SignInAttempt.link_sha256 == digest(token))).one_or_none()
    return _link_state(attempt, browser, at)


def prove_by_link(session: Session, token: str, browser: str | None, at: datetime) -> Proven | LinkState:
    """Use a link; return its state when it is not ready."""
    query = select(SignInAttempt).where(SignInAttempt.link_sha256 == digest(token)).with_for_update()
    attempt = session.scalars(query).one_or_none()
    state = _link_state(attempt, browser, at)
    if attempt is None or state is not LinkState.READY:
        return state
    attempt.ended_at_us = to_micros(at)
    return Proven(attempt.email, attempt.next_path)


def prove_by_code(session: Session, typed: str, browser: str, at: datetime) -> Proven:
    """Use a code; blanks and dashes in it do not matter.

    Raises:
        Refused: 409 `code_ended`: nothing waits for a code; 422 `code_malformed`: not six digits, which costs no try;
            422 `code_wrong` and, with the fifth, 409 `code_burned`, both counted: the transaction must be committed;
            429 `codes_exhausted`: too many wrong ones for this address today.
    """
    attempt = _open_attempt(session, browser, at, lock=True)
    if attempt is None:
        raise Refused(409, "code_ended", "This code is no longer good; ask for a new mail.")
    code = "".join(letter for letter in typed if letter not in " -\u2013\u00a0\t\r\n")
    if len(code) != _CODE_DIGITS or not (code.isascii() and code.isdigit()):
        raise Refused(422, "code_malformed", "The code has six digits.")
    if _wrong_codes_today(session, attempt.email, at) >= WRONG_CODES_PER_DAY:
        raise Refused(429, "codes_exhausted", "Too many wrong codes for this address today; use the link in the mail.")
    if hmac.compare_digest(attempt.code_sha256, _code_digest(browser, code)):
        attempt.ended_at_us = to_micros(at)
        return Proven(attempt.email, attempt.next_path)
    attempt.wrong_tries += 1
    left = TRIES - attempt.wrong_tries
    if left <= 0:
        attempt.ended_at_us = to_micros(at)
        raise Refused(409, "code_burned", "That was the fifth wrong code; ask for a new mail.", keep=True)
    tries = "one try" if left == 1 else f"{left} tries"
    raise Refused(422, "code_wrong", f"That is not the code in the newest mail; {tries} left.", keep=True)


def _open_attempt(session: Session, browser: str, at: datetime, *, lock: bool = False) -> SignInAttempt | None:
    query = select(SignInAttempt).where(
        SignInAttempt.browser_sha256 == digest(browser),
        SignInAttempt.ended_at_us.is_(None),
        SignInAttempt.expires_at_us > to_micros(at),
    )
    query = query.order_by(SignInAttempt.created_at_us.desc(), SignInAttempt.id).limit(1)
    return session.scalars(query.with_for_update() if lock else query).one_or_none()


def _link_state(attempt: SignInAttempt | None, browser: str | None, at: datetime) -> LinkState:
    if attempt is None or browser is None or not hmac.compare_digest(attempt.browser_sha256, digest(browser)):
        return LinkState.ELSEWHERE
    if attempt.ended_at_us is not None:
        return LinkState.ENDED
    return LinkState.EXPIRED if to_micros(at) >= attempt.expires_at_us else LinkState.READY


def _limit_mails(session: Session, email: str, address: str, at: datetime) -> None:
    since = to_micros(at - MAILS_SPAN)
    query = select(SignInAttempt.created_at_us, SignInAttempt.remote_address).where(
        SignInAttempt.email == email, SignInAttempt.created_at_us > since
    )
    mails = session.execute(query.order_by(SignInAttempt.created_at_us)).all()
    own = [mail for mail in mails if mail.remote_address == address]
    for counted, most in ((own, MAILS_PER_ASKER), (mails, MAILS_PER_SPAN)):
        if len(counted) >= most:
            raise too_many((counted[-most].created_at_us - since) // 1_000_000 + 1)


def _wrong_codes_today(session: Session, email: str, at: datetime) -> int:
    query = select(func.coalesce(func.sum(SignInAttempt.wrong_tries), 0)).where(
        SignInAttempt.email == email, SignInAttempt.created_at_us > to_micros(at - _DAY)
    )
    return int(session.execute(query).scalar_one())


def _sweep(session: Session, at: datetime) -> None:
    session.execute(delete(SignInAttempt).where(SignInAttempt.expires_at_us < to_micros(at - _DAY)))


def _code_digest(browser: str, code: str) -> str:
    return hashlib.sha256(f"sign-in code\0{browser}\0{code}".encode()).hexdigest()
