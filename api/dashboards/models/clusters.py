"""Shapes of clusters: requests grouped by their prompt.

Belongs here: what the views of clusters show. Does not belong here: the envelope (`answer`, `analysis`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from api.dashboards.models.analysis import AnalysisStamp
from api.dashboards.models.anomalies import SampleRequest
from api.dashboards.models.answer import Count, FiltersShown, Instant, PeriodShown, PreciseUsd, Shape

ClusterKind = Literal["exact_duplicate", "retry_storm", "loop", "response_cache", "prompt_cache"]


class ClusterDevice(Shape, kw_only=True, frozen=True):
    """A machine that sent some of the requests."""

    device_id: str
    name: str | None


class ClusterShown(Shape, kw_only=True, frozen=True):
    """Requests with one prompt, told by its hash: one project, one model."""

    cluster_id: str
    kind: ClusterKind
    prompt_hash: str
    project: str
    display_name: str | None
    provider: str
    model: str
    model_name: str | None
    requests: Count
    unpriced_requests: Annotated[Count, Meta(description="Requests without a price; they cost nothing here.")]
    devices: list[ClusterDevice]
    projects: Annotated[Count, Meta(description="Projects that sent this prompt to this model.")]
    first_seen_at: Instant
    last_seen_at: Instant
    cost_usd: Annotated[PreciseUsd, Meta(description="What all of it cost by the rate book.")]
    repeat_cost_usd: Annotated[PreciseUsd, Meta(description="What all but the first request cost.")]
    estimated_saving_usd: Annotated[PreciseUsd, Meta(description="What would not have been spent.")]
    evidence: Annotated[dict[str, Any], Meta(description="Further figures of the kind.")]
    sample_requests: list[SampleRequest]
    path: str


class ClusterKindTotal(Shape, kw_only=True, frozen=True):
    """All clusters of one kind under the filter; kinds overlap and are never to be added up."""

    kind: ClusterKind
    clusters: Count
    requests: Count
    repeat_cost_usd: PreciseUsd
    estimated_saving_usd: PreciseUsd


class ClustersAnswer(AnalysisStamp, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/clusters`: the largest savings first."""

    period: PeriodShown
    filters: FiltersShown
    kind: ClusterKind | None
    kinds: list[ClusterKindTotal]
    clusters: list[ClusterShown]
    limit: int
    next_cursor: Annotated[str | None, Meta(description="Gives the next page; null on the last one.")]
    next_path: str | None


class ClusterAnswer(AnalysisStamp, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/clusters/{cluster_id}`."""

    cluster: ClusterShown
    related: Annotated[list[ClusterShown], Meta(description="Other clusters of the same prompt.")]
