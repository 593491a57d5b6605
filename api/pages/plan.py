"""Pages of the plan: what is in force, the plan table, and each change with its price before it is confirmed.

Belongs here: `/{workspace}/settings/plan…`, on the services the JSON routes use. Does not belong here: rules
(`api.billing`).

A confirmation carries the amount that was shown; when that is not the amount any more, nothing happens and the new one
is shown.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.billing.changes import cancel, change_plan, quote, require_may_change, require_members_fit, resume
from api.billing.prices import Billing, amount_read, amount_written
from api.billing.subscriptions import terms_of
from api.db.dependencies import Look, Work
from api.db.models import Plan
from api.errors import Refused, invalid
from api.members.acting import Acting
from api.members.seats import member_count
from api.pages.forms import PostedForm
from api.pages.shell import page, see_other
from api.plans import PLAN_LIMITS, SELF_SERVICE, SELLS_SEATS

router = APIRouter(include_in_schema=False)

Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_SETTINGS))]
Payer = Annotated[Caller, Depends(caller_with(Permission.CHANGE_BILLING))]

DONE: Final = {
    "changed": "The plan was changed, from now on.",
    "cancelled": "The subscription is cancelled. Everything works until the period ends.",
    "resumed": "The subscription goes on.",
}
_SEATS_DIGITS_MAX: Final = 6


@router.get("/{workspace}/settings/plan")
def plan_page(request: Request, caller: Viewer, look: Look, done: str = "") -> Response:
    """Show plan, seats, next invoice and the plan table."""
    return _plan(request, caller, look, done=DONE.get(done, ""))


@router.get("/{workspace}/settings/plan/change")
def confirm_page(request: Request, caller: Payer, look: Look, plan: str = "", extra_seats: str = "0") -> Response:
    """Show what a change would cost."""
    try:
        return _confirm(request, caller, look, _named(plan), _seats(extra_seats))
    except Refused as refused:
        return _plan(request, caller, look, refused=refused)


@router.post("/{workspace}/settings/plan/change")
def change(request: Request, caller: Payer, form: PostedForm, work: Work) -> Response:
    """Make the change that was shown."""
    form.only("plan", "extra_seats", "quoted")
    wanted, extra_seats = _named(form.text("plan")), _seats(form.text("extra_seats") or "0")
    try:
        change_plan(
            work,
            caller.workspace_id,
            wanted,
            by=Acting.of(caller),
            billing=_billing(request),
            at=request.app.state.clock.now(),
            extra_seats=extra_seats,
            quoted_millicents=amount_read(form.text("quoted")),
        )
    except Refused as refused:
        work.rollback()
        if refused.code == "quote_changed":
            return _confirm(request, caller, work, wanted, extra_seats, refused)
        return _plan(request, caller, work, refused=refused)
    return see_other(f"/{caller.slug}/settings/plan?done=changed")


@router.get("/{workspace}/settings/plan/cancel")
def cancel_page(request: Request, caller: Payer, look: Look) -> Response:
    """Ask whether the subscription shall really end."""
    terms = terms_of(look, caller.workspace_id, _billing(request).prices, request.app.state.clock.now())
    return page(request, "plan/cancel.html", caller=caller, terms=terms)


@router.post("/{workspace}/settings/plan/cancel")
def cancel_subscription(request: Request, caller: Payer, form: PostedForm, work: Work) -> Response:
    """End the subscription with the period."""
    form.only()
    now = request.app.state.clock.now()
    try:
        cancel(work, caller.workspace_id, by=Acting.of(caller), billing=_billing(request), at=now)
    except Refused as refused:
        work.rollback()
        return _plan(request, caller, work, refused=refused)
    return see_other(f"/{caller.slug}/settings/plan?done=cancelled")


@router.post("/{workspace}/settings/plan/resume")
def resume_subscription(request: Request, caller: Payer, form: PostedForm, work: Work) -> Response:
    """Take the cancellation back."""
    form.only()
    now = request.app.state.clock.now()
    try:
        resume(work, caller.workspace_id, by=Acting.of(caller), billing=_billing(request), at=now)
    except Refused as refused:
        work.rollback()
        return _plan(request, caller, work, refused=refused)
    return see_other(f"/{caller.slug}/settings/plan?done=resumed")


def _plan(
    request: Request, caller: Caller, session: Session, *, done: str = "", refused: Refused | None = None
) -> Response:
    billing, now = _billing(request), request.app.state.clock.now()
    terms = terms_of(session, caller.workspace_id, billing.prices, now)
    pays = caller.may(Permission.CHANGE_BILLING)
    return page(
        request,
        "plan/page.html",
        caller=caller,
        status=refused.status if refused else 200,
        done=done,
        refused=refused,
        terms=terms,
        prices=billing.prices,
        monthly=billing.prices.of(terms.plan, terms.extra_seats),
        members=member_count(session, caller.workspace_id),
        plans=[(plan, PLAN_LIMITS[plan]) for plan in Plan],
        may_choose=pays and billing.self_service and terms.plan in SELF_SERVICE,
        may_end=pays and billing.self_service,
        choices=SELF_SERVICE,
        sells_seats=SELLS_SEATS,
        portal=billing.portal_link(workspace_id=caller.workspace_id, customer_ref=terms.customer_ref) if pays else None,
        billed_elsewhere=pays and not billing.self_service,
    )


def _confirm(
    request: Request,
    caller: Caller,
    session: Session,
    plan: Plan,
    extra_seats: int,
    refused: Refused | None = None,
) -> Response:
    billing, now = _billing(request), request.app.state.clock.now()
    terms = terms_of(session, caller.workspace_id, billing.prices, now)
    require_may_change(session, caller.workspace_id, Acting.of(caller), billing, {terms.plan, plan})
    wanted = quote(terms, billing.prices, plan, extra_seats, now)
    require_members_fit(session, caller.workspace_id, plan, wanted.seat_limit)
    return page(
        request,
        "plan/confirm.html",
        caller=caller,
        status=refused.status if refused else 200,
        refused=refused,
        terms=terms,
        wanted=wanted,
        prices=billing.prices,
        monthly=billing.prices.of(terms.plan, terms.extra_seats),
        quoted=amount_written(wanted.due_millicents),
        members=member_count(session, caller.workspace_id),
    )


def _named(plan: str) -> Plan:
    try:
        return Plan(plan)
    except ValueError:
        raise invalid("Choose a plan.") from None


def _seats(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > _SEATS_DIGITS_MAX:
        raise invalid("The number of extra seats must be a whole number such as 2.")
    return int(text)


def _billing(request: Request) -> Billing:
    billing: Billing = request.app.state.billing
    return billing
