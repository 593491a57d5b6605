"""Answers of `shared` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import Literal, TypedDict


class DecisionShown(TypedDict):
    """One decision; what is null is left open."""

    decision_id: str
    kind: Literal["accept", "dismiss", "suppress"]
    check_id: str | None
    project: str | None
    provider: str | None
    model: str | None
    other_model: str | None
    finding_id: str | None
    quoted_saving_usd: str | None
    reason: str
    decided_by: str
    decided_at: str
    withdrawn_by: str | None
    withdrawn_at: str | None


FiltersShown = TypedDict(
    "FiltersShown",
    {
        "range": "str",
        "from": "str | None",
        "to": "str | None",
        "provider": "list[str]",
        "model": "list[str]",
        "project": "list[str]",
        "device": "list[str]",
        "cost_center": "list[str]",
        "query_string": "str",
    },
)


class PeriodShown(TypedDict):
    """The period covered, in the workspace's zone and as instants [starts_at, ends_at)."""

    first_day: str
    last_day: str
    starts_at: str
    ends_at: str


class TokenKinds(TypedDict):
    """Tokens in five disjoint kinds, the providers' different conventions undone."""

    uncached_input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int


class Totals(TypedDict):
    """Sums over every visible request of the period and filters."""

    cost_usd: str
    subscription_imputed_usd: str
    imported_usd: str
    other_basis_usd: str
    requests: int
    unpriced_requests: int
    unrated_requests: int
    error_requests: int
    cost_priced_usd: str
    input_tokens: int
    output_tokens: int
    thinking_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    tokens: TokenKinds
