"""Seats: how many members a workspace has and may have.

Belongs here: counting and the refusal of one too many. Does not belong here: limits (`api.plans`), buying seats
(`api.billing.changes`).

A seat is a member. Pending invitations hold none: the seat is asked for when one is accepted, under the workspace's
lock. Inviting is refused only while there is no free seat at all, so that nobody is sent a link that cannot work yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.billing.prices import Prices
from api.billing.subscriptions import terms_of
from api.db.models import Membership, Plan
from api.errors import conflict
from api.plans import has_free_seat

_ANY: Prices = Prices()
"""Seats do not depend on what they cost."""


@dataclass(frozen=True, slots=True)
class Seats:
    """How many seats there are.

    Attributes:
        plan: what the workspace pays for.
        used: members.
        limit: members it may have; None means any number.
    """

    plan: Plan
    used: int
    limit: int | None

    @property
    def free(self) -> bool:
        """Whether one more member fits."""
        return has_free_seat(self.limit, self.used)


def seats_of(session: Session, workspace_id: str, at: datetime) -> Seats:
    """Return the workspace's seats.

    Raises:
        Refused: 404 no such workspace.
    """
    terms = terms_of(session, workspace_id, _ANY, at)
    return Seats(terms.plan, member_count(session, workspace_id), terms.seat_limit)


def member_count(session: Session, workspace_id: str) -> int:
    """Return how many members a workspace has."""
    query = select(func.count()).select_from(Membership).where(Membership.workspace_id == workspace_id)
    return int(session.execute(query).scalar_one())


def require_free_seat(session: Session, workspace_id: str, at: datetime) -> None:
    """Refuse one more member than the plan has seats; the workspace is locked.

    Raises:
        Refused: 409 `seat_limit_reached`.
    """
    seats = seats_of(session, workspace_id, at)
    if not seats.free:
        raise conflict("seat_limit_reached", f"Seat limit reached: {_OFFERS[seats.plan].format(limit=seats.limit)}")


_OFFERS = {
    Plan.SOLO: "the Solo plan has 1 seat. An Owner can change to Team, which has 10.",
    Plan.TEAM: "all {limit} seats are taken. An Owner can add seats under Settings, Plan.",
    Plan.BUSINESS: "the contract has {limit} seats and all are taken.",
    Plan.ENTERPRISE: "all {limit} seats are taken.",
}
