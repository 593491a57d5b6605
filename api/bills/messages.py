"""Messages about bills, statements and connections.

Belongs here: what goes over the wire. Does not belong here: examples (`examples`), messages about invoice files
(`upload_messages`), rules.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta
from sqlalchemy import Row

from api.bills.connections import Connected
from api.bills.keys import Trial
from api.bills.listing import Bill
from api.dashboards.money import known_usd_from_picousd, usd_from_picousd
from pipelines.lake.clock import from_micros, iso_utc

Amount = Annotated[str, Meta(max_length=80, description="Plain decimal text, such as 1234.5 or -0.02.")]
Picousd = Annotated[str, Meta(pattern=r"^-?\d+\.\d{12}$", description="USD, exact decimal text with 12 decimals.")]
Category = Literal["usage", "credit", "discount", "tax", "prepaid", "adjustment"]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
Instant = Annotated[str, Meta(description="ISO-8601 in UTC with a Z.")]


class _Message(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Base of all messages: closed."""


class NewLine(_Message, kw_only=True, frozen=True):
    """A line of a statement. Credits and discounts lower the bill, with or without a minus."""

    amount: Amount
    category: Category = "usage"
    description: Annotated[str, Meta(max_length=500)] = ""
    model: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    currency: Currency = "USD"


class NewStatement(_Message, kw_only=True, frozen=True):
    """A statement: of a month, or of the days from `first_day` to `last_day`, both included."""

    provider: str
    month: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}$", description="2026-06; instead of the two days.")] | None = None
    first_day: date | None = None
    last_day: date | None = None
    lines: Annotated[list[NewLine], Meta(min_length=1, max_length=500)]
    note: Annotated[str, Meta(max_length=500)] = ""
    exchange: Annotated[dict[str, str], Meta(description="USD per unit of each other currency.")] = {}


class Withdrawal(_Message, kw_only=True, frozen=True):
    """Why a statement is withdrawn."""

    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class BillShown(_Message, kw_only=True, frozen=True):
    """A bill: what a provider states for a span of its days, in UTC."""

    id: str
    connection_id: str
    provider: str
    source: Annotated[str, Meta(description="How it arrived; `manual` for statements.")]
    first_day: date
    last_day: date
    revision: int
    read_at: Instant
    read_by: str
    superseded_at: Instant | None
    is_complete: bool
    request_count: int | None
    lines: int
    usd_by_category: dict[Category, Picousd]
    sha256: str
    note: str

    @classmethod
    def of(cls, bill: Bill) -> Self:
        """Return a bill as it is shown."""
        row = bill.row
        return cls(
            id=row.id,
            connection_id=row.connection_id,
            provider=row.provider,
            source=row.kind,
            first_day=date.fromisoformat(row.first_day),
            last_day=date.fromisoformat(row.last_day),
            revision=row.revision,
            read_at=iso_utc(from_micros(row.read_at_us)),
            read_by=row.read_by,
            superseded_at=_instant(row.superseded_at_us),
            is_complete=row.is_complete,
            request_count=row.request_count,
            lines=bill.lines,
            usd_by_category=usd_by_category(bill.sums),
            sha256=row.sha256,
            note=row.note,
        )


