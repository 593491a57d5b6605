"""Shapes of the executive view and of chargeback.

Belongs here: what both show. Does not belong here: the envelope (`answer`), reconciliation's own view.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta

from api.dashboards.models.answer import Answer, Percent, PreciseUsd, Shape, Spend, Usd
from api.dashboards.models.with_analysis import AnswerWithAnalysis


class SpendOfDays(Spend, kw_only=True, frozen=True):
    """Spend of some days."""

    from_day: date
    to_day: Annotated[date, Meta(description="Included.")]


class Change(Shape, kw_only=True, frozen=True):
    """The period against the one before it."""

    cost_usd: Usd
    previous_cost_usd: Usd
    change_usd: Usd
    change_percent: Percent | None
    previous_first_day: date
    previous_last_day: Annotated[date, Meta(description="Included. A running month is compared up to the same day.")]


class TopShare(Spend, kw_only=True, frozen=True):
    """One of the dearest projects of the period."""

    project: str
    display_name: str | None
    share_percent: Annotated[Percent | None, Meta(description="Of the metered spend of the period.")]
    path: str


class ReconciledMonth(Shape, kw_only=True, frozen=True):
    """A month as logged and as the providers billed it, all providers together."""

    month: Annotated[date, Meta(description="First day of the month in UTC, as providers count.")]
    logged_usd: PreciseUsd
    awaiting_usd: Annotated[PreciseUsd, Meta(description="Of what was logged, that of which no bill is there yet.")]
    billed_usd: PreciseUsd | None
    variance_usd: Annotated[
        PreciseUsd | None, Meta(description="Logged less awaiting less billed; null while there is no bill.")
    ]
    variance_percent: Annotated[Percent | None, Meta(description="Of what was billed; null unless that is above zero.")]
    colour: Annotated[str | None, Meta(description="green, amber or red; null while there is no bill.")]
    unit_suspect: Annotated[
        str | None,
        Meta(description="x100 or x0.01 when a bill is about that many times the log, as of another unit; else null."),
    ]


class ExecutiveAnswer(AnswerWithAnalysis, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/executive`."""

    this_month: SpendOfDays
    last_month: SpendOfDays
    year_to_date: SpendOfDays
    change: Change
    top_projects: Annotated[list[TopShare], Meta(description="The three dearest of the period.")]
    reconciliation: Annotated[
        list[ReconciledMonth],
        Meta(description="This month and the last, newest first, where the analysis has them; filters do not apply."),
    ]


class RateShown(Shape, kw_only=True, frozen=True):
    """What an hour of work on a project costs its client."""

    amount: Annotated[str, Meta(description="Exact decimal text.", examples=["120.00"])]
    currency: Annotated[str, Meta(description="ISO 4217.")]
    hours_of_cost: Annotated[
        str | None,
        Meta(description="How many hours at that rate the spend comes to, 2 decimals; null unless the rate is in USD."),
    ]


class ChargedProject(Spend, kw_only=True, frozen=True):
    """One project's spend as it is charged on."""

    project: str
    display_name: str | None
    client_name: str | None
    basis: Annotated[
        Literal["markup", "hourly_rate", "at_cost"],
        Meta(description="markup where it has one; hourly_rate where it has that alone: its hours are not known here."),
    ]
    markup_percent: Percent | None
    markup_usd: Annotated[Usd, Meta(description="Added to the spend, rounded half-even to 5 decimals.")]
    charge_usd: Annotated[Usd, Meta(description="Spend and mark-up.")]
    hourly_rate: RateShown | None
    path: str


class ChargedCentre(Spend, kw_only=True, frozen=True):
    """One cost centre; its amounts are the sums of its projects'."""

    cost_centre: Annotated[str | None, Meta(description="Its slug; null for projects without a cost centre.")]
    name: str
    share_percent: Annotated[Percent | None, Meta(description="Of the metered spend of all that is filtered for.")]
    markup_usd: Usd
    charge_usd: Usd
    projects: list[ChargedProject]


class ChargebackAnswer(Answer, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/chargeback`: cost centres by spend, and what their projects are charged on at."""

    charge_usd: Annotated[Usd, Meta(description="Of all cost centres.")]
    markup_usd: Usd
    cost_centres: list[ChargedCentre]
