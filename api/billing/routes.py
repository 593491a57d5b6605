"""HTTP of a workspace's plan.

Belongs here: `/v1/{workspace}/plan…`, thin over the services. Does not belong here: rules (`changes`), webhooks
(`webhook_routes`), pages (`api.pages.plan`).
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.answers import json_answer, message_body
from api.billing.changes import cancel, change_plan, quote, resume
from api.billing.messages import PLAN, QUOTE, PlanAnswer, PlanChange, QuoteAsked, QuoteShown
from api.billing.prices import Billing, amount_read
from api.billing.subscriptions import terms_of
from api.db.dependencies import Look, Work
from api.db.models import Plan
from api.members.acting import Acting
from api.members.seats import member_count
from api.openapi import describe

router = APIRouter(prefix="/v1/{workspace}/plan", tags=["billing"])

Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_SETTINGS))]
Payer = Annotated[Caller, Depends(caller_with(Permission.CHANGE_BILLING))]


@router.get("", **describe("Plan, seats and prices", answer=PlanAnswer, example=PLAN, refusals=(401, 403, 404)))
def get_plan(request: Request, caller: Viewer, look: Look) -> Response:
    """Show what the workspace pays for, how many seats are taken, and the plan table."""
    return json_answer(_plan(request, caller, look))


@router.post(
    "/quote",
    **describe(
        "What a change would cost",
        answer=QuoteShown,
        example=QUOTE,
        message=QuoteAsked,
        message_example={"plan": "team", "extra_seats": 2},
        refusals=(400, 401, 403, 404, 413, 422),
    ),
)
def post_quote(
    request: Request, caller: Payer, message: Annotated[QuoteAsked, Depends(message_body(QuoteAsked))], look: Look
) -> Response:
    """Work out what another plan or number of extra seats adds to the next invoice; nothing is changed."""
    billing, now = _billing(request), request.app.state.clock.now()
    terms = terms_of(look, caller.workspace_id, billing.prices, now)
    found = quote(terms, billing.prices, Plan(message.plan), message.extra_seats, now)
    return json_answer(QuoteShown.of(found, billing.prices.currency))


@router.put(
    "",
    **describe(
        "Change plan and seats",
        answer=PlanAnswer,
        example=PLAN,
        message=PlanChange,
        message_example={"plan": "team", "extra_seats": 2, "quoted": "9.29"},
        refusals=(400, 401, 403, 404, 409, 413, 422),
    ),
)
def put_plan(
    request: Request, caller: Payer, message: Annotated[PlanChange, Depends(message_body(PlanChange))], work: Work
) -> Response:
    """Change the plan, at once. Projects withheld by a lower ceiling come back; fewer seats than members, or an amount
    other than the one quoted, are refused.
    """  # noqa: D205 - one paragraph in the document
    change_plan(
        work,
        caller.workspace_id,
        Plan(message.plan),
        by=Acting.of(caller),
        billing=_billing(request),
        at=request.app.state.clock.now(),
        extra_seats=message.extra_seats,
        quoted_millicents=amount_read(message.quoted),
    )
    return json_answer(_plan(request, caller, work))


@router.post(
    "/cancel",
    **describe("Cancel the subscription", answer=PlanAnswer, example=PLAN, refusals=(401, 403, 404, 409)),
)
def post_cancel(request: Request, caller: Payer, work: Work) -> Response:
    """End the subscription with the running period; until then everything works, afterwards all is read-only."""
    now = request.app.state.clock.now()
    cancel(work, caller.workspace_id, by=Acting.of(caller), billing=_billing(request), at=now)
    return json_answer(_plan(request, caller, work))


@router.post(
    "/resume",
    **describe("Take the cancellation back", answer=PlanAnswer, example=PLAN, refusals=(401, 403, 404, 409)),
)
def post_resume(request: Request, caller: Payer, work: Work) -> Response:
    """Go on with the subscription; once it has ended, a new period begins now."""
    now = request.app.state.clock.now()
    resume(work, caller.workspace_id, by=Acting.of(caller), billing=_billing(request), at=now)
    return json_answer(_plan(request, caller, work))


def _plan(request: Request, caller: Caller, session: Session) -> PlanAnswer:
    billing = _billing(request)
    terms = terms_of(session, caller.workspace_id, billing.prices, request.app.state.clock.now())
    portal = None
    if Permission.CHANGE_BILLING in caller.permissions:
        portal = billing.portal_link(workspace_id=caller.workspace_id, customer_ref=terms.customer_ref)
    seats_used = member_count(session, caller.workspace_id)
    return PlanAnswer.of(terms, billing, seats_used=seats_used, portal=portal)


def _billing(request: Request) -> Billing:
    billing: Billing = request.app.state.billing
    return billing
