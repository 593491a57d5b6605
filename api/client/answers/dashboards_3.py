"""Answers of `dashboards_3` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from api.client.answers.dashboards import Change, SampleRequest
from api.client.answers.dashboards_2 import CostCentreValue, DeviceShown
from api.client.answers.shared import FiltersShown, PeriodShown, Totals


class DeviceValue(TypedDict):
    """A device one can filter by."""

    device_id: str
    name: str | None


class DevicesAnswer(TypedDict):
    """`GET /v1/{workspace}/devices`: by spend, largest first."""

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
    sync: SyncShown
    devices: list[DeviceShown]


class DivergentRequest(TypedDict):
    """One request that contributes to a day's variance."""

    request_id: str
    requested_at: str
    project: str
    provider: str
    model: str
    device_id: str
    device_name: str | None
    attribution_method: str | None
    withheld_reason: str | None
    cause: str
    logged_usd: str | None
    priced_usd: str | None
    contribution_usd: str | None
    path: str
    audit_path: str | None


class ExecutiveAnswer(TypedDict):
    """`GET /v1/{workspace}/executive`."""

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
    this_month: SpendOfDays
    last_month: SpendOfDays
    year_to_date: SpendOfDays
    change: Change
    top_projects: list[TopShare]
    reconciliation: list[ReconciledMonth]


class FileShown(TypedDict):
    """The landed Parquet file that brought the request, and where its rows lie now."""

    file_seq: int
    path: str
    sha256: str
    row_number: int
    row_count: int
    committed_at: str
    stored_path: str
    stored_sha256: str
    compacted_at: str | None
    row_found: bool


class FilterValuesAnswer(TypedDict):
    """`GET /v1/{workspace}/filters`: every value with a visible request, over all time; cost centres with a …."""

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
    ranges: list[str]
    providers: list[str]
    models: list[ModelValue]
    projects: list[ProjectValue]
    devices: list[DeviceValue]
    cost_centers: list[CostCentreValue]


class FindingShown(TypedDict):
    """One recommendation."""

    finding_id: str
    check_id: str
    title: str
    sentence: str
    state: Literal["accepted", "open"]
    decision_id: str | None
    project: str | None
    display_name: str | None
    provider: str | None
    model: str | None
    other_model: str | None
    requests: int
    window_from: str
    window_until: str
    cost_usd: str
    saving_30d_usd: str
    counted_saving_usd: str
    overlaps_with: list[str]
    confidence: Literal["high", "low", "medium"]
    confidence_reason: str
    evidence: dict[str, Any]
    sample_requests: list[SampleRequest]


class ForecastAnswer(TypedDict):
    """`GET /v1/{workspace}/forecast`: the workspace first, then cost centres and projects, the dearest first."""

    workspace: str
    build_id: str | None
    data_as_of: str | None
    stale: bool
    time_zone: str
    currency: NotRequired[Literal["USD"]]
    analysis_id: str | None
    analysed_build_id: str | None
    analysed_data_as_of: str | None
    month: str
    forecasts: list[ScopeForecast]


class ForecastDay(TypedDict):
    """Spend of the month by the end of a day, expected."""

    day: str
    expected_usd: str
    low_usd: str
    high_usd: str


class FormulaTerm(TypedDict):
    """tokens x picousd_per_token = picousd, all integers; 1 USD = 10^12 picodollars."""

    token_kind: str
    tokens: int
    picousd_per_token: int | None
    picousd: int | None


class ModelValue(TypedDict):
    """A model one can filter by."""

    provider: str
    model: str
    display_name: str | None


class ProjectValue(TypedDict):
    """A project one can filter by."""

    project: str
    display_name: str | None


class ReconciledMonth(TypedDict):
    """A month as logged and as the providers billed it, all providers together."""

    month: str
    logged_usd: str
    awaiting_usd: str
    billed_usd: str | None
    variance_usd: str | None
    variance_percent: str | None
    colour: str | None
    unit_suspect: str | None


class ScopeForecast(TypedDict):
    """The forecast of the workspace, a project or a cost centre."""

    state: Literal["forecast", "not_enough_data", "nothing_priced"]
    as_of_day: str
    history_days: int
    spent_usd: str
    expected_usd: str | None
    low_usd: str | None
    high_usd: str | None
    scope: Literal["cost_centre", "project", "workspace"]
    slug: str
    name: str
    requests: int
    unpriced_requests: int
    days: list[ForecastDay]


class SpendOfDays(TypedDict):
    """Spend of some days."""

    cost_usd: str
    subscription_imputed_usd: str
    imported_usd: str
    other_basis_usd: str
    requests: int
    unpriced_requests: int
    from_day: str
    to_day: str


SyncBanner = Literal["amber", "green", "red"]


class SyncShown(TypedDict):
    """How the paired devices are doing."""

    colour: SyncBanner
    devices: int
    active: int
    degraded: int
    paused: int
    not_configured: int


class TopShare(TypedDict):
    """One of the dearest projects of the period."""

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
