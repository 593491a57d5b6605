"""Changing what a workspace pays for: plan, extra seats, cancelling and taking that back.

Belongs here: the changes Owners and the operator make, and the quote shown before each. Does not belong here: what a
billing provider tells (`provider_events`), arithmetic (`pro_rata`), the withheld projects a better plan brings back
(`api.projects.set_plan`).

Changes take effect at once. What they cost for the rest of the period goes on the next invoice; nothing is given back
within a period, and what was paid for in it is not charged twice. A cancelled subscription stays usable to the end of
the period and is read-only after that, until an Owner takes the cancellation back or chooses a plan: a new period then
begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from api.access.permissions import Permission
from api.audit import AuditEvent, Resource, record_event
from api.billing.prices import MANUAL, Billing, Prices, billed_elsewhere
from api.billing.pro_rata import Period, charge, month_of
from api.billing.subscriptions import Terms, subscription_row, terms_of
from api.db.models import Plan, Subscription
from api.db.session import lock_workspace
from api.errors import Refused, conflict, invalid
from api.members.acting import Acting, acting_role, not_allowed
from api.members.seats import member_count
from api.plans import SEATS_MAX, SELF_SERVICE, SELLS_SEATS, fits, seat_limit
from api.projects import set_plan
from pipelines.lake.clock import to_micros


@dataclass(frozen=True, slots=True)
class Quote:
    """What a change would mean, before it is made.

    Attributes:
        plan: afterwards.
        extra_seats: afterwards.
        seat_limit: afterwards; None means any number.
        monthly_millicents: price per month afterwards; None by contract.
        due_millicents: what it adds to the next invoice.
        period_ends_at_us: end of the period that `due_millicents` pays for.
    """

    plan: Plan
    extra_seats: int
    seat_limit: int | None
    monthly_millicents: int | None
    due_millicents: int
    period_ends_at_us: int


def quote(terms: Terms, prices: Prices, plan: Plan, extra_seats: int, at: datetime) -> Quote:
    """Return what having a plan with so many extra seats would mean.

    Raises:
        Refused: 422 the plan sells no extra seats, or not so many.
    """
    if extra_seats < 0 or extra_seats > SEATS_MAX or (extra_seats and plan not in SELLS_SEATS):
        raise invalid(f"Extra seats are a number from 0 to {SEATS_MAX}, and only Team sells them.")
    monthly = prices.of(plan, extra_seats)
    begun = _restarted(terms, at)
    period, paid = (begun, 0) if begun else (terms.period, terms.paid_monthly_millicents)
    due = 0 if monthly is None else charge(paid, monthly, period, to_micros(at))
    limit = seat_limit(plan, extra_seats=extra_seats, contract_seats=terms.contract_seats)
    return Quote(plan, extra_seats, limit, monthly, due, period.ends_at_us)


def change_plan(
    session: Session,
    workspace_id: str,
    plan: Plan,
    *,
    by: Acting,
    billing: Billing,
    at: datetime,
    extra_seats: int = 0,
    contract_seats: int | None = None,
    quoted_millicents: int | None = None,
) -> int:
    """Change plan and seats, which takes effect at once and ends a cancellation.

    Args:
        session: the open transaction.
        workspace_id: whose.
        plan: from now on.
        by: an Owner (between Solo and Team, while billing is manual) or the operator.
        billing: how this installation bills.
        at: when.
        extra_seats: beyond those included.
        contract_seats: what a Business+ contract says; None means any number. The operator's alone.
        quoted_millicents: what the person was shown as due; None was shown nothing.

    Returns:
        How many withheld projects came back.

    Raises:
        Refused: 403 by contract only; 409 `billed_elsewhere`, `quote_changed`, `too_many_members`; 422 no such seats.
    """
    lock_workspace(session, workspace_id)
    terms = terms_of(session, workspace_id, billing.prices, at)
    require_may_change(session, workspace_id, by, billing, {terms.plan, plan})
    if contract_seats is not None and (plan is not Plan.BUSINESS or by.user_id is not None or contract_seats < 1):
        raise invalid("Contract seats are a number from 1, set by the operator for Business+.")
    wanted = quote(terms, billing.prices, plan, extra_seats, at)
    _require_quoted(wanted, quoted_millicents)
    limit = seat_limit(plan, extra_seats=extra_seats, contract_seats=contract_seats)
    require_members_fit(session, workspace_id, plan, limit)
    released = set_plan(session, workspace_id, plan, actor=by.actor, at=at)
    row = subscription_row(session, workspace_id, terms, MANUAL, at)
    seats_before, row.extra_seats = row.extra_seats, extra_seats
    contract_before, row.contract_seats = row.contract_seats, contract_seats
    if (seats_before, contract_before) != (extra_seats, contract_seats):
        _record(
            session,
            workspace_id,
            by,
            AuditEvent.SEATS_CHANGED,
            at,
            extra_seats=extra_seats,
            contract_seats=contract_seats,
            before=seats_before,
            due_millicents=wanted.due_millicents,
        )
    _charge(row, wanted, begun=_restarted(terms, at))
    _uncancel(session, row, by, at)
    session.flush()
    return released


def cancel(session: Session, workspace_id: str, *, by: Acting, billing: Billing, at: datetime) -> int:
    """End the subscription with the running period; until then everything works.

    Returns:
        When the workspace becomes read-only, in microseconds.

    Raises:
        Refused: 403; 409 `already_cancelled`, `billed_elsewhere`.
    """
    lock_workspace(session, workspace_id)
    terms = terms_of(session, workspace_id, billing.prices, at)
    require_may_change(session, workspace_id, by, billing, set())
    if terms.cancels_at_us is not None:
        raise conflict("already_cancelled", "The subscription is cancelled already.")
    row = subscription_row(session, workspace_id, terms, MANUAL, at)
    row.cancels_at_us = ends_at_us = terms.period.ends_at_us
    session.flush()
    _record(session, workspace_id, by, AuditEvent.SUBSCRIPTION_CANCELLED, at, ends_at_us=ends_at_us)
    return ends_at_us


def resume(session: Session, workspace_id: str, *, by: Acting, billing: Billing, at: datetime) -> None:
    """Take a cancellation back; once it has taken effect, a new period begins now and is charged in full.

    Raises:
        Refused: 403; 409 `not_cancelled`, `billed_elsewhere`.
    """
    lock_workspace(session, workspace_id)
    terms = terms_of(session, workspace_id, billing.prices, at)
    require_may_change(session, workspace_id, by, billing, set())
    if terms.cancels_at_us is None:
        raise conflict("not_cancelled", "The subscription is not cancelled.")
    again = quote(terms, billing.prices, terms.plan, terms.extra_seats, at)
    row = subscription_row(session, workspace_id, terms, MANUAL, at)
    _charge(row, again, begun=_restarted(terms, at))
    _uncancel(session, row, by, at)
    session.flush()


def require_members_fit(session: Session, workspace_id: str, plan: Plan, limit: int | None) -> None:
    """Refuse a limit below the members there are; the workspace is locked.

    Raises:
        Refused: 409 `too_many_members`, with what to do.
    """
    members = member_count(session, workspace_id)
    if not fits(limit, members) and limit is not None:
        extra = " or keep more seats" if plan in SELLS_SEATS else ""
        seats = f"{limit} seat{'' if limit == 1 else 's'}"
        over = members - limit
        raise conflict(
            "too_many_members", f"There are {members} members and would be {seats}: remove {over} first{extra}."
        )


def require_may_change(session: Session, workspace_id: str, by: Acting, billing: Billing, plans: set[Plan]) -> None:
    """Check that somebody may change the subscription from and to these plans.

    Raises:
        Refused: 403 not an Owner, or a plan that only the operator sets; 409 `billed_elsewhere`.
    """
    acting_role(session, workspace_id, by, Permission.CHANGE_BILLING)
    if by.user_id is None:
        return
    if not billing.self_service:
        raise billed_elsewhere()
    if not plans <= SELF_SERVICE:
        raise not_allowed("Business+ and Enterprise are contracts: ask whoever runs this server.")


def _require_quoted(wanted: Quote, quoted_millicents: int | None) -> None:
    if quoted_millicents is not None and quoted_millicents != wanted.due_millicents:
        raise quote_changed()


def quote_changed() -> Refused:
    """Return the 409 of somebody who confirms an amount that is no longer true."""
    return conflict("quote_changed", "The amount has changed since it was shown: look at it again and confirm.")


def _restarted(terms: Terms, at: datetime) -> Period | None:
    """Return the period that begins now because the subscription had ended; None while it runs."""
    ended = terms.cancels_at_us is not None and to_micros(at) >= terms.cancels_at_us
    return month_of(at, at) if ended else None


def _charge(row: Subscription, wanted: Quote, *, begun: Period | None) -> None:
    if begun is not None:
        row.period_starts_at_us, row.period_ends_at_us = begun.starts_at_us, begun.ends_at_us
        row.paid_monthly_millicents = row.next_invoice_millicents = 0
    row.paid_monthly_millicents = max(row.paid_monthly_millicents, wanted.monthly_millicents or 0)
    row.next_invoice_millicents += wanted.due_millicents


def _uncancel(session: Session, row: Subscription, by: Acting, at: datetime) -> None:
    if row.cancels_at_us is not None:
        row.cancels_at_us = None
        session.flush()
        _record(session, row.workspace_id, by, AuditEvent.SUBSCRIPTION_RESUMED, at)


def _record(
    session: Session, workspace_id: str, by: Acting, event: AuditEvent, at: datetime, **details: int | str | None
) -> None:
    resource = Resource("workspace", workspace_id)
    record_event(session, workspace_id, actor=by.actor, event=event, resource=resource, details=details, at=at)
