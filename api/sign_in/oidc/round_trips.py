"""A sign-in on its way to the issuer and back.

Belongs here: what is remembered meanwhile: state, nonce and PKCE verifier. Does not belong here: talking to the issuer
(`issuer`), judging its token (`id_tokens`).

A round trip ends in the browser where it began, within ten minutes, once: its row is deleted when it comes back,
before anything else happens.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from api.access.browser_sessions import digest
from api.db.models import OidcAttempt
from api.server_keys import server_key
from api.sign_in.paths import own_path
from pipelines.lake.clock import to_micros
from pipelines.lake.paths import Home

LIFETIME: Final = timedelta(minutes=10)
_KEY_NAME: Final = "oidc"
_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Departure:
    """What the browser takes along to the issuer.

    Attributes:
        state: comes back with the browser.
        nonce: comes back inside the ID token.
        challenge: SHA-256 of the verifier that the code is exchanged with.
        verifier: stays here.
    """

    state: str
    nonce: str
    challenge: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Return:
    """What was remembered of a round trip that came back."""

    verifier: str
    nonce_sha256: str
    next_path: str


def new_departure() -> Departure:
    """Return fresh secrets for one round trip."""
    verifier = secrets.token_urlsafe(_SECRET_BYTES)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return Departure(secrets.token_urlsafe(_SECRET_BYTES), secrets.token_urlsafe(_SECRET_BYTES), challenge, verifier)


def depart(session: Session, home: Home, departure: Departure, *, browser: str, next_path: str, at: datetime) -> None:
    """Remember a round trip.

    Args:
        session: the open transaction.
        home: holds the key that seals the verifier.
        departure: its secrets.
        browser: the browser's cookie.
        next_path: where to go afterwards; another server's path becomes `/`.
        at: when it begins.
    """
    session.execute(delete(OidcAttempt).where(OidcAttempt.expires_at_us < to_micros(at)))
    session.add(
        OidcAttempt(
            state_sha256=digest(departure.state),
            browser_sha256=digest(browser),
            nonce_sha256=digest(departure.nonce),
            sealed_verifier=_fernet(home).encrypt(departure.verifier.encode()),
            next_path=own_path(next_path),
            created_at_us=to_micros(at),
            expires_at_us=to_micros(at + LIFETIME),
        )
    )
    session.flush()


def come_back(session: Session, home: Home, state: str, browser: str | None, at: datetime) -> Return | None:
    """End a round trip; None when it did not begin in this browser, is over, or came back before.

    Another browser cannot end it: that leaves it as it was.
    """
    query = select(OidcAttempt).where(OidcAttempt.state_sha256 == digest(state)).with_for_update()
    attempt = session.scalars(query).one_or_none()
    if attempt is None or browser is None or not hmac.compare_digest(attempt.browser_sha256, digest(browser)):
        return None
    session.delete(attempt)
    session.flush()
    if to_micros(at) >= attempt.expires_at_us:
        return None
    try:
        verifier = _fernet(home).decrypt(attempt.sealed_verifier).decode()
    except InvalidToken:  # the home's key was replaced meanwhile
        return None
    return Return(verifier, attempt.nonce_sha256, attempt.next_path)


def _fernet(home: Home) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(server_key(home, _KEY_NAME)))
