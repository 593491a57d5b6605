"""What a billing provider's events change.

Belongs here: taking an event once, in order, in one transaction with its effect. Does not belong here: reading its body
(`providers`), who sent it (`signatures`).

An event's id is written before its effect and in the same transaction: a replay finds it, an hour later or at the
same moment. Events may arrive out of order; one that happened before the newest taken one is recorded and
changes nothing. The provider's word on money counts, but never takes a seat from under a member: a plan or number of
seats with too little room is recorded as refused, and the one in force stays until members are removed and the provider
says so again.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.audit import SYSTEM, AuditEvent, Resource, record_event
from api.billing.prices import Billing
from api.billing.providers import BillingEvent, Effect
from api.billing.subscriptions import subscription_row, terms_of
from api.db.models import Plan, Subscription, WebhookEvent, Workspace
from api.db.session import lock_workspace
from api.members.seats import member_count
from api.plans import SELLS_SEATS, fits, seat_limit
from api.projects import set_plan
from pipelines.lake.clock import to_micros


class Outcome(StrEnum):
    """What became of an event."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    OUT_OF_ORDER = "out_of_order"
    REFUSED = "refused"
    UNKNOWN_WORKSPACE = "unknown_workspace"


def take_event(
    session: Session, provider: str, event_id: str, event: BillingEvent, *, billing: Billing, at: datetime
) -> Outcome:
    """Record an event and do what it says, once.

    Args:
        session: the open transaction; nothing of the event stays when it is undone.
        provider: who sent it.
        event_id: the provider's id of it.
        event: what it says.
        billing: how this installation bills.
        at: when it arrived.
    """
    workspace_id = _workspace_of(session, provider, event)
    seen = WebhookEvent(
        provider=provider,
        event_id=event_id,
        kind=event.kind,
        occurred_at_us=event.occurred_at_us,
        workspace_id=workspace_id,
        received_at_us=to_micros(at),
    )
    try:
        with session.begin_nested():
            session.add(seen)
    except IntegrityError:
        return Outcome.DUPLICATE
    if event.effect is Effect.NONE:
        return Outcome.IGNORED
    if workspace_id is None:
        return Outcome.UNKNOWN_WORKSPACE
    lock_workspace(session, workspace_id)
    terms = terms_of(session, workspace_id, billing.prices, at)
    row = subscription_row(session, workspace_id, terms, provider, at)
    if row.provider_event_at_us is not None and event.occurred_at_us < row.provider_event_at_us:
        return Outcome.OUT_OF_ORDER
    row.provider_event_at_us = event.occurred_at_us
    row.provider = provider
    row.customer_ref = event.customer_ref or row.customer_ref
    if event.effect is Effect.PAYMENT_METHOD:
        row.payment_method = event.payment_method
        session.flush()
        _record(session, workspace_id, AuditEvent.PAYMENT_METHOD_UPDATED, at, payment_method=event.payment_method)
        return Outcome.APPLIED
    return _subscribe(session, workspace_id, terms.plan, row, event, at)


def _subscribe(
    session: Session, workspace_id: str, before: Plan, row: Subscription, event: BillingEvent, at: datetime
) -> Outcome:
    plan = event.plan or before
    wanted = row.extra_seats if event.extra_seats is None else event.extra_seats
    extra_seats = wanted if plan in SELLS_SEATS else 0
    stated = row.contract_seats if event.contract_seats is None else event.contract_seats
    contract_seats = stated if plan is Plan.BUSINESS else None
    if event.period is not None:
        row.period_starts_at_us, row.period_ends_at_us = event.period.starts_at_us, event.period.ends_at_us
    _cancellation(session, row, event, at)
    members = member_count(session, workspace_id)
    if not fits(seat_limit(plan, extra_seats=extra_seats, contract_seats=contract_seats), members):
        session.flush()
        refused = {"plan": plan.value, "extra_seats": extra_seats, "members": members}
        _record(session, workspace_id, AuditEvent.BILLING_EVENT_REFUSED, at, kind=event.kind, **refused)
        return Outcome.REFUSED
    changed = (row.extra_seats, row.contract_seats) != (extra_seats, contract_seats)
    row.extra_seats, row.contract_seats = extra_seats, contract_seats
    session.flush()
    set_plan(session, workspace_id, plan, actor=SYSTEM, at=at)
    if changed:
        seats = {"extra_seats": extra_seats, "contract_seats": contract_seats}
        _record(session, workspace_id, AuditEvent.SEATS_CHANGED, at, **seats)
    _record(session, workspace_id, AuditEvent.SUBSCRIPTION_UPDATED, at, kind=event.kind, plan=plan.value)
    return Outcome.APPLIED


def _cancellation(session: Session, row: Subscription, event: BillingEvent, at: datetime) -> None:
    before = row.cancels_at_us
    if event.resumed or event.cancels_at_us is not None:
        row.cancels_at_us = event.cancels_at_us
    session.flush()
    if before is None and row.cancels_at_us is not None:
        _record(session, row.workspace_id, AuditEvent.SUBSCRIPTION_CANCELLED, at, ends_at_us=row.cancels_at_us)
    elif before is not None and row.cancels_at_us is None:
        _record(session, row.workspace_id, AuditEvent.SUBSCRIPTION_RESUMED, at)


def _workspace_of(session: Session, provider: str, event: BillingEvent) -> str | None:
    """Return the workspace an event is about: the customer we know, else the one the event names."""
    if event.customer_ref is not None:
        known = Subscription.provider == provider, Subscription.customer_ref == event.customer_ref
        found = session.scalars(select(Subscription.workspace_id).where(*known).limit(2)).all()
        if len(found) == 1:
            return found[0]
    named = select(Workspace.id).where(Workspace.id == event.workspace_id)
    return None if event.workspace_id is None else session.scalars(named).one_or_none()


def _record(session: Session, workspace_id: str, event: AuditEvent, at: datetime, **details: str | int | None) -> None:
    resource = Resource("workspace", workspace_id)
    record_event(session, workspace_id, actor=SYSTEM, event=event, resource=resource, details=details, at=at)
