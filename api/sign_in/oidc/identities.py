"""Whose account at the issuer it is.

Belongs here: linking (issuer, subject) to a person. Does not belong here: judging tokens (`id_tokens`).

An account is linked once, by its verified address, and then stays with that person, whatever address it has later.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.access.text import clipped
from api.db.models import User, UserIdentity
from api.people import find_or_create_person
from pipelines.lake.clock import to_micros


def person_of(
    session: Session, *, issuer: str, subject: str, verified_email: str, name: str | None, at: datetime
) -> User:
    """Return the person behind an account, linking it when it is new.

    Args:
        session: the open transaction.
        issuer: identifier of the issuer.
        subject: the account's id there.
        verified_email: its address, which the issuer vouches for.
        name: what the person is called there; taken when they have no name here.
        at: when.

    Raises:
        Refused: 422 `invalid_email`.
    """
    linked = (
        select(User)
        .join(UserIdentity, UserIdentity.user_id == User.id)
        .where(UserIdentity.issuer == issuer, UserIdentity.subject == subject)
    )
    user = session.scalars(linked).one_or_none()
    if user is None:
        user = find_or_create_person(session, verified_email, at)
        try:
            with session.begin_nested():
                session.add(UserIdentity(issuer=issuer, subject=subject, user_id=user.id, created_at_us=to_micros(at)))
        except IntegrityError:  # the same account signed in twice at once
            user = session.scalars(linked).one()
    if user.display_name is None and name is not None:
        user.display_name = clipped(name, 255).strip() or None
    return user
