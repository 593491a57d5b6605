"""Answers of `billing` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import TypedDict


class PlanAnswer(TypedDict):
    """`GET /v1/{workspace}/plan`."""

    plan: str
    seats_used: int
    seat_limit: int | None
    extra_seats: int
    contract_seats: int | None
    currency: str
    monthly: str | None
    next_invoice: str
    period_starts_at: str
    period_ends_at: str
    ends_at: str | None
    provider: str
    payment_method: str | None
    self_service: bool
    billing_portal: str | None
    plans: list[PlanRow]


class PlanRow(TypedDict):
    """One plan of the table; null means without limit, and by contract where it stands for a price."""

    plan: str
    seats: int | None
    projects: int | None
    monthly: str | None
    extra_seat: str | None
