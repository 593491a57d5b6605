"""Answers of `dashboards` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from api.client.answers.shared import DecisionShown, FiltersShown, PeriodShown, Totals


class AnomaliesAnswer(TypedDict):
    """`GET /v1/{workspace}/anomalies`: newest first."""

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
    analysis_id: str | None
    analysed_build_id: str | None
    analysed_data_as_of: str | None
    found: int
    found_excess_usd: str
    anomalies: list[AnomalyShown]
    next_cursor: str | None


class AnomalyShown(TypedDict):
    """An hour that cost far more than usual."""

    anomaly_id: str
    project: str
    display_name: str | None
    provider: str
    model: str
    model_name: str | None
    hour_starts_at: str
    baseline: Literal["all_hours", "hour_of_week"]
    weeks_compared: int
    requests: int
    unpriced_requests: int
    spent_usd: str
    expected_usd: str
    limit_usd: str
    excess_usd: str
    excess_percent: str | None
    sample_requests: list[SampleRequest]


class BatchShown(TypedDict):
    """The upload that brought the request: received = landed + duplicate + quarantined."""

    batch_id: str
    batch_key: str
    position: int
    received_at: str
    received: int
    landed: int
    duplicate: int
    quarantined: int


class BilledParts(TypedDict):
    """The variance of one provider's bill and what it is made of."""

    provider: str
    first_day: str
    last_day: str
    variance_usd: str
    parts: list[VariancePart]


class BudgetVariance(TypedDict):
    """This month's metered spend of the whole workspace against its monthly budget, filters aside."""

    monthly_budget_usd: str
    spent_usd: str
    variance_usd: str
    used_percent: str | None
    variance_percent: str | None
    unpriced_requests: int


class CatalogAnswer(TypedDict):
    """`GET /v1/{workspace}/optimization/catalog`: every check that fired, whatever was decided about it."""

    workspace: str
    build_id: str | None
    data_as_of: str | None
    stale: bool
    time_zone: str
    currency: NotRequired[Literal["USD"]]
    analysis_id: str | None
    analysis_state: Literal["not_ready", "ready"]
    is_behind: bool
    filters: FiltersShown
    checks: list[CheckShown]


class Change(TypedDict):
    """The period against the one before it."""

    cost_usd: str
    previous_cost_usd: str
    change_usd: str
    change_percent: str | None
    previous_first_day: str
    previous_last_day: str


class ChargebackAnswer(TypedDict):
    """`GET /v1/{workspace}/chargeback`: cost centres by spend, and what their projects are charged on at."""

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
    charge_usd: str
    markup_usd: str
    cost_centres: list[ChargedCentre]


class ChargedCentre(TypedDict):
    """One cost centre; its amounts are the sums of its projects'."""

    cost_usd: str
    subscription_imputed_usd: str
    imported_usd: str
    other_basis_usd: str
    requests: int
    unpriced_requests: int
    cost_centre: str | None
    name: str
    share_percent: str | None
    markup_usd: str
    charge_usd: str
    projects: list[ChargedProject]


class ChargedProject(TypedDict):
    """One project's spend as it is charged on."""

    cost_usd: str
    subscription_imputed_usd: str
    imported_usd: str
    other_basis_usd: str
    requests: int
    unpriced_requests: int
    project: str
    display_name: str | None
    client_name: str | None
    basis: Literal["at_cost", "hourly_rate", "markup"]
    markup_percent: str | None
    markup_usd: str
    charge_usd: str
    hourly_rate: ExecutiveRateShown | None
    path: str


class ChartPoint(TypedDict):
    """One day, or one 15-minute bucket of the last 24 hours, beside its counterpart in the period before."""

    day: str
    starts_at: str
    cost_usd: str
    requests: int
    unpriced_requests: int
    by_provider: list[ProviderSpend]
    baseline_day: str | None
    baseline_starts_at: str | None
    baseline_cost_usd: str | None


class CheckShown(TypedDict):
    """One check that fired."""

    check_id: str
    title: str
    what: str
    fires_now: bool
    is_suppressed: bool
    history: list[CheckWindow]
    decisions: list[DecisionShown]


class CheckWindow(TypedDict):
    """What a check found in 30 days."""

    window_from: str
    window_until: str
    findings: int
    projects: int
    requests: int
    cost_usd: str
    saving_usd: str


class ClusterDevice(TypedDict):
    """A machine that sent some of the requests."""

    device_id: str
    name: str | None


class ProviderSpend(TypedDict):
    """One provider's layer of a chart."""

    provider: str
    cost_usd: str


class SampleRequest(TypedDict):
    """One of the requests behind an anomaly."""

    request_id: str
    path: str


class VariancePart(TypedDict):
    """One cause of a variance; the parts add up to it exactly."""

    part: str
    amount_usd: str
    requests: int | None
    reasons: list[str]


class ExecutiveRateShown(TypedDict):
    """What an hour of work on a project costs its client."""

    amount: str
    currency: str
    hours_of_cost: str | None
