"""The first workspace: made by itself, and named after the address of the person it is for.

Belongs here: who gets one, and its name. Does not belong here: slugs and creation (`api.workspaces`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import idna
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.audit import Actor, ActorType
from api.db.models import FormerMembership, Membership, Plan, User, Workspace
from api.errors import conflict
from api.workspaces import create_workspace

FREE_MAIL_DOMAINS: Final = frozenset({
    "126.com", "163.com", "aol.com", "aol.de", "bluewin.ch", "btinternet.com", "comcast.net", "duck.com", "email.com",
    "fastmail.com", "fastmail.fm", "free.fr", "freenet.de", "gmail.com", "gmx.at", "gmx.ch", "gmx.com",
    "gmx.de", "gmx.net", "googlemail.com", "hanmail.net", "hey.com", "hotmail.co.uk", "hotmail.com", "hotmail.de",
    "hotmail.es", "hotmail.fr", "hotmail.it", "hushmail.com", "icloud.com", "inbox.ru", "laposte.net", "libero.it",
    "list.ru", "live.co.uk", "live.com", "live.de", "live.fr", "live.nl", "mac.com", "mail.com", "mail.de", "mail.ru",
    "mailbox.org", "me.com", "msn.com", "naver.com", "onet.pl", "orange.fr", "outlook.com", "outlook.de", "outlook.fr",
    "pm.me", "posteo.de", "posteo.net", "proton.me", "protonmail.ch", "protonmail.com", "qq.com", "rambler.ru",
    "rediffmail.com", "riseup.net", "rocketmail.com", "sbcglobal.net", "seznam.cz", "sina.com", "sky.com",
    "t-online.de", "tuta.com", "tuta.io", "tutamail.com", "tutanota.com", "tutanota.de", "uol.com.br", "verizon.net",
    "virgilio.it", "wanadoo.fr", "web.de", "wp.pl", "yahoo.ca", "yahoo.co.in", "yahoo.co.jp", "yahoo.co.uk",
    "yahoo.com", "yahoo.com.br", "yahoo.de", "yahoo.es", "yahoo.fr", "yahoo.it", "yandex.com", "yandex.ru", "yeah.net",
    "ymail.com", "zoho.com",
})  # fmt: skip
"""Domains whose addresses say nothing about a company."""
_NAME_LENGTH_MAX: Final = 255


def workspace_name(email: str) -> str:
    """Return what the workspace of a newcomer is called: `acme.co` of `vk@acme.co`, `vk` of `vk@gmail.com`.

    Args:
        email: in its one spelling (`api.people.normal_email`).
    """
    local, _, domain = email.rpartition("@")
    if domain in FREE_MAIL_DOMAINS:
        return local.partition("+")[0] or local
    try:
        readable = idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain
    return readable if readable.isprintable() and len(readable) <= _NAME_LENGTH_MAX else domain


def ensure_first_workspace(session: Session, user: User, at: datetime) -> Workspace | None:
    """Make a newcomer the Owner of a workspace on Solo; None for whoever belongs to one, or was removed from one.

    Somebody who was removed asks for a workspace of their own with `start_own_workspace`.
    """
    _lock(session, user)
    if _belongs(session, user, Membership) or _belongs(session, user, FormerMembership):
        return None
    return _create(session, user, at)


def start_own_workspace(session: Session, user_id: str, at: datetime) -> Workspace:
    """Make a person without any workspace the Owner of one on Solo, because they asked for it.

    Raises:
        Refused: 409 `has_workspace`: they belong to one already.
    """
    user = session.get_one(User, user_id)
    _lock(session, user)
    if _belongs(session, user, Membership):
        raise conflict("has_workspace", "You belong to a workspace already.")
    return _create(session, user, at)


def _create(session: Session, user: User, at: datetime) -> Workspace:
    return create_workspace(
        session,
        name=workspace_name(user.email),
        owner_email=user.email,
        plan=Plan.SOLO,
        time_zone="UTC",
        actor=Actor(ActorType.USER, user.email),
        at=at,
    )


def _lock(session: Session, user: User) -> None:
    """Let the sign-ins of one person wait for each other: two at once make one workspace."""
    session.execute(select(User.id).where(User.id == user.id).with_for_update(key_share=True))


def _belongs(session: Session, user: User, where: type[Membership | FormerMembership]) -> bool:
    return session.scalars(select(where.workspace_id).where(where.user_id == user.id).limit(1)).first() is not None
