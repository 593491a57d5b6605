"""Shapes of rates, of repriced usage, and of what learning of prices changed.

Belongs here: what these views show and take, and examples. Does not belong here: computing it (the modules beside).
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from api.dashboards.models.answer import (
    BuildStamp,
    Count,
    FiltersShown,
    Instant,
    Percent,
    PreciseUsd,
    Shape,
    TokenKinds,
    Usd,
)

PerMillion = Annotated[
    str | None, Meta(description="USD per million tokens, exact decimal text; null when the kind has no known price.")
]
Cause = Literal["late_requests", "new_rate_known", "negotiated_rate_changed", "list_rate_changed", "list_rate_gone"]
Price = Annotated[str, Meta(pattern=r"^\d{1,4}(\.\d{1,6})?$", description="USD per million tokens, at most 1800.")]


class Prices(Shape, kw_only=True, frozen=True):
    """Prices of the five disjoint kinds of tokens."""

    uncached_input: PerMillion
    cache_read: PerMillion
    cache_write_5m: PerMillion
    cache_write_1h: PerMillion
    output: PerMillion


class RateShown(Shape, kw_only=True, frozen=True):
    """A price, in force over [valid_from, valid_to) as known from `known_from` on."""

    rate_id: str
    scope: Annotated[Literal["list", "negotiated"], Meta(description="Everyone's, or this workspace's own.")]
    provider: str
    model_ref: Annotated[str, Meta(description="The priced model; daemons' names lead to it.")]
    service_tier: str
    context_over_tokens: Annotated[Count, Meta(description="Of calls with more input tokens than this; 0: of all.")]
    valid_from: Instant
    valid_to: Annotated[Instant | None, Meta(description="Null until further notice.")]
    known_from: Instant
    withdrawn_at: Annotated[Instant | None, Meta(description="Negotiated ones: superseded or withdrawn at.")]
    source: str
    note: str
    usd_per_million_tokens: Prices


class RatesAnswer(Shape, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/rates`: by provider, model, tier and context, negotiated ones before everyone's."""

    workspace: str
    at: Instant
    history: bool
    rate_book_version: str | None
    changed_at: Annotated[str | None, Meta(description="Since when the book of list prices is what it is.")]
    rates: list[RateShown]
    limit: Annotated[int, Meta(description="The most rates this page could have held.")]
    next_cursor: Annotated[
        str | None, Meta(description="Gives the next page as `cursor`, with this answer's `at`; null on the last.")
    ]


class GivenRates(Shape, kw_only=True, frozen=True):
    """Prices to try. A kind that is left out has no known price."""

    context_over_tokens: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    uncached_input: Price
    cache_read: Price | None = None
    cache_write_5m: Price | None = None
    cache_write_1h: Price | None = None
    output: Price


class WhatIf(Shape, kw_only=True, frozen=True):
    """What to reprice at: a model (of the rate book, or as daemons name it), or given prices."""

    provider: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    model: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    at: Annotated[str, Meta(max_length=40, description="Instant of the model's prices; now if left out.")] | None = None
    rates: Annotated[list[GivenRates], Meta(min_length=1, max_length=8)] | None = None
    missing: Annotated[
        Literal["unpriced", "uncached_input"],
        Meta(description="Cached tokens without a price of their own: unpriced, or priced as uncached input."),
    ] = "unpriced"


class Repriced(Shape, kw_only=True, frozen=True):
    """Some requests as they cost, and as they would have cost.

    The difference is of the requests that have both prices, `compared_requests`, and of no others.
    """

    provider: Annotated[str | None, Meta(description="Null in the total.")]
    model: str | None
    requests: Count
    tokens: TokenKinds
    cost_usd: Annotated[Usd, Meta(description="Metered, as the laptops logged it.")]
    unpriced_requests: Annotated[Count, Meta(description="Requests whose logged cost is unknown.")]
    cost_priced_usd: Annotated[PreciseUsd, Meta(description="By our own rate book.")]
    unrated_requests: Annotated[Count, Meta(description="Requests our own rate book has no price for.")]
    repriced_usd: Annotated[PreciseUsd, Meta(description="At the asked prices.")]
    unrepriced_requests: Annotated[Count, Meta(description="Requests the asked prices have no price for.")]
    compared_requests: Count
    compared_priced_usd: PreciseUsd
    compared_repriced_usd: PreciseUsd
    difference_usd: Annotated[PreciseUsd, Meta(description="Repriced less present price; negative is cheaper.")]
    difference_percent: Percent | None


class WhatIfAnswer(BuildStamp, kw_only=True, frozen=True):
    """`POST /v1/{workspace}/rates/what-if`: the filter's metered requests, tokens as they were counted."""

    filters: FiltersShown
    provider: str | None
    model_ref: str | None
    rates_at: Instant
    rate_book_version: str | None
    total: Repriced
    models: list[Repriced]


