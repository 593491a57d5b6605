"""People: the one spelling of an e-mail address, and the row of whoever has it.

Belongs here: reading addresses and finding or making the person behind one. Does not belong here: proving that somebody
has an address (`api.sign_in`), where they belong (`api.members`, `api.workspaces`).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from uuid import uuid4

import idna
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.db.models import User
from api.errors import invalid
from pipelines.lake.clock import to_micros

_ADDRESS_MAX: Final = 320
_LOCAL_PART_MAX: Final = 64
_DOMAIN_MAX: Final = 253
# What RFC 5321 allows without quotes. Quoted local parts and letters beyond ASCII before the @ reach hardly anybody and
# look like other people's addresses.
_LOCAL_PART: Final = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def normal_email(text: str) -> str:
    """Return an e-mail address in its one spelling: lower case, its domain in ASCII (IDNA).

    Raises:
        Refused: 422 `invalid_email`: it is no address that mail can be sent to.
    """
    local, _, domain = text.strip()[: _ADDRESS_MAX + 1].rpartition("@")
    local, domain = local.lower(), _ascii_domain(domain)
    labels = domain.split(".")
    usable = (
        len(local) <= _LOCAL_PART_MAX
        and _LOCAL_PART.fullmatch(local)
        and len(domain) <= _DOMAIN_MAX
        and len(labels) > 1
        and all(_LABEL.fullmatch(label) for label in labels)
        and not labels[-1].isdigit()
    )
    if not usable:
        raise invalid("This is not an e-mail address.", code="invalid_email")
    return f"{local}@{domain}"


def find_or_create_person(session: Session, email: str, at: datetime) -> User:
    """Return the person with an address, made now when nobody has it yet.

    Raises:
        Refused: 422 `invalid_email`.
    """
    email = normal_email(email)
    query = select(User).where(User.email == email)
    user = session.scalars(query).one_or_none()
    if user is not None:
        return user
    user = User(id=str(uuid4()), email=email, created_at_us=to_micros(at))
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError:  # somebody else made them meanwhile
        return session.scalars(query).one()
    return user


def _ascii_domain(domain: str) -> str:
    """Return a domain in ASCII, empty when it has no such form. ß stays ß: the older rules lead to another domain."""
    if domain.isascii() or len(domain) > _DOMAIN_MAX:
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return ""