class BillsAnswer(_Message, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/bills`: newest days first."""

    bills: list[BillShown]
    next_cursor: str | None


class LineShown(_Message, kw_only=True, frozen=True):
    """A line of a bill, as the provider stated it."""

    line_number: int
    category: Category
    model: str | None
    key_ref: str | None
    service_tier: str | None
    token_kind: str | None
    description: str
    amount_usd: str
    list_amount_usd: Picousd | None
    currency: str
    quantity: int | None
    requests: int | None

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """Return a line as it is shown."""
        same = ("line_number", "category", "model", "key_ref", "service_tier", "token_kind", "description", "currency")
        return cls(
            **{name: getattr(row, name) for name in (*same, "quantity", "requests")},
            amount_usd=row.amount_text,
            list_amount_usd=known_usd_from_picousd(row.list_amount_picousd),
        )


class BillAnswer(_Message, kw_only=True, frozen=True):
    """One bill with its lines, at most 5,000 of them, and every statement of the same days, newest first."""

    bill: BillShown
    lines: list[LineShown]
    revisions: list[BillShown]

    @classmethod
    def of(cls, found: tuple[Bill, Sequence[Row[Any]], Sequence[Bill]]) -> Self:
        """Return what `find_bill` found."""
        bill, lines, revisions = found
        shown = [BillShown.of(one) for one in revisions]
        return cls(bill=BillShown.of(bill), lines=[LineShown.of(line) for line in lines], revisions=shown)


class StatementKept(_Message, kw_only=True, frozen=True):
    """What a statement, or a file, did to the bills."""

    connection_id: str
    new: int
    restated: Annotated[int, Meta(description="Bills of days that were stated before, and differently.")]
    unchanged: Annotated[int, Meta(description="Bills that said this already.")]


class NewConnectionMessage(_Message, kw_only=True, frozen=True):
    """A connection to make. Folders on the server, and other addresses, are the operator's (`halton-cloud bills`)."""

    kind: Literal["anthropic_analytics", "anthropic_cost_report", "openai_costs", "xai_usage"]
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    start_day: date
    key: Annotated[str, Meta(min_length=8, max_length=1000, description="For administration; never shown again.")]
    lookback_days: Annotated[int, Meta(ge=1, le=62)] = 7
    team: Annotated[str, Meta(min_length=1, max_length=100, description="xAI only.")] | None = None


class NewKey(_Message, kw_only=True, frozen=True):
    """Another key of a connection."""

    key: Annotated[str, Meta(min_length=8, max_length=1000)]


class ConnectionShown(_Message, kw_only=True, frozen=True):
    """A connection, ended ones included. Its key is never shown."""

    id: str
    provider: str
    kind: str
    name: str
    start_day: date | None
    has_key: bool
    created_at: Instant
    created_by: str
    ended_at: Instant | None
    last_attempt_at: Instant | None
    last_success_at: Instant | None
    last_error: str | None
    bills: int
    first_day: date | None
    last_day: date | None

    @classmethod
    def of(cls, one: Connected) -> Self:
        """Return a connection as it is shown."""
        row, start = one.row, json.loads(one.row.settings).get("start_day")
        return cls(
            id=row.id,
            provider=row.provider,
            kind=row.kind,
            name=row.name,
            start_day=date.fromisoformat(start) if start and row.kind != "manual" else None,
            has_key=row.sealed_credential is not None,
            created_at=iso_utc(from_micros(row.created_at_us)),
            created_by=row.created_by,
            ended_at=_instant(row.disabled_at_us),
            last_attempt_at=_instant(row.last_attempt_at_us),
            last_success_at=_instant(row.last_success_at_us),
            last_error=row.last_error,
            bills=one.periods,
            first_day=date.fromisoformat(one.first_day) if one.first_day else None,
            last_day=date.fromisoformat(one.last_day) if one.last_day else None,
        )


class ConnectionsAnswer(_Message, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/bills/connections`: in the order they were made."""

    connections: list[ConnectionShown]


class TrialAnswer(_Message, kw_only=True, frozen=True):
    """What one read of yesterday gave; nothing was written."""

    day: date
    works: bool
    lines: int | None
    billed_usd: Annotated[str | None, Meta(description="Without prepaid purchases, exact.")]
    error: str | None

    @classmethod
    def of(cls, trial: Trial) -> Self:
        """Return a trial as it is shown."""
        return cls(
            day=trial.day,
            works=trial.error is None,
            lines=trial.lines,
            billed_usd=trial.billed_usd,
            error=trial.error,
        )


def usd_by_category(sums: Mapping[str, int]) -> dict[Category, str]:
    """Return sums of picodollars by category as they are shown."""
    return {name: usd_from_picousd(sums[name]) for name in sorted(sums)}  # pyright: ignore[reportReturnType] - its keys


def _instant(micros: int | None) -> str | None:
    return None if micros is None else iso_utc(from_micros(micros))
