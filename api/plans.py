"""Plans: what each one allows, as one table and pure rules over it.

Belongs here: limits and the questions asked of them. Does not belong here: prices, billing, or counting what a
workspace has (`api.projects`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

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


def free_project_slots(plan: Plan, shown_projects: int) -> int | None:
    """Return how many more projects the plan shows beside `shown_projects`; None means any number."""
    ceiling = PLAN_LIMITS[plan].projects
    return None if ceiling is None else max(0, ceiling - shown_projects)
