"""What a workspace's subscription says now: seats, period, cancellation.

Belongs here: reading it, and the row for whoever changes it. Does not belong here: the changes (`changes`,
`provider_events`), seats in use (`api.members.seats`).

A workspace without a row is on its plan alone, in monthly periods since it was created. Rows are not rewritten when a
period ends: the running one follows from the stored one, and what was charged in a period that is over counts no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from api.billing.prices import MANUAL, Prices
from api.billing.pro_rata import Period, month_of, running
from api.db.models import Plan, Subscription, Workspace
from api.errors import conflict, workspace_not_found
from api.plans import seat_limit
from pipelines.lake.clock import from_micros, to_micros


@dataclass(frozen=True, slots=True)
class Terms:
    """What is in force.

    Attributes:
        plan: of the workspace.
        extra_seats: bought beyond those included.
        contract_seats: of a Business+ contract.
        period: the running one.
        cancels_at_us: when it ends for good, if cancelled.
        paid_monthly_millicents: highest monthly price charged for in the running period.
        next_invoice_millicents: what the running period's changes add to the next invoice.
        provider: who bills.
        customer_ref: who the workspace is there.
        payment_method: as the provider writes it, such as `visa 4242`.
    """

    plan: Plan
    extra_seats: int
    contract_seats: int | None
    period: Period
    cancels_at_us: int | None
    paid_monthly_millicents: int
    next_invoice_millicents: int
    provider: str
    customer_ref: str | None
    payment_method: str | None

    @property
    def seat_limit(self) -> int | None:
        """Members the workspace may have; None means any number."""
        return seat_limit(self.plan, extra_seats=self.extra_seats, contract_seats=self.contract_seats)


def terms_of(session: Session, workspace_id: str, prices: Prices, at: datetime) -> Terms:
    """Return what is in force at an instant.

    Raises:
        Refused: 404 no such workspace.
    """
    workspace = session.get(Workspace, workspace_id, populate_existing=True)
    if workspace is None:
        raise workspace_not_found()
    plan = Plan(workspace.plan)
    row = session.get(Subscription, workspace_id, populate_existing=True)
    if row is None:
        period = month_of(from_micros(workspace.created_at_us), at)
        return Terms(plan, 0, None, period, None, prices.of(plan, 0) or 0, 0, MANUAL, None, None)
    period = running(Period(row.period_starts_at_us, row.period_ends_at_us), at)
    charged_now = row.changed_at_us >= period.starts_at_us
    return Terms(
        plan=plan,
        extra_seats=row.extra_seats,
        contract_seats=row.contract_seats,
        period=period,
        cancels_at_us=row.cancels_at_us,
        paid_monthly_millicents=row.paid_monthly_millicents if charged_now else prices.of(plan, row.extra_seats) or 0,
        next_invoice_millicents=row.next_invoice_millicents if charged_now else 0,
        provider=row.provider,
        customer_ref=row.customer_ref,
        payment_method=row.payment_method,
    )


def subscription_row(session: Session, workspace_id: str, terms: Terms, provider: str, at: datetime) -> Subscription:
    """Return the workspace's row to change, made from its terms where there is none; the workspace is locked."""
    row = session.get(Subscription, workspace_id, populate_existing=True)
    if row is None:
        period = terms.period
        row = Subscription(
            workspace_id=workspace_id,
            provider=provider,
            extra_seats=0,
            period_starts_at_us=period.starts_at_us,
            period_ends_at_us=period.ends_at_us,
        )
        session.add(row)
    row.paid_monthly_millicents = terms.paid_monthly_millicents
    row.next_invoice_millicents = terms.next_invoice_millicents
    row.changed_at_us = to_micros(at)
    return row


def require_writable(session: Session, workspace_id: str, at: datetime) -> None:
    """Refuse a change of a workspace that is being deleted or whose subscription has ended.

    For changes that are not asked for by a caller of the workspace's own routes; those are refused by their permission.

    Raises:
        Refused: 404 no such workspace; 409 `workspace_read_only`.
    """
    workspace = session.get(Workspace, workspace_id, populate_existing=True)
    if workspace is None:
        raise workspace_not_found()
    row = session.get(Subscription, workspace_id, populate_existing=True)
    ended = row is not None and row.cancels_at_us is not None and to_micros(at) >= row.cancels_at_us
    if workspace.deletion_requested_at_us is not None or ended:
        raise conflict("workspace_read_only", "The workspace is read-only at present: nobody can join it.")
