"""Answers of `rates` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class EntryShown(TypedDict):
    """Requests of one provider whose price changed for one cause, or did not."""

    provider: str
    cause: Literal[
        "late_requests",
        "list_rate_changed",
        "list_rate_gone",
        "negotiated_rate_changed",
        "new_rate_known",
        "no_longer_known",
        "opening",
        "unchanged",
    ]
    requests: int
    unpriced_requests: int
    said_usd: str
    now_usd: str
    change_usd: str


class Prices(TypedDict):
    """Prices of the five disjoint kinds of tokens."""

    uncached_input: str | None
    cache_read: str | None
    cache_write_5m: str | None
    cache_write_1h: str | None
    output: str | None


class RatesAnswer(TypedDict):
    """`GET /v1/{workspace}/rates`: by provider, model, tier and context, negotiated ones before everyone's."""

    workspace: str
    at: str
    history: bool
    rate_book_version: str | None
    changed_at: str | None
    rates: list[RatesRateShown]
    limit: int
    next_cursor: str | None


class RestatedPart(TypedDict):
    """Requests of one model whose price changed for one cause."""

    cause: Literal[
        "late_requests",
        "list_rate_changed",
        "list_rate_gone",
        "negotiated_rate_changed",
        "new_rate_known",
    ]
    provider: str
    model: str
    requests: int
    said_usd: str
    now_usd: str
    change_usd: str


class RestatementAnswer(TypedDict):
    """`GET /v1/{workspace}/rates/restatements`: a month in UTC, said then and now; the parts add up to the …."""

    workspace: str
    build_id: str | None
    data_as_of: str | None
    stale: bool
    time_zone: str
    currency: NotRequired[Literal["USD"]]
    month: str
    known_at: str
    rate_book_version: str | None
    said_usd: str
    said_requests: int
    said_unpriced_requests: int
    now_usd: str
    now_requests: int
    now_unpriced_requests: int
    change_usd: str
    as_built: bool
    parts: list[RestatedPart]
    not_known: list[str]


class RunShown(TypedDict):
    """A run of the ledger, with what proving it found at this moment; its entries add up to its totals."""

    id: str
    number: int
    month: str
    made_at: str
    made_by: str
    build_id: str
    rate_book_version: str | None
    said_at: str | None
    said_build_id: str | None
    said_rate_book_version: str | None
    said_usd: str
    now_usd: str
    change_usd: str
    entries: list[EntryShown]
    previous_digest: str
    digest: str
    faults: list[str]


class RunsAnswer(TypedDict):
    """`GET /v1/{workspace}/rates/restatements/runs`: newest first."""

    runs: list[RunShown]
    limit: int
    next_cursor: str | None


class RatesRateShown(TypedDict):
    """A price, in force over [valid_from, valid_to) as known from `known_from` on."""

    rate_id: str
    scope: Literal["list", "negotiated"]
    provider: str
    model_ref: str
    service_tier: str
    context_over_tokens: int
    valid_from: str
    valid_to: str | None
    known_from: str
    withdrawn_at: str | None
    source: str
    note: str
    usd_per_million_tokens: Prices
