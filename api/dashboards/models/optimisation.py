"""Shapes of recommendations, the catalogue of checks, and what was saved.

Belongs here: what the views of optimisation show. Does not belong here: messages of decisions
(`api.optimisation.messages`).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from msgspec import Meta

from api.dashboards.models.analysis import AnalysisStamp
from api.dashboards.models.anomalies import SampleRequest
from api.dashboards.models.answer import Count, FiltersShown, Instant, PreciseUsd, Shape

Confidence = Literal["high", "medium", "low"]
CheckId = Annotated[str, Meta(description="Name of the check.", examples=["model_swap"])]
DecisionKindShown = Literal["accept", "dismiss", "suppress"]


class FindingShown(Shape, kw_only=True, frozen=True):
    """One recommendation."""

    finding_id: Annotated[str, Meta(description="The same recommendation has the same id in every analysis.")]
    check_id: CheckId
    title: str
    sentence: Annotated[str, Meta(description="What to change, what it saves a month, and on how many requests.")]
    state: Annotated[Literal["open", "accepted"], Meta(description="Dismissed and suppressed ones are not shown.")]
    decision_id: Annotated[str | None, Meta(description="The decision that accepted it.")]
    project: str | None
    display_name: str | None
    provider: str | None
    model: str | None
    other_model: Annotated[str | None, Meta(description="Model of the rate book, or service tier, that is proposed.")]
    requests: Count
    window_from: date
    window_until: date
    cost_usd: Annotated[PreciseUsd, Meta(description="What those requests cost by the rate book.")]
    saving_30d_usd: PreciseUsd
    counted_saving_usd: Annotated[
        PreciseUsd, Meta(description="Its part in the total: zero where a larger one is about the same requests.")
    ]
    overlaps_with: Annotated[list[CheckId], Meta(description="Checks that found the same model of the same project.")]
    confidence: Confidence
    confidence_reason: str
    evidence: dict[str, Any]
    sample_requests: list[SampleRequest]


class OptimisationAnswer(AnalysisStamp, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/optimization`: the largest savings first."""

    filters: FiltersShown
    saving_30d_usd: Annotated[PreciseUsd, Meta(description="Of open recommendations; what overlaps counts once.")]
    open_findings: Annotated[Count, Meta(description="Under the filter, on all pages.")]
    accepted_findings: Annotated[Count, Meta(description="Accepted, and still found.")]
    findings: list[FindingShown]
    limit: Annotated[int, Meta(description="The most recommendations this page could have held.")]
    next_cursor: Annotated[str | None, Meta(description="Gives the next page; null on the last one.")]


class CheckWindow(Shape, kw_only=True, frozen=True):
    """What a check found in 30 days."""

    window_from: date
    window_until: date
    findings: Count
    projects: Count
    requests: Count
    cost_usd: PreciseUsd
    saving_usd: PreciseUsd


class DecisionShown(Shape, kw_only=True, frozen=True):
    """One decision; what is null is left open."""

    decision_id: str
    kind: DecisionKindShown
    check_id: CheckId | None
    project: str | None
    provider: str | None
    model: str | None
    other_model: str | None
    finding_id: str | None
    quoted_saving_usd: Annotated[PreciseUsd | None, Meta(description="Over 30 days, as it was quoted when decided.")]
    reason: str
    decided_by: str
    decided_at: Instant
    withdrawn_by: str | None
    withdrawn_at: Annotated[Instant | None, Meta(description="Null while it holds.")]


class CheckShown(Shape, kw_only=True, frozen=True):
    """One check that fired."""

    check_id: CheckId
    title: str
    what: str
    fires_now: bool
    is_suppressed: Annotated[bool, Meta(description="In every project.")]
    history: Annotated[
        list[CheckWindow], Meta(description="The last windows of 30 days in which it fired, newest first.")
    ]
    decisions: Annotated[list[DecisionShown], Meta(description="About this check, newest first, withdrawn ones too.")]


class CatalogAnswer(AnalysisStamp, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/optimization/catalog`: every check that fired, whatever was decided about it."""

    filters: FiltersShown
    checks: list[CheckShown]


class SavingShown(Shape, kw_only=True, frozen=True):
    """What one accepted recommendation came to; amounts are null without enough data."""

    decision_id: str
    check_id: CheckId
    project: str
    provider: str
    model: str
    other_model: str | None
    decided_at: Instant
    quoted_saving_usd: PreciseUsd | None
    state: Literal["measured", "regressed", "not_enough_data"]
    unit: Annotated[Literal["requests", "distinct_prompts"], Meta(description="What costs are measured per 1,000 of.")]
    counted_with: Annotated[str | None, Meta(description="The decision it is measured as one with; null: itself.")]
    before_from: date
    before_until: date
    after_from: date
    after_until: date
    requests_before: Count
    requests_after: Count
    units_after: Count
    units_compared: Annotated[Count, Meta(description="Those that have their like before.")]
    before_per_1000_usd: Annotated[PreciseUsd | None, Meta(description="At the mix of the requests made after.")]
    after_per_1000_usd: PreciseUsd | None
    saving_low_per_1000_usd: Annotated[PreciseUsd | None, Meta(description="Lower end of the 95 % interval.")]
    saving_high_per_1000_usd: Annotated[PreciseUsd | None, Meta(description="Upper end of the 95 % interval.")]
    realised_usd: Annotated[PreciseUsd, Meta(description="Saved since; negative when it cost more.")]


class SavingsAnswer(AnalysisStamp, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/optimization/savings`: the newest decision first."""

    filters: FiltersShown
    realised_usd: Annotated[PreciseUsd, Meta(description="Of all decisions; nothing is counted twice.")]
    regressed: Annotated[Count, Meta(description="Decisions after which it cost more, beyond chance.")]
    savings: list[SavingShown]
