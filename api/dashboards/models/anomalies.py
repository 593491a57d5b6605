"""Shapes of anomalies.

Belongs here: what the anomaly view shows. Does not belong here: alerts (`api.alerts.messages`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from api.dashboards.models.answer import Count, Instant, Percent, Shape, Usd
from api.dashboards.models.with_analysis import AnswerWithAnalysis


class SampleRequest(Shape, kw_only=True, frozen=True):
    """One of the requests behind an anomaly."""

    request_id: str
    path: Annotated[str, Meta(description="Page of its trace.")]


class AnomalyShown(Shape, kw_only=True, frozen=True):
    """An hour that cost far more than usual."""

    anomaly_id: Annotated[str, Meta(description="The same in every build.")]
    project: str
    display_name: str | None
    provider: str
    model: str
    model_name: str | None
    hour_starts_at: Instant
    baseline: Annotated[
        Literal["hour_of_week", "all_hours"],
        Meta(description="What it is compared with: that hour of the weeks before, or, before three weeks, all hours."),
    ]
    weeks_compared: Count
    requests: Count
    unpriced_requests: Annotated[Count, Meta(description="Requests of the hour whose cost is unknown.")]
    spent_usd: Usd
    expected_usd: Annotated[Usd, Meta(description="Median of what it is compared with.")]
    limit_usd: Annotated[Usd, Meta(description="The most that would still have been usual.")]
    excess_usd: Usd
    excess_percent: Percent | None
    sample_requests: Annotated[list[SampleRequest], Meta(description="Up to five, the dearest first.")]


class AnomaliesAnswer(AnswerWithAnalysis, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/anomalies`: newest first."""

    found: Annotated[Count, Meta(description="Anomalies of the period, on all pages.")]
    found_excess_usd: Annotated[Usd, Meta(description="What they cost above the usual, on all pages.")]
    anomalies: list[AnomalyShown]
    next_cursor: Annotated[str | None, Meta(description="Names the next page; null on the last.")]
