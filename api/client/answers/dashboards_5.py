"""Answers of `dashboards_5` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from api.client.answers.dashboards import BilledParts, VariancePart
from api.client.answers.dashboards_2 import DayCompared, DeviceShare
from api.client.answers.dashboards_3 import DivergentRequest
from api.client.answers.dashboards_4 import ModelShare, MonthCompared, ProjectShown, RequestShown, SpendOverTime
from api.client.answers.shared import FiltersShown, PeriodShown, TokenKinds, Totals


class ProjectAnswer(TypedDict):
    """`GET /v1/{workspace}/projects/{slug}`. Request volume and cost per request stand in …."""

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
    project: ProjectShown
    previous_cost_usd: str
    change_percent: str | None
    spend_over_time: SpendOverTime
    by_device: list[DeviceShare]
    by_model: list[ModelShare]
    recent_requests: list[RequestShown]


class ProjectSummary(TypedDict):
    """One project in the period."""

    cost_usd: str
    subscription_imputed_usd: str
    imported_usd: str
    other_basis_usd: str
    requests: int
    unpriced_requests: int
    project: str
    display_name: str | None
    client_name: str | None
    state: Literal["active", "archived", "not_shared", "over_ceiling"]
    withheld_requests: int
    previous_cost_usd: str
    change_usd: str
    change_percent: str | None
    share_percent: str | None
    last_active_day: str | None
    path: str


class ProjectsAnswer(TypedDict):
    """`GET /v1/{workspace}/projects`: by spend, largest first; projects without spend come last."""

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
    projects: list[ProjectSummary]


class ReconciledDayAnswer(TypedDict):
    """`GET /v1/{workspace}/reconciliation/days/{day}`: what a day's variance is made of."""

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
    ignored_filters: list[str]
    day: DayCompared
    billed: list[BilledParts]
    requests: list[DivergentRequest]
    limit: int
    next_cursor: str | None
    next_path: str | None


class ReconciledMonthAnswer(TypedDict):
    """`GET /v1/{workspace}/reconciliation/{month}`: a month by day."""

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
    ignored_filters: list[str]
    month: MonthCompared
    parts: list[VariancePart]
    restatements: list[Restatement]
    days: list[DayCompared]


class ReconciliationAnswer(TypedDict):
    """`GET /v1/{workspace}/reconciliation`: the months the range touches, newest first."""

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
    ignored_filters: list[str]
    months: list[MonthCompared]


class RequestsAnswer(TypedDict):
    """`GET /v1/{workspace}/requests`: newest first. Search and cursor narrow the rows, not the totals."""

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
    requests: list[RequestShown]
    limit: int
    search: str | None
    next_cursor: str | None
    next_path: str | None
    csv_path: str


class Restatement(TypedDict):
    """Something else than what was signed is said now of a closed month."""

    provider: str
    measure: str
    cause: str
    said_usd: str
    change_usd: str
    now_usd: str
    requests: int | None
    closed_at: str


class SavingShown(TypedDict):
    """What one accepted recommendation came to; amounts are null without enough data."""

    decision_id: str
    check_id: str
    project: str
    provider: str
    model: str
    other_model: str | None
    decided_at: str
    quoted_saving_usd: str | None
    state: Literal["measured", "not_enough_data", "regressed"]
    unit: Literal["distinct_prompts", "requests"]
    counted_with: str | None
    before_from: str
    before_until: str
    after_from: str
    after_until: str
    requests_before: int
    requests_after: int
    units_after: int
    units_compared: int
    before_per_1000_usd: str | None
    after_per_1000_usd: str | None
    saving_low_per_1000_usd: str | None
    saving_high_per_1000_usd: str | None
    realised_usd: str


class SavingsAnswer(TypedDict):
    """`GET /v1/{workspace}/optimization/savings`: the newest decision first."""

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
    realised_usd: str
    regressed: int
    savings: list[SavingShown]


class Sighting(TypedDict):
    """Another device that sent the same request later; it counts once."""

    device_id: str
    name: str | None


class TraceDevice(TypedDict):
    """The device that sent the request first."""

    device_id: str
    name: str
    hostname: str
    platform: str
    daemon_version: str
    paired_at: str
    revoked_at: str | None


class TracedRequest(TypedDict):
    """The request with every column that landed."""

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
    project_as_logged: str
    recorded_at: str
    fx_rate: str | None
    source_workdir: str | None
    source_machine: str | None
    provider_error_code: str | None
    retryable: bool | None
    billing_basis: str | None
    extra_json: str | None
    tokens: TokenKinds
    token_kinds_inconsistent: bool


class WithheldShown(TypedDict):
    """Why a request stays out of the dashboards."""

    reason: str
