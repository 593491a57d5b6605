"""Answers of `dashboards_2` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from api.client.answers.dashboards import ClusterDevice, SampleRequest
from api.client.answers.shared import FiltersShown, PeriodShown


class ClusterAnswer(TypedDict):
    """`GET /v1/{workspace}/clusters/{cluster_id}`."""

    workspace: str
    build_id: str | None
    data_as_of: str | None
    stale: bool
    time_zone: str
    currency: NotRequired[Literal["USD"]]
    analysis_id: str | None
    analysis_state: Literal["not_ready", "ready"]
    is_behind: bool
    cluster: ClusterShown
    related: list[ClusterShown]


class ClusterKindTotal(TypedDict):
    """All clusters of one kind under the filter; kinds overlap and are never to be added up."""

    kind: Literal["exact_duplicate", "loop", "prompt_cache", "response_cache", "retry_storm"]
    clusters: int
    requests: int
    repeat_cost_usd: str
    estimated_saving_usd: str


class ClusterShown(TypedDict):
    """Requests with one prompt, told by its hash: one project, one model."""

    cluster_id: str
    kind: Literal["exact_duplicate", "loop", "prompt_cache", "response_cache", "retry_storm"]
    prompt_hash: str
    project: str
    display_name: str | None
    provider: str
    model: str
    model_name: str | None
    requests: int
    unpriced_requests: int
    devices: list[ClusterDevice]
    projects: int
    first_seen_at: str
    last_seen_at: str
    cost_usd: str
    repeat_cost_usd: str
    estimated_saving_usd: str
    evidence: dict[str, Any]
    sample_requests: list[SampleRequest]
    path: str


class ClustersAnswer(TypedDict):
    """`GET /v1/{workspace}/clusters`: the largest savings first."""

    workspace: str
    build_id: str | None
    data_as_of: str | None
    stale: bool
    time_zone: str
    currency: NotRequired[Literal["USD"]]
    analysis_id: str | None
    analysis_state: Literal["not_ready", "ready"]
    is_behind: bool
    period: PeriodShown
    filters: FiltersShown
    kind: Literal["exact_duplicate", "loop", "prompt_cache", "response_cache", "retry_storm"] | None
    kinds: list[ClusterKindTotal]
    clusters: list[ClusterShown]
    limit: int
    next_cursor: str | None
    next_path: str | None


class Conflict(TypedDict):
    """A later copy of the same id with other content; the first copy stands."""

    batch_key: str
    position: int
    device_id: str
    differing_fields: list[str]


class CostCentreValue(TypedDict):
    """A cost centre one can filter by."""

    cost_center: str
    name: str


class CoverageAnswer(TypedDict):
    """`GET /v1/{workspace}/coverage`: providers whose bills tell requests or tokens."""

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
    first_day: str
    last_day: str
    providers: list[ProviderCoverage]


class DayCompared(TypedDict):
    """One of the providers' days, all providers asked for together."""

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
    day: str
    billed_by: Literal["day", "none", "period"]
    providers: list[ProviderCompared]
    path: str


class DayCoverage(TypedDict):
    """One day of a provider."""

    day: str
    units: list[UnitCoverage]


class DayPoint(TypedDict):
    """One day."""

    cost_usd: str
    subscription_imputed_usd: str
    imported_usd: str
    other_basis_usd: str
    requests: int
    unpriced_requests: int
    cost_per_request_usd: str | None
    day: str


class DaysPoint(TypedDict):
    """One ISO week or month, as far as it lies in the period."""

    cost_usd: str
    subscription_imputed_usd: str
    imported_usd: str
    other_basis_usd: str
    requests: int
    unpriced_requests: int
    cost_per_request_usd: str | None
    starts_on: str
    first_day: str
    last_day: str


class DeviceShare(TypedDict):
    """One device's part of a project."""

    cost_usd: str
    subscription_imputed_usd: str
    imported_usd: str
    other_basis_usd: str
    requests: int
    unpriced_requests: int
    device_id: str
    name: str | None
    share_percent: str | None
    last_7_days_usd: str
    previous_7_days_usd: str
    week_over_week_usd: str
    week_over_week_percent: str | None


class DeviceShown(TypedDict):
    """One paired device and its part of the spend."""

    cost_usd: str
    subscription_imputed_usd: str
    imported_usd: str
    other_basis_usd: str
    requests: int
    unpriced_requests: int
    device_id: str
    name: str
    hostname: str
    platform: str
    daemon_version: str
    state: str
    instances: int
    machines: list[str]
    paired_at: str
    revoked_at: str | None
    revoked_reason: str | None
    last_seen_at: str | None
    last_sync_at: str | None
    share_percent: str | None


class KeyCoverage(TypedDict):
    """One API key of a provider."""

    key_ref: str
    unknown_days: int
    units: list[UnitCoverage]


class ProviderCompared(TypedDict):
    """One provider's part."""

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
    provider: str


class ProviderCoverage(TypedDict):
    """One provider: as a whole, by key and by day."""

    provider: str
    units: list[UnitCoverage]
    keys: list[KeyCoverage]
    days: list[DayCoverage]


class UnitCoverage(TypedDict):
    """How much of one unit was seen."""

    unit: str
    billed: int
    seen: int | None
    covered: int | None
    share_percent: str | None
    is_over: bool
