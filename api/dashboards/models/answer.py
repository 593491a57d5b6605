"""What every answer carries.

Belongs here: the envelope, totals, filters and period as shown. Does not belong here: one view's
own parts.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Usd = Annotated[str, Meta(pattern=r"^-?\d+\.\d{5}$", description="USD, exact decimal text with 5 decimals.")]
PreciseUsd = Annotated[str, Meta(pattern=r"^-?\d+\.\d{12}$", description="USD, exact decimal text with 12 decimals.")]
PerRequestUsd = Annotated[str, Meta(pattern=r"^-?\d+\.\d{8}$", description="USD per request, rounded half-even.")]
Percent = Annotated[str, Meta(pattern=r"^-?\d+\.\d{2}$", description="Percent with 2 decimals, rounded half-even.")]
Instant = Annotated[str, Meta(description="ISO-8601 in UTC with a Z.", examples=["2026-03-08T07:30:00Z"])]
Count = Annotated[int, Meta(ge=0)]


class Shape(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Base of all answers: closed and unchanging."""


class TokenKinds(Shape, kw_only=True, frozen=True):
    """Tokens in five disjoint kinds, the providers' different conventions undone."""

    uncached_input: Count
    cache_read: Count
    cache_write_5m: Count
    cache_write_1h: Count
    output: Annotated[Count, Meta(description="Billable output, thinking included.")]


class Spend(Shape, kw_only=True, frozen=True):
    """Money of some requests. The four amounts are different monies and are never to be added to one another."""

    cost_usd: Annotated[Usd, Meta(description="Metered spend, as the laptops logged it.")]
    subscription_imputed_usd: Annotated[Usd, Meta(description="What subscription calls would have cost if metered.")]
    imported_usd: Annotated[Usd, Meta(description="Amounts imported from elsewhere.")]
    other_basis_usd: Annotated[Usd, Meta(description="Amounts of a billing basis this release does not know.")]
    requests: Count
    unpriced_requests: Annotated[Count, Meta(description="Requests whose logged cost is unknown; not zero.")]


class Totals(Spend, kw_only=True, frozen=True):
    """Sums over every visible request of the period and filters."""

    unrated_requests: Annotated[Count, Meta(description="Requests our own rate book has no price for.")]
    error_requests: Count
    cost_priced_usd: Annotated[PreciseUsd, Meta(description="Metered spend priced by our own rate book.")]
    input_tokens: Annotated[Count, Meta(description="As the providers count them, conventions differ.")]
    output_tokens: Count
    thinking_tokens: Count
    cached_tokens: Count
    cache_write_tokens: Count
    tokens: TokenKinds


class FiltersShown(Shape, kw_only=True, frozen=True):
    """The filter rail in normal form; an empty list means all."""

    range: str
    from_day: date | None = msgspec.field(name="from")
    to_day: date | None = msgspec.field(name="to")
    provider: list[str]
    model: list[str]
    project: list[str]
    device: list[str]
    cost_center: list[str]
    query_string: Annotated[str, Meta(description="Gives this filter again when put after a ?.")]


class PeriodShown(Shape, kw_only=True, frozen=True):
    """The period covered, in the workspace's zone and as instants [starts_at, ends_at)."""

    first_day: date
    last_day: date
    starts_at: Instant
    ends_at: Instant


class BuildStamp(Shape, kw_only=True, frozen=True):
    """Which build an answer was read from."""

    workspace: Annotated[str, Meta(description="Slug of the workspace.")]
    build_id: Annotated[str | None, Meta(description="The published build read; null before the first.")]
    data_as_of: Annotated[Instant | None, Meta(description="Arrival of the workspace's newest batch in the build.")]
    stale: Annotated[bool, Meta(description="True when requests have waited too long for a build.")]
    time_zone: Annotated[str, Meta(description="IANA zone whose days are meant.")]
    currency: Literal["USD"] = "USD"


class Answer(BuildStamp, kw_only=True, frozen=True):
    """What every dashboard answer says about itself."""

    period: PeriodShown
    filters: FiltersShown
    totals: Totals
    withheld_requests: Annotated[Count, Meta(description="Requests kept out: archived project or plan ceiling.")]
