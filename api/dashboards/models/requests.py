"""Shapes of request rows and pages.

Belongs here: recent requests. Does not belong here: one request's provenance (`trace`).
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from api.dashboards.models.answer import Answer, Count, Instant, PreciseUsd, Shape, Usd


class RequestShown(Shape, kw_only=True, frozen=True):
    """One request. Of the four amounts at most one is set; all null means that the logged cost is unknown."""

    request_id: str
    requested_at: Instant
    received_at: Instant
    project: str
    provider: str
    model: str
    device_id: str
    device_name: str | None
    status: str
    request_kind: str | None
    spend_kind: Annotated[str, Meta(description="metered, subscription_imputed, imported or a later basis.")]
    cost_usd: Usd | None
    subscription_imputed_usd: Usd | None
    imported_usd: Usd | None
    other_basis_usd: Usd | None
    cost_priced_usd: Annotated[PreciseUsd | None, Meta(description="By our own rate book; metered requests only.")]
    input_tokens: Count
    output_tokens: Count
    thinking_tokens: Count
    cached_tokens: Count
    cache_write_tokens: Count
    tokens_complete: bool
    latency_ms: float
    time_to_first_token_ms: int | None
    error_class: str | None
    http_status: int | None
    attribution_method: str | None
    prompt_hash: str | None
    idempotency_key: str | None
    provider_request_id: str | None
    path: Annotated[str, Meta(description="Its trace; put /v1 before it for JSON.")]


class RequestsAnswer(Answer, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/requests`: newest first. Search and cursor narrow the rows, not the totals."""

    requests: list[RequestShown]
    limit: Annotated[int, Meta(ge=1, le=500)]
    search: str | None
    next_cursor: Annotated[str | None, Meta(description="Gives the next page as `cursor`; null on the last.")]
    next_path: Annotated[str | None, Meta(description="The next page; put /v1 before it for JSON.")]
    csv_path: Annotated[str, Meta(description="All matching rows as CSV, under /v1.")]
