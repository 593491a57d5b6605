"""Answers of `bills` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import Literal, TypedDict


class BillAnswer(TypedDict):
    """One bill with its lines, at most 5,000 of them, and every statement of the same days, newest first."""

    bill: BillShown
    lines: list[LineShown]
    revisions: list[BillShown]


class BillShown(TypedDict):
    """A bill: what a provider states for a span of its days, in UTC."""

    id: str
    connection_id: str
    provider: str
    source: str
    first_day: str
    last_day: str
    revision: int
    read_at: str
    read_by: str
    superseded_at: str | None
    is_complete: bool
    request_count: int | None
    lines: int
    usd_by_category: dict[str, str]
    sha256: str
    note: str


class BillsAnswer(TypedDict):
    """`GET /v1/{workspace}/bills`: newest days first."""

    bills: list[BillShown]
    next_cursor: str | None


class CloseShown(TypedDict):
    """A close, with what proving it found at this moment."""

    id: str
    month: str
    number: int
    closed_at: str
    closed_by: str
    build_id: str
    analysis_id: str
    data_as_of: str | None
    totals: list[TotalSaid]
    document: str
    digest: str
    public_key: str
    signature: str
    faults: list[str]
    signed_by_this_server: bool
    reopened_at: str | None
    reopened_by: str | None
    reopen_reason: str | None


class ClosesAnswer(TypedDict):
    """`GET /v1/{workspace}/closes`: newest months and closes first, those opened again included."""

    closes: list[CloseShown]


class ConnectionShown(TypedDict):
    """A connection, ended ones included. Its key is never shown."""

    id: str
    provider: str
    kind: str
    name: str
    start_day: str | None
    has_key: bool
    created_at: str
    created_by: str
    ended_at: str | None
    last_attempt_at: str | None
    last_success_at: str | None
    last_error: str | None
    bills: int
    first_day: str | None
    last_day: str | None


class ConnectionsAnswer(TypedDict):
    """`GET /v1/{workspace}/bills/connections`: in the order they were made."""

    connections: list[ConnectionShown]


class LineShown(TypedDict):
    """A line of a bill, as the provider stated it."""

    line_number: int
    category: Literal["adjustment", "credit", "discount", "prepaid", "tax", "usage"]
    model: str | None
    key_ref: str | None
    service_tier: str | None
    token_kind: str | None
    description: str
    amount_usd: str
    list_amount_usd: str | None
    currency: str
    quantity: int | None
    requests: int | None


class TotalSaid(TypedDict):
    """What was said of one provider, or of `all`."""

    provider: str
    requests: int
    unpriced_requests: int
    logged_usd: str
    priced_usd: str
    billed_usd: str | None
    variance_usd: str | None
    colour: str | None
    source: str | None
    is_complete: bool | None
    unit_suspect: str | None


class UploadsAnswer(TypedDict):
    """`GET /v1/{workspace}/bills/uploads`: newest first."""

    uploads: list[WaitingUpload]


class WaitingUpload(TypedDict):
    """A file that waits to be taken."""

    upload_id: str
    file_name: str
    sha256: str
    byte_count: int
    uploaded_by: str
    uploaded_at: str
    expires_at: str
