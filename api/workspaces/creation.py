"""Creating workspaces: the first of a person, by the operator, and further ones.

Belongs here: owners at creation, and who may create a further workspace. Does not belong here: naming a newcomer's
first one (`api.sign_in.first_workspace`), slugs (`slugs`), prices (`api.billing`).

Further workspaces are for Team and above: either the new one is on such a plan, or its creator already belongs to a
living workspace that is. Nobody collects Solo workspaces. Whoever belongs to none may create one on any plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import uuid4

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.access.text import checked_name
from api.audit import Actor, ActorType, AuditEvent, Happening, Resource, record_events
from api.db.models import Membership, Plan, Role, Subscription, User, Workspace
from api.errors import Refused, conflict, invalid
from api.people import find_or_create_person
from api.plans import MORE_WORKSPACES, SELF_SERVICE
from api.workspaces.slugs import candidates, checked_slug, is_free, slug_of, slug_taken
from api.workspaces.zones import checked_zone
from pipelines.lake.clock import to_micros

WORKSPACES_MAX: Final = 100
"""So many workspaces one person may own: far more than anybody needs, far fewer than a script makes."""


def create_workspace(
    session: Session,
    *,
    name: str,
    owner_email: str,
    plan: Plan,
    time_zone: str,
    actor: Actor,
    at: datetime,
    slug: str | None = None,
) -> Workspace:
    """Create a workspace whose first member is its owner.

    Args:
        session: the open transaction.
        name: what people call it.
        owner_email: the owner's address; a person unknown so far is created.
        plan: decides seats and the project ceiling.
        time_zone: IANA name of the reporting zone.
        actor: who creates it.
        at: when.
        slug: exactly this one; when absent the name's, numbered if it is taken.

    Raises:
        Refused: 409 `slug_taken`; 422 when a value is not usable.
    """
    name = checked_name(name)
    checked_zone(time_zone)
    wanted = candidates(slug_of(name)) if slug is None else [checked_slug(slug)]
    owner = find_or_create_person(session, owner_email, at)
    workspace = None
    for candidate in wanted:
        workspace = _try_slug(session, candidate, name, plan, time_zone, at)
        if workspace is not None:
            break
    if workspace is None:
        raise slug_taken()
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


def create_further_workspace(
    session: Session,
    user_id: str,
    *,
    name: str,
    plan: Plan,
    time_zone: str,
    sold_here: bool,
    at: datetime,
    slug: str | None = None,
) -> Workspace:
    """Create a workspace because a signed-in person asked for it; they own it.

    Args:
        session: the open transaction.
        user_id: the person.
        name: what people call it.
        plan: one of `offered_plans`.
        time_zone: IANA name of the reporting zone.
        sold_here: whether plans are chosen on this server, not in a billing portal.
        at: when.
        slug: exactly this one; the name's when absent.

    Raises:
        Refused: 403 `plan_not_offered`; 409 `slug_taken` or `too_many_workspaces`; 422 a value is not usable.
    """
    user = session.execute(select(User).where(User.id == user_id).with_for_update(key_share=True)).scalar_one()
    offered = offered_plans(session, user_id, sold_here=sold_here, at=at)
    if plan not in offered:
        raise not_offered(offered)
    owned = select(Membership.workspace_id).where(Membership.user_id == user_id, Membership.role == Role.OWNER.value)
    if len(session.scalars(owned.limit(WORKSPACES_MAX)).all()) >= WORKSPACES_MAX:
        raise conflict("too_many_workspaces", f"One person can own at most {WORKSPACES_MAX} workspaces.")
    return create_workspace(
        session,
        name=name,
        owner_email=user.email,
        plan=plan,
        time_zone=time_zone,
        actor=Actor(ActorType.USER, user.email),
        at=at,
        slug=slug,
    )


def offered_plans(session: Session, user_id: str, *, sold_here: bool, at: datetime) -> Sequence[Plan]:
    """Return the plans a person may create a workspace on; none when they may not create any.

    Where plans are chosen in a billing portal every workspace begins on Solo, and its Owner goes to the portal.
    """
    of_person = select(Membership.workspace_id).where(Membership.user_id == user_id)
    has_none = session.scalars(of_person.limit(1)).first() is None
    any_plan = has_none or _belongs_to_larger(session, user_id, at)
    sold = [plan for plan in Plan if plan in SELF_SERVICE] if sold_here else [Plan.SOLO]
    return [plan for plan in sold if any_plan or plan in MORE_WORKSPACES]


def not_offered(offered: Sequence[Plan]) -> Refused:
    """Return the refusal of a plan that is not among those offered."""
    if offered:
        return invalid("With Solo workspaces only, a further one must be on Team.", code="plan_not_offered")
    return conflict("plan_not_offered", "Further workspaces come with the Team plan: choose it for one you have first.")


def _belongs_to_larger(session: Session, user_id: str, at: datetime) -> bool:
    living = or_(Subscription.cancels_at_us.is_(None), Subscription.cancels_at_us > to_micros(at))
    query = (
        select(Workspace.id)
        .join(Membership, Membership.workspace_id == Workspace.id)
        .outerjoin(Subscription, Subscription.workspace_id == Workspace.id)
        .where(
            Membership.user_id == user_id,
            Workspace.plan.in_([plan.value for plan in MORE_WORKSPACES]),
            Workspace.deletion_requested_at_us.is_(None),
            living,
        )
    )
    return session.scalars(query.limit(1)).first() is not None


def _try_slug(session: Session, slug: str, name: str, plan: Plan, time_zone: str, at: datetime) -> Workspace | None:
    if not is_free(session, slug):
        return None
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
        return None
    return workspace
