"""Messages of the plan's routes; amounts are decimal text in the installation's currency.

Belongs here: their shapes and examples. Does not belong here: routes (`routes`).
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from api.billing.changes import Quote
from api.billing.prices import Billing, amount_written
from api.billing.subscriptions import Terms
from api.db.models import Plan
from api.plans import PLAN_LIMITS
from pipelines.lake.clock import from_micros, iso_utc

PlanName = Literal["solo", "team", "business", "enterprise"]


class PlanRow(msgspec.Struct, frozen=True):
    """One plan of the table; null means without limit, and by contract where it stands for a price."""

    plan: str
    seats: int | None
    projects: int | None
    monthly: str | None
    extra_seat: str | None


class PlanAnswer(msgspec.Struct, frozen=True):
    """`GET /v1/{workspace}/plan`.

    Attributes:
        seats_used: members.
        seat_limit: members there may be; null means any number.
        monthly: price per month now; null by contract.
        next_invoice: what this period's changes add to the next invoice.
        ends_at: when the workspace becomes read-only, if the subscription is cancelled.
        self_service: whether an Owner changes the plan here rather than in the billing portal.
        billing_portal: link to the provider's customer portal, for those who may change billing.
    """

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

    @classmethod
    def of(cls, terms: Terms, billing: Billing, *, seats_used: int, portal: str | None) -> PlanAnswer:
        """Return what is in force as the API writes it."""
        prices = billing.prices
        return cls(
            plan=terms.plan.value,
            seats_used=seats_used,
            seat_limit=terms.seat_limit,
            extra_seats=terms.extra_seats,
            contract_seats=terms.contract_seats,
            currency=prices.currency,
            monthly=_amount(prices.of(terms.plan, terms.extra_seats)),
            next_invoice=amount_written(terms.next_invoice_millicents),
            period_starts_at=_instant(terms.period.starts_at_us),
            period_ends_at=_instant(terms.period.ends_at_us),
            ends_at=None if terms.cancels_at_us is None else _instant(terms.cancels_at_us),
            provider=billing.provider,
            payment_method=terms.payment_method,
            self_service=billing.self_service,
            billing_portal=portal,
            plans=plan_table(billing),
        )


class PlanChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`PUT /v1/{workspace}/plan`.

    Attributes:
        extra_seats: beyond those included.
        quoted: the `due` of the quote that was looked at; another amount by now is a 409.
    """

    plan: PlanName
    quoted: str
    extra_seats: int = 0


class QuoteAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/{workspace}/plan/quote`."""

    plan: PlanName
    extra_seats: int = 0


class QuoteShown(msgspec.Struct, frozen=True):
    """What a change would mean.

    Attributes:
        due: what it adds to the next invoice, for the rest of the period.
        monthly: price per month afterwards; null by contract.
    """

    plan: str
    extra_seats: int
    seat_limit: int | None
    currency: str
    due: str
    monthly: str | None
    period_ends_at: str

    @classmethod
    def of(cls, quote: Quote, currency: str) -> QuoteShown:
        """Return a quote as the API writes it."""
        return cls(
            plan=quote.plan.value,
            extra_seats=quote.extra_seats,
            seat_limit=quote.seat_limit,
            currency=currency,
            due=amount_written(quote.due_millicents),
            monthly=_amount(quote.monthly_millicents),
            period_ends_at=_instant(quote.period_ends_at_us),
        )


def plan_table(billing: Billing) -> list[PlanRow]:
    """Return every plan with its limits and prices."""
    return [
        PlanRow(
            plan=plan.value,
            seats=PLAN_LIMITS[plan].seats,
            projects=PLAN_LIMITS[plan].projects,
            monthly=_amount(billing.prices.monthly.get(plan)),
            extra_seat=_amount(billing.prices.extra_seat.get(plan)),
        )
        for plan in Plan
    ]


def _amount(millicents: int | None) -> str | None:
    return None if millicents is None else amount_written(millicents)


def _instant(micros: int) -> str:
    return iso_utc(from_micros(micros))


PLAN: Final[dict[str, Any]] = {
    "plan": "team",
    "seats_used": 4,
    "seat_limit": 12,
    "extra_seats": 2,
    "contract_seats": None,
    "currency": "USD",
    "monthly": "117.00",
    "next_invoice": "9.00",
    "period_starts_at": "2026-07-01T12:00:00Z",
    "period_ends_at": "2026-08-01T12:00:00Z",
    "ends_at": None,
    "provider": "manual",
    "payment_method": None,
    "self_service": True,
    "billing_portal": None,
    "plans": [{"plan": "solo", "seats": 1, "projects": 10, "monthly": "19.00", "extra_seat": None}],
}
QUOTE: Final = {
    "plan": "team",
    "extra_seats": 2,
    "seat_limit": 12,
    "currency": "USD",
    "due": "9.29",
    "monthly": "117.00",
    "period_ends_at": "2026-08-01T12:00:00Z",
}