class RestatedPart(Shape, kw_only=True, frozen=True):
    """Requests of one model whose price changed for one cause."""

    cause: Cause
    provider: str
    model: str
    requests: Count
    said_usd: PreciseUsd
    now_usd: PreciseUsd
    change_usd: PreciseUsd


class RestatementAnswer(BuildStamp, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/rates/restatements`: a month in UTC, said then and now; the parts add up to the change."""

    month: str
    known_at: Instant
    rate_book_version: str | None
    said_usd: PreciseUsd
    said_requests: Count
    said_unpriced_requests: Count
    now_usd: PreciseUsd
    now_requests: Count
    now_unpriced_requests: Count
    change_usd: PreciseUsd
    as_built: Annotated[bool, Meta(description="Whether the build's own prices are those of `now`.")]
    parts: list[RestatedPart]
    not_known: Annotated[list[str], Meta(description="What could not be taken into account.")]


_STAMP: Final[dict[str, Any]] = {
    "workspace": "acme-co",
    "build_id": "20260701T115900Z-1f2e3d4c",
    "data_as_of": "2026-07-01T11:58:31.204113Z",
    "stale": False,
    "time_zone": "Europe/London",
    "currency": "USD",
}
RATES: Final[dict[str, Any]] = {
    "workspace": "acme-co",
    "at": "2026-07-01T12:00:00Z",
    "history": False,
    "rate_book_version": "6a1f0c3d5e7b9f81",
    "changed_at": "2026-06-30T09:12:00+00:00",
    "rates": [
        {
            "rate_id": "anthropic/claude-sonnet-4-5@standard>0#1f2e3d4c5b6a7988",
            "scope": "list",
            "provider": "anthropic",
            "model_ref": "claude-sonnet-4-5",
            "service_tier": "standard",
            "context_over_tokens": 0,
            "valid_from": "1970-01-01T00:00:00Z",
            "valid_to": None,
            "known_from": "2026-05-01T08:00:00Z",
            "withdrawn_at": None,
            "source": "genai-prices",
            "note": "",
            "usd_per_million_tokens": {
                "uncached_input": "3",
                "cache_read": "0.3",
                "cache_write_5m": "3.75",
                "cache_write_1h": None,
                "output": "15",
            },
        }
    ],
    "limit": 100,
    "next_cursor": None,
}
WHAT_IF: Final[dict[str, Any]] = {"provider": "anthropic", "model": "claude-haiku-4-5"}
_REPRICED: Final[dict[str, Any]] = {
    "provider": None,
    "model": None,
    "requests": 4_287,
    "tokens": {
        "uncached_input": 81_200_000,
        "cache_read": 12_000_000,
        "cache_write_5m": 0,
        "cache_write_1h": 0,
        "output": 3_100_000,
    },
    "cost_usd": "293.70000",
    "unpriced_requests": 0,
    "cost_priced_usd": "293.700000000000",
    "unrated_requests": 0,
    "repriced_usd": "97.900000000000",
    "unrepriced_requests": 0,
    "compared_requests": 4_287,
    "compared_priced_usd": "293.700000000000",
    "compared_repriced_usd": "97.900000000000",
    "difference_usd": "-195.800000000000",
    "difference_percent": "-66.67",
}
REPRICED: Final[dict[str, Any]] = {
    **_STAMP,
    "filters": {
        "range": "last_30d",
        "from": None,
        "to": None,
        "provider": ["anthropic"],
        "model": [],
        "project": [],
        "device": [],
        "cost_center": [],
        "query_string": "provider=anthropic",
    },
    "provider": "anthropic",
    "model_ref": "claude-haiku-4-5",
    "rates_at": "2026-07-01T12:00:00Z",
    "rate_book_version": "6a1f0c3d5e7b9f81",
    "total": _REPRICED,
    "models": [{**_REPRICED, "provider": "anthropic", "model": "claude-sonnet-4-5"}],
}
RESTATED: Final[dict[str, Any]] = {
    **_STAMP,
    "month": "2026-05",
    "known_at": "2026-06-01T09:00:00Z",
    "rate_book_version": "6a1f0c3d5e7b9f81",
    "said_usd": "1400.112934120000",
    "said_requests": 41_872,
    "said_unpriced_requests": 40,
    "now_usd": "1403.512934120000",
    "now_requests": 41_900,
    "now_unpriced_requests": 0,
    "change_usd": "3.400000000000",
    "as_built": True,
    "parts": [
        {
            "cause": "late_requests",
            "provider": "openai",
            "model": "gpt-5",
            "requests": 28,
            "said_usd": "0.000000000000",
            "now_usd": "3.400000000000",
            "change_usd": "3.400000000000",
        }
    ],
    "not_known": [],
}
