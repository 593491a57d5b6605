"""Codes that wait for a person: finding the one that was typed, and counting the misses.

Belongs here: the look-up every way of approving goes through, and the operator's list. Does not belong here: what an
approval does (`sessions`), how often somebody may ask (`api.rate_limits`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.db.models import PairingSession, PairingStatus
from api.errors import not_found
from api.pairing.codes import code_digest, locator_digest, read_code
from pipelines.lake.clock import to_micros

WRONG_TRIES_ALLOWED: Final = 5


def pending_pairing(session: Session, code: str, at: datetime) -> PairingSession:
    """Return the pending pairing of a typed code, locked; count a miss against the codes it nearly named.

    Args:
        session: the open transaction; it is to be committed also when this refuses.
        code: as a person typed it.
        at: now.

    Raises:
        Refused: 404 `pairing_code_not_found`: wrong, expired, burned or used.
    """
    absent = not_found("pairing_code_not_found", "Code not found; it may have expired.", keep=True)
    meant = read_code(code)
    if meant is None:
        raise absent
    candidates = session.scalars(
        select(PairingSession)
        .where(PairingSession.locator_hash == locator_digest(meant))
        .where(PairingSession.state == PairingStatus.PENDING, PairingSession.expires_at_us > to_micros(at))
        .order_by(PairingSession.id)
        .with_for_update()
    ).all()
    for pairing in candidates:
        if pairing.code_hash == code_digest(meant):
            return pairing
    for pairing in candidates:
        pairing.wrong_tries += 1
        if pairing.wrong_tries >= WRONG_TRIES_ALLOWED:
            pairing.state = PairingStatus.BURNED.value
    raise absent


def list_pairings(session: Session) -> Sequence[PairingSession]:
    """Return the pairings of the last day, newest first; nobody knows their codes but the machines that show them."""
    query = select(PairingSession).order_by(PairingSession.created_at_us.desc(), PairingSession.id)
    return session.scalars(query).all()
