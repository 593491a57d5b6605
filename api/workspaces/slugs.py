"""Slugs: what a workspace is called in paths, which ones are kept back, and finding a workspace by its slug.

Belongs here: the form of slugs, reserved and retired ones. Does not belong here: creating workspaces (`creation`),
changing other settings (`settings`), sending pages on from a retired slug (`api.pages.slugs`).

A slug a workspace once had stays reserved for it. Whoever asks for one looks among present slugs first and among
retired ones second: a slug moves from the former to the latter in one transaction, so it cannot be missed in both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.audit import Actor, AuditEvent, Resource, record_event
from api.db.models import RetiredSlug, Workspace
from api.db.session import lock_workspace
from api.errors import Refused, conflict, invalid, workspace_not_found
from pipelines.lake.clock import to_micros

RESERVED_SLUGS: Final = frozenset({
    "admin", "api", "app", "assets", "audit", "auth", "connect", "daemon", "docs", "health", "help", "invitations",
    "login", "logout", "me", "metrics", "new", "openapi", "pairing", "policies", "pricing", "reconciliation",
    "requests", "scim", "settings", "signin", "signout", "signup", "static", "status", "support", "users", "v1", "v2",
    "verify", "webhooks", "workspaces", "www",
})  # fmt: skip
"""First path segments the server keeps for itself, now or later."""

SLUG_LENGTH_MAX: Final = 48
RETIRED_MAX: Final = 20
"""So many slugs a workspace may keep from others by having had them."""
_SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_TRIES: Final = 1_000


def slug_of(name: str, fallback: str = "workspace") -> str:
    """Return the slug a name asks for: lower-case ASCII letters and digits in words joined by dashes."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", ascii_name))[:SLUG_LENGTH_MAX].strip("-") or fallback


def checked_slug(text: str) -> str:
    """Return a slug somebody typed, without the blanks around it.

    Raises:
        Refused: 422 `invalid_slug` or `slug_reserved`.
    """
    slug = text.strip()
    if len(slug) > SLUG_LENGTH_MAX or not _SLUG.fullmatch(slug):
        raise invalid(
            f"A slug has 1 to {SLUG_LENGTH_MAX} lower-case letters and digits, in words joined by single dashes.",
            code="invalid_slug",
        )
    if slug in RESERVED_SLUGS:
        raise invalid("The server keeps this slug for itself; choose another.", code="slug_reserved")
    return slug


def slug_taken() -> Refused:
    """Return the 409 of a slug that is, or was, another workspace's."""
    return conflict("slug_taken", "This slug is taken; choose another.")


def is_free(session: Session, slug: str, *, workspace_id: str | None = None) -> bool:
    """Tell whether nobody has a slug, or ever had it; a workspace may have its own retired ones again."""
    holder = session.scalars(select(Workspace.id).where(Workspace.slug == slug)).first()
    if holder is not None:
        return holder == workspace_id
    former = session.scalars(select(RetiredSlug.workspace_id).where(RetiredSlug.slug == slug)).first()
    return former is None or former == workspace_id


def candidates(slug: str) -> Iterator[str]:
    """Yield a slug, unless it is reserved, and its numbered forms."""
    if slug not in RESERVED_SLUGS:
        yield slug
    for number in range(2, _TRIES):
        yield f"{slug}-{number}"


def find_workspace(session: Session, slug: str) -> Workspace:
    """Return the workspace of a slug.

    Raises:
        Refused: 404 when it is absent or being deleted.
    """
    workspace = find_any_workspace(session, slug)
    if workspace.deletion_requested_at_us is not None:
        raise workspace_not_found()
    return workspace


def find_any_workspace(session: Session, slug: str) -> Workspace:
    """Return the workspace of a slug, also when it is being deleted.

    Raises:
        Refused: 404 when there is none.
    """
    workspace = session.scalars(select(Workspace).where(Workspace.slug == slug)).one_or_none()
    if workspace is None:
        raise workspace_not_found()
    return workspace


def change_slug(session: Session, workspace_id: str, slug: str, *, actor: Actor, at: datetime) -> None:
    """Give a workspace another slug; the present one is retired: pages go on from it, and nobody else gets it.

    Raises:
        Refused: 404 no such workspace; 409 `slug_taken` or `too_many_slugs`; 422 the slug is not usable.
    """
    slug = checked_slug(slug)
    lock_workspace(session, workspace_id)
    workspace = session.get_one(Workspace, workspace_id, populate_existing=True)
    before = workspace.slug
    if slug == before:
        return
    if not is_free(session, slug, workspace_id=workspace_id):
        raise slug_taken()
    session.execute(delete(RetiredSlug).where(RetiredSlug.slug == slug, RetiredSlug.workspace_id == workspace_id))
    of_workspace = select(func.count()).select_from(RetiredSlug).where(RetiredSlug.workspace_id == workspace_id)
    if session.execute(of_workspace).scalar_one() >= RETIRED_MAX:
        raise conflict("too_many_slugs", f"A workspace can have at most {RETIRED_MAX} earlier slugs; go back to one.")
    try:
        with session.begin_nested():
            session.add(RetiredSlug(slug=before, workspace_id=workspace_id, retired_at_us=to_micros(at)))
            workspace.slug = slug
    except IntegrityError:  # somebody else took it meanwhile
        raise slug_taken() from None
    record_event(
        session,
        workspace_id,
        actor=actor,
        event=AuditEvent.WORKSPACE_SLUG_CHANGED,
        resource=Resource("workspace", workspace_id),
        details={"slug": slug, "before": before},
        at=at,
    )


def present_slug(session: Session, slug: str) -> tuple[str, str] | None:
    """Return id and present slug of the workspace that had a slug once; None when none had."""
    query = (
        select(Workspace.id, Workspace.slug)
        .join(RetiredSlug, RetiredSlug.workspace_id == Workspace.id)
        .where(RetiredSlug.slug == slug)
    )
    row = session.execute(query).one_or_none()
    return None if row is None else (row.id, row.slug)


def retired_slugs(session: Session, workspace_id: str) -> list[str]:
    """Return the slugs a workspace had before, the latest first."""
    query = select(RetiredSlug.slug).where(RetiredSlug.workspace_id == workspace_id)
    return list(session.scalars(query.order_by(RetiredSlug.retired_at_us.desc(), RetiredSlug.slug)))
