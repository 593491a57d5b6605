"""Plans: what each one allows, as one table and pure rules over it.

Belongs here: limits and the questions asked of them. Does not belong here: prices, billing, or counting what a
workspace has (`api.projects`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from api.db.models import Plan


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """What a plan includes; None means without limit.

    Attributes:
        seats: members included. More can be bought on Team; Business+ sets its own number by contract.
        projects: projects that are shown at the same time (archived ones do not count).
    """

    seats: int | None
    projects: int | None


PLAN_LIMITS: Mapping[Plan, PlanLimits] = MappingProxyType(
    {
        Plan.SOLO: PlanLimits(seats=1, projects=10),
        Plan.TEAM: PlanLimits(seats=10, projects=None),
        Plan.BUSINESS: PlanLimits(seats=None, projects=None),
        Plan.ENTERPRISE: PlanLimits(seats=None, projects=None),
    }
)

SELLS_SEATS: Final = frozenset({Plan.TEAM})
"""Plans that sell seats beyond those included."""
SELF_SERVICE: Final = frozenset({Plan.SOLO, Plan.TEAM})
"""Plans an Owner enters and leaves alone; the others are contracts, which the operator enters."""
MORE_WORKSPACES: Final = frozenset({Plan.TEAM, Plan.BUSINESS, Plan.ENTERPRISE})
"""Plans whose members may create further workspaces."""
DIRECTORY: Final = frozenset({Plan.ENTERPRISE})
"""Plans whose members a company's directory may add and remove."""
SEATS_MAX: Final = 100_000


def seat_limit(plan: Plan, *, extra_seats: int = 0, contract_seats: int | None = None) -> int | None:
    """Return how many members a workspace may have; None means any number.

    Args:
        plan: its plan.
        extra_seats: seats bought beyond those included; only Team sells any.
        contract_seats: what the contract says; only Business+ has one, and without a number in it there is no limit.
    """
    if plan is Plan.BUSINESS:
        return contract_seats
    included = PLAN_LIMITS[plan].seats
    return None if included is None else included + (extra_seats if plan in SELLS_SEATS else 0)


def has_free_seat(limit: int | None, members: int) -> bool:
    """Tell whether one more member fits; pending invitations hold no seat."""
    return limit is None or members < limit


def fits(limit: int | None, members: int) -> bool:
    """Tell whether so many members fit."""
    return limit is None or members <= limit


def free_project_slots(plan: Plan, shown_projects: int) -> int | None:
    """Return how many more projects the plan shows beside `shown_projects`; None means any number."""
    ceiling = PLAN_LIMITS[plan].projects
    return None if ceiling is None else max(0, ceiling - shown_projects)
