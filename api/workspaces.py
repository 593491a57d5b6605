"""Workspaces: creating one with its owner, finding it, its budget.

Belongs here: slugs, owners at creation, the workspace's own settings. Does not belong here: plans and projects
(`api.plans`, `api.projects`), API keys (`api.api_keys`), devices.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final
from uuid import uuid4
from zoneinfo import available_timezones

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.audit import Actor, AuditEvent, Happening, Resource, record_event, record_events
from api.db.models import Budget, Membership, Plan, Role, User, Workspace
from api.db.session import lock_workspace
from api.errors import conflict, invalid, workspace_not_found
from pipelines.lake.clock import to_micros

RESERVED_SLUGS: Final = frozenset({
    "admin", "api", "app", "assets", "audit", "auth", "connect", "daemon", "docs", "health", "login", "logout", "me",
    "metrics", "new", "openapi", "pairing", "policies", "pricing", "reconciliation", "requests", "scim", "settings",
    "signin", "signup", "static", "users", "v1", "webhooks", "workspaces",
})  # fmt: skip
"""First path segments the server keeps for itself, now or later."""

MILLICENTS_PER_USD: Final = 100_000
BUDGET_MAX_USD: Final = Decimal(1_000_000_000)
RETENTION_MAX_DAYS: Final = 36_500
_SLUG_LENGTH_MAX: Final = 48
_SLUG_TRIES: Final = 1_000
_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,255}")


def slug_of(name: str) -> str:
    """Return the slug a name asks for: lower-case ASCII letters and digits in words joined by dashes."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", ascii_name))[:_SLUG_LENGTH_MAX].strip("-") or "workspace"


def create_workspace(
    session: Session, *, name: str, owner_email: str, plan: Plan, time_zone: str, actor: Actor, at: datetime
) -> Workspace:
    """Create a workspace whose first member is its owner; the slug is the name's, numbered when it is taken.

    Args:
        session: the open transaction.
        name: what people call it.
        owner_email: the owner's address; a person unknown so far is created.
        plan: decides seats and the project ceiling.
        time_zone: IANA name of the reporting zone.
        actor: who creates it.
        at: when.

    Raises:
        Refused: 422 when a value is not usable.
    """
    name = name.strip()
    if not name or len(name) > 255 or not name.isprintable():  # noqa: PLR2004 - the column's width
        raise invalid("The name must have 1 to 255 printable characters.")
    if time_zone not in available_timezones():
        raise invalid("The time zone is not an IANA name such as Europe/Berlin.")
    owner = _user(session, owner_email, at)
    workspace = _with_free_slug(session, name, plan, time_zone, at)
    session.add(
        Membership(workspace_id=workspace.id, user_id=owner.id, role=Role.OWNER.value, joined_at_us=to_micros(at))
    )
    session.flush()
    created = Resource("workspace", workspace.id)
    happenings = [
        Happening(AuditEvent.WORKSPACE_CREATED, created, {"slug": workspace.slug, "plan": plan.value}),
        Happening(
            AuditEvent.MEMBER_ADDED, Resource("user", owner.id), {"email": owner.email, "role": Role.OWNER.value}
        ),
    ]
    record_events(session, workspace.id, actor=actor, happenings=happenings, at=at)
    return workspace


def find_workspace(session: Session, slug: str) -> Workspace:
    """Return the workspace of a slug.

    Raises:
        Refused: 404 when it is absent or being deleted.
    """
    workspace = session.scalars(select(Workspace).where(Workspace.slug == slug)).one_or_none()
    if workspace is None or workspace.deletion_requested_at_us is not None:
        raise workspace_not_found()
    return workspace


def millicents_of(usd: str) -> int:
    """Return an amount written in dollars, such as `123.45`, as millicents.

    Raises:
        Refused: 422 when it is no amount from 0 to a billion with at most 5 decimals.
    """
    try:
        millicents = Decimal(usd) * MILLICENTS_PER_USD
        exact = millicents == millicents.to_integral_value()
    except (InvalidOperation, ValueError):
        raise invalid("The amount must be a number of dollars such as 123.45.") from None
    if not exact or not 0 <= millicents <= BUDGET_MAX_USD * MILLICENTS_PER_USD:
        raise invalid("The amount must be between 0 and 1000000000 with at most 5 decimals.")
    return int(millicents)


def set_budget(session: Session, workspace_id: str, monthly_millicents: int, *, actor: Actor, at: datetime) -> None:
    """Set the workspace's budget per month of its reporting zone, in millicents."""
    lock_workspace(session, workspace_id)
    query = select(Budget).where(Budget.workspace_id == workspace_id, Budget.scope == "workspace")
    budget = session.scalars(query).one_or_none()
    if budget is None:
        budget = Budget(id=str(uuid4()), workspace_id=workspace_id, scope="workspace", scope_id="")
        session.add(budget)
    budget.monthly_millicents = monthly_millicents
    record_event(
        session,
        workspace_id,
        actor=actor,
        event=AuditEvent.WORKSPACE_BUDGET_SET,
        resource=Resource("workspace", workspace_id),
        details={"monthly_millicents": monthly_millicents},
        at=at,
    )


def set_retention(session: Session, workspace_id: str, days: int | None, *, actor: Actor, at: datetime) -> None:
    """Set how long the workspace keeps requests.

    Args:
        session: the open transaction.
        workspace_id: whose requests.
        days: requests of UTC days before today minus this many are no longer shown, and their files are deleted once
            nothing else is in them; None keeps everything for ever. What is deleted does not come back.
        actor: who decides.
        at: when.

    Raises:
        Refused: 404 no such workspace; 422 the number is not from 1 to 36500.
    """
    if days is not None and not 1 <= days <= RETENTION_MAX_DAYS:
        raise invalid(f"The number of days must be from 1 to {RETENTION_MAX_DAYS}.")
    lock_workspace(session, workspace_id)
    workspace = session.get_one(Workspace, workspace_id)
    before, workspace.retention_days = workspace.retention_days, days
    record_event(
        session,
        workspace_id,
        actor=actor,
        event=AuditEvent.WORKSPACE_RETENTION_SET,
        resource=Resource("workspace", workspace_id),
        details={"retention_days": days, "before": before},
        at=at,
    )


def _user(session: Session, email: str, at: datetime) -> User:
    email = email.strip().lower()
    if not _EMAIL.fullmatch(email):
        raise invalid("The owner must be an e-mail address.")
    user = session.scalars(select(User).where(User.email == email)).one_or_none()
    if user is None:
        user = User(id=str(uuid4()), email=email, created_at_us=to_micros(at))
        session.add(user)
        session.flush()
    return user


def _with_free_slug(session: Session, name: str, plan: Plan, time_zone: str, at: datetime) -> Workspace:
    for slug in _candidates(slug_of(name)):
        if session.scalars(select(Workspace.id).where(Workspace.slug == slug)).first() is not None:
            continue
        workspace = Workspace(
            id=str(uuid4()),
            slug=slug,
            name=name,
            plan=plan.value,
            time_zone=time_zone,
            created_at_us=to_micros(at),
        )
        try:
            with session.begin_nested():
                session.add(workspace)
        except IntegrityError:  # somebody else took the slug meanwhile
            continue
        return workspace
    raise conflict("slug_taken", "Too many workspaces have this name; choose another.")


def _candidates(slug: str) -> Iterator[str]:
    if slug not in RESERVED_SLUGS:
        yield slug
    for number in range(2, _SLUG_TRIES):
        yield f"{slug}-{number}"
