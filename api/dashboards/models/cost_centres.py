"""Shapes of cost centres with their spend.

Belongs here: what the cost centre view shows. Does not belong here: the envelope (`answer`), messages that change a
centre (`api.cost_centres.messages`).
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from api.dashboards.models.answer import Answer, Percent, Spend, Usd


class CentreProject(Spend, kw_only=True, frozen=True):
    """One project of a cost centre in the period."""

    project: str
    display_name: str | None
    path: str


class CostCentreSpend(Spend, kw_only=True, frozen=True):
    """One cost centre in the period; its amounts are the sums of its projects'."""

    cost_centre: Annotated[str | None, Meta(description="Its slug; null for projects without a cost centre.")]
    name: str
    archived: bool
    previous_cost_usd: Annotated[Usd, Meta(description="Metered spend in the period before.")]
    change_usd: Usd
    change_percent: Percent | None
    share_percent: Annotated[Percent | None, Meta(description="Of the metered spend of all that is filtered for.")]
    projects: list[CentreProject]


class CostCentresAnswer(Answer, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/cost-centers`: by spend, largest first."""

    cost_centres: list[CostCentreSpend]
