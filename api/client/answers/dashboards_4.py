"""Answers of `dashboards_4` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from api.client.answers.dashboards import BudgetVariance, ChartPoint
from api.client.answers.dashboards_2 import DayPoint, DaysPoint, ProviderCompared
from api.client.answers.dashboards_3 import FindingShown, FormulaTerm, SyncShown
from api.client.answers.shared import FiltersShown, PeriodShown, TokenKinds, Totals


class Headline(TypedDict):
    """The headline numbers, in the workspace's zone, whatever the date range; the other filters apply."""

    today: HeadlineNumber
    this_month: HeadlineNumber
    last_month: HeadlineNumber


HeadlineNumber = TypedDict(
    "HeadlineNumber",
    {
        "cost_usd": "str",
        "subscription_imputed_usd": "str",
        "imported_usd": "str",
        "other_basis_usd": "str",
        "requests": "int",
        "unpriced_requests": "int",
        "from": "str",
        "to": "str",
    },
)


class ModelShare(TypedDict):
    """One model's part of a project."""

    cost_usd: str
    subscription_imputed_usd: str
    imported_usd: str
    other_basis_usd: str
    requests: int
    unpriced_requests: int
    provider: str
    model: str
    display_name: str | None
    share_percent: str | None
    cost_per_request_usd: str | None
    tokens: TokenKinds


class MonthCompared(TypedDict):
    """One month, all providers asked for together."""

    requests: int
    unpriced_requests: int
    withheld_requests: int
    logged_usd: str
    priced_usd: str
    awaiting_usd: str
    billed_usd: str | None
    variance_usd: str | None
    variance_percent: str | None
    colour: Literal["amber", "green", "red"] | None
    source: str | None
    is_complete: bool
    unit_suspect: Literal["x0.01", "x100"] | None
    tax_usd: str | None
    prepaid_usd: str | None
    month: str
    statements_across: int
    providers: list[ProviderCompared]
    tiers: list[TierSpend]
    path: str


class OptimisationAnswer(TypedDict):
    """`GET /v1/{workspace}/optimization`: the largest savings first."""

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
    saving_30d_usd: str
    open_findings: int
    accepted_findings: int
    findings: list[FindingShown]
    limit: int
    next_cursor: str | None


class OverviewAnswer(TypedDict):
    """`GET /v1/{workspace}/overview`."""

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
    headline: Headline
    budget: BudgetVariance | None
    daily: SpendChart
    top_projects: list[TopProject]
    top_models: list[TopModel]
    sync: SyncShown


class PriceShown(TypedDict):
    """Both prices of the request and how ours comes about."""

    cost_logged_millicents: int | None
    cost_priced_picousd: int | None
    cost_priced_usd: str | None
    rate_id: str | None
    rate_book_version: str | None
    rate: TraceRateShown | None
    formula: list[FormulaTerm]
    formula_text: str | None


class ProjectShown(TypedDict):
    """The project itself."""

    project: str
    display_name: str | None
    client_name: str | None
    state: Literal["active", "archived", "not_shared", "over_ceiling"]
    first_seen_at: str | None
    archived_at: str | None


class RequestShown(TypedDict):
    """One request. Of the four amounts at most one is set; all null means that the logged cost is unknown."""

    request_id: str
    requested_at: str
    received_at: str
    project: str
    provider: str
    model: str
    device_id: str
    device_name: str | None
    status: str
    request_kind: str | None
    spend_kind: str
    cost_usd: str | None
    subscription_imputed_usd: str | None
    imported_usd: str | None
    other_basis_usd: str | None
    cost_priced_usd: str | None
    input_tokens: int
    output_tokens: int
    thinking_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    tokens_complete: bool
    latency_ms: float
    time_to_first_token_ms: int | None
    error_class: str | None
    http_status: int | None
    attribution_method: str | None
    prompt_hash: str | None
    idempotency_key: str | None
    provider_request_id: str | None
    path: str


class SpendChart(TypedDict):
    """Spend over the period stacked by provider; the points add up to the totals."""

    bucket: Literal["15min", "day"]
    providers: list[str]
    points: list[ChartPoint]
    baseline_cost_usd: str
    change_percent: str | None


class SpendOverTime(TypedDict):
    """The same spend three ways; each adds up to the totals."""

    daily: list[DayPoint]
    weekly: list[DaysPoint]
    monthly: list[DaysPoint]


class TierSpend(TypedDict):
    """Visible metered spend whose project was found in one way."""

    attribution_method: str
    requests: int
    unpriced_requests: int
    cost_usd: str
    share_percent: str | None


class TopModel(TypedDict):
    """A model by spend in the period."""

    cost_usd: str
    subscription_imputed_usd: str
    imported_usd: str
    other_basis_usd: str
    requests: int
    unpriced_requests: int
    provider: str
    model: str
    display_name: str | None
    share_percent: str | None
    path: str


class TopProject(TypedDict):
    """A project by spend in the period."""

    cost_usd: str
    subscription_imputed_usd: str
    imported_usd: str
    other_basis_usd: str
    requests: int
    unpriced_requests: int
    project: str
    display_name: str | None
    share_percent: str | None
    path: str


class TraceRateShown(TypedDict):
    """The rate a request was priced by."""

    rate_id: str
    provider: str
    model_ref: str
    service_tier: str
    context_over_tokens: int
    valid_from: str
    valid_to: str
    known_from: str
    source: str
    negotiated: bool
