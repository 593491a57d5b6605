"""Shapes of the log held against providers' bills.

Belongs here: what reconciliation and coverage show. Does not belong here: the envelope (`answer`, `analysis`).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta

from api.dashboards.models.analysis import AnalysisStamp
from api.dashboards.models.answer import Count, FiltersShown, Instant, Percent, PreciseUsd, Shape, Usd

Month = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}$", description="Calendar month of the providers' days, in UTC.")]
Colour = Annotated[
    Literal["green", "amber", "red"] | None,
    Meta(description="green below 0.5 % of the bill or five cents, amber to 2 %, red above; null without a bill."),
]


class Compared(Shape, kw_only=True, frozen=True):
    """What was logged against what was billed: variance = logged - awaiting - billed."""

    requests: Annotated[Count, Meta(description="Metered requests, withheld ones included: they were billed too.")]
    unpriced_requests: Annotated[Count, Meta(description="Of those, without a logged cost.")]
    withheld_requests: Count
    logged_usd: PreciseUsd
    priced_usd: Annotated[PreciseUsd, Meta(description="The same requests by our own rate book.")]
    awaiting_usd: Annotated[PreciseUsd, Meta(description="Of what was logged, that of which no bill is there yet.")]
    billed_usd: Annotated[PreciseUsd | None, Meta(description="Without taxes and prepaid purchases; null unknown.")]
    variance_usd: PreciseUsd | None
    variance_percent: Annotated[Percent | None, Meta(description="Of what was billed; null unless that is above zero.")]
    colour: Colour
    source: Annotated[
        str | None, Meta(description="Where the bill comes from: the connection's kind, several, or null for none.")
    ]
    is_complete: Annotated[bool, Meta(description="True when all of it is billed and nothing more will be stated.")]
    unit_suspect: Annotated[
        Literal["x100", "x0.01"] | None,
        Meta(description="The bill is about this many times the log, as of another unit; not to be charted."),
    ]
    tax_usd: PreciseUsd | None
    prepaid_usd: PreciseUsd | None


class ProviderCompared(Compared, kw_only=True, frozen=True):
    """One provider's part."""

    provider: str


class TierSpend(Shape, kw_only=True, frozen=True):
    """Visible metered spend whose project was found in one way."""

    attribution_method: Annotated[str, Meta(description="As the laptop says it; (not told) when it was withheld.")]
    requests: Count
    unpriced_requests: Count
    cost_usd: Usd
    share_percent: Percent | None


class VariancePart(Shape, kw_only=True, frozen=True):
    """One cause of a variance; the parts add up to it exactly."""

    part: Annotated[
        str,
        Meta(
            description="unpriced, price_difference, discount, credits, adjustments, tier_or_context, timing,"
            " missing_calls, rounding or unexplained."
        ),
    ]
    amount_usd: Annotated[PreciseUsd, Meta(description="Positive where the log has more than the bill.")]
    requests: Annotated[int | None, Meta(description="Requests behind it; null when it is not about requests.")]
    reasons: Annotated[list[str], Meta(description="What the amount rests on, or why there is none.")]


class Restatement(Shape, kw_only=True, frozen=True):
    """Something else than what was signed is said now of a closed month."""

    provider: str
    measure: Annotated[str, Meta(description="logged, priced or billed.")]
    cause: Annotated[str, Meta(description="late_requests, corrected, repriced, expired or bill_restated.")]
    said_usd: PreciseUsd
    change_usd: PreciseUsd
    now_usd: PreciseUsd
    requests: int | None
    closed_at: Instant


class MonthCompared(Compared, kw_only=True, frozen=True):
    """One month, all providers asked for together."""

    month: Month
    statements_across: Annotated[
        Count, Meta(description="Statements that reach into another month; they count in none.")
    ]
    providers: list[ProviderCompared]
    tiers: list[TierSpend]
    path: Annotated[str, Meta(description="The month by day; put /v1 before it for JSON.")]


class DayCompared(Compared, kw_only=True, frozen=True):
    """One of the providers' days, all providers asked for together."""

    day: date
    billed_by: Annotated[
        Literal["day", "period", "none"],
        Meta(description="period: only a statement of several days holds it, so that the day is not compared."),
    ]
    providers: list[ProviderCompared]
    path: Annotated[str, Meta(description="The requests behind it; put /v1 before it for JSON.")]


