"""Answers of `cost_centres` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from api.client.answers.shared import FiltersShown, PeriodShown, Totals


class CentreProject(TypedDict):
    """One project of a cost centre in the period."""

    cost_usd: str
    subscription_imputed_usd: str
    imported_usd: str
    other_basis_usd: str
    requests: int
    unpriced_requests: int
    project: str
    display_name: str | None
    path: str


class CostCentreSpend(TypedDict):
    """One cost centre in the period; its amounts are the sums of its projects'."""

    cost_usd: str
    subscription_imputed_usd: str
    imported_usd: str
    other_basis_usd: str
    requests: int
    unpriced_requests: int
    cost_centre: str | None
    name: str
    archived: bool
    previous_cost_usd: str
    change_usd: str
    change_percent: str | None
    share_percent: str | None
    projects: list[CentreProject]


class CostCentresAnswer(TypedDict):
    """`GET /v1/{workspace}/cost-centers`: by spend, largest first."""

    workspace: str
    build_id: str | None
    data_as_of: str | None
    stale: bool
    time_zone: str
    currency: NotRequired[Literal["USD"]]
    period: PeriodShown
    filters: FiltersShown
    totals: Totals
    withheld_requests: int
    cost_centres: list[CostCentreSpend]