class BilledParts(Shape, kw_only=True, frozen=True):
    """The variance of one provider's bill and what it is made of."""

    provider: str
    first_day: date
    last_day: date
    variance_usd: PreciseUsd
    parts: list[VariancePart]


class DivergentRequest(Shape, kw_only=True, frozen=True):
    """One request that contributes to a day's variance."""

    request_id: str
    requested_at: Instant
    project: str
    provider: str
    model: str
    device_id: str
    device_name: str | None
    attribution_method: str | None
    withheld_reason: str | None
    cause: Annotated[str, Meta(description="unpriced, price_difference, tier_or_context or timing.")]
    logged_usd: PreciseUsd | None
    priced_usd: PreciseUsd | None
    contribution_usd: Annotated[
        PreciseUsd | None, Meta(description="What it adds to logged minus billed; null when its cost is unknown.")
    ]
    path: Annotated[str, Meta(description="Its trace; put /v1 before it for JSON.")]
    audit_path: Annotated[
        str | None, Meta(description="Its entry in the audit log; null while it is withheld from the log.")
    ]


class ReconciliationStamp(AnalysisStamp, kw_only=True, frozen=True):
    """The envelope. Bills know neither projects, models nor machines."""

    filters: FiltersShown
    ignored_filters: Annotated[list[str], Meta(description="Filters that are set and narrow nothing here.")]


class ReconciliationAnswer(ReconciliationStamp, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/reconciliation`: the months the range touches, newest first."""

    months: list[MonthCompared]


class ReconciledMonthAnswer(ReconciliationStamp, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/reconciliation/{month}`: a month by day."""

    month: MonthCompared
    parts: Annotated[list[VariancePart], Meta(description="They sum to the month's variance.")]
    restatements: list[Restatement]
    days: Annotated[list[DayCompared], Meta(description="Days with requests or a bill, in order.")]


class ReconciledDayAnswer(ReconciliationStamp, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/reconciliation/days/{day}`: what a day's variance is made of."""

    day: DayCompared
    billed: Annotated[list[BilledParts], Meta(description="Of every bill that holds the day.")]
    requests: Annotated[list[DivergentRequest], Meta(description="Those that contribute most first.")]
    limit: Annotated[int, Meta(ge=1, le=500)]
    next_cursor: Annotated[str | None, Meta(description="Gives the next page as `cursor`; null on the last.")]
    next_path: Annotated[str | None, Meta(description="The next page; put /v1 before it for JSON.")]


class UnitCoverage(Shape, kw_only=True, frozen=True):
    """How much of one unit was seen."""

    unit: Annotated[
        str,
        Meta(
            description="requests, tokens, or one kind: uncached_input, cache_read, cache_write_5m, cache_write_1h,"
            " output."
        ),
    ]
    billed: Count
    seen: Annotated[int | None, Meta(description="Null when nobody can tell which key they were of.")]
    covered: Annotated[
        int | None,
        Meta(description="Of what was billed, that which was seen, of each day and model at most the whole."),
    ]
    share_percent: Annotated[Percent | None, Meta(description="Covered of billed, where seen is known; from 0 to 100.")]
    is_over: Annotated[bool, Meta(description="True when more was seen than billed of any day's model.")]


class DayCoverage(Shape, kw_only=True, frozen=True):
    """One day of a provider."""

    day: date
    units: list[UnitCoverage]


class KeyCoverage(Shape, kw_only=True, frozen=True):
    """One API key of a provider."""

    key_ref: Annotated[str, Meta(description="As the provider names it; (none) when it names none.")]
    unknown_days: Annotated[
        Count, Meta(description="Days on which the bill names no model of it, or other keys used its models, too.")
    ]
    units: list[UnitCoverage]


class ProviderCoverage(Shape, kw_only=True, frozen=True):
    """One provider: as a whole, by key and by day."""

    provider: str
    units: list[UnitCoverage]
    keys: list[KeyCoverage]
    days: list[DayCoverage]


class CoverageAnswer(ReconciliationStamp, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/coverage`: providers whose bills tell requests or tokens."""

    first_day: date
    last_day: date
    providers: list[ProviderCoverage]
