"""`halton-cloud workspace plan`: what a workspace pays for.

Belongs here: the command. Does not belong here: the rules (`api.billing`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click
from sqlalchemy.orm import Session

from api.audit import OPERATOR
from api.billing.changes import cancel, change_plan, resume
from api.billing.prices import Billing, amount_written, load_billing
from api.billing.subscriptions import terms_of
from api.cli.console import home_option, print_answer, workspace_option
from api.cli.database import changing
from api.db.models import Plan
from api.members.acting import Acting
from api.members.seats import member_count
from api.workspaces import find_workspace
from pipelines.lake.clock import from_micros, iso_utc
from pipelines.lake.paths import Home

_PLANS = click.Choice([plan.value for plan in Plan])
_BY = Acting(OPERATOR)


@click.command("plan")
@click.option("--plan", type=_PLANS, default=None, help="The plan from now on.")
@click.option("--extra-seats", type=click.IntRange(0), default=None, metavar="N", help="Seats beyond Team's ten.")
@click.option("--contract-seats", type=click.IntRange(1), default=None, metavar="N", help="What Business+ allows.")
@click.option("--cancel", "cancelling", is_flag=True, help="End the subscription with the running period.")
@click.option("--resume", "resuming", is_flag=True, help="Take a cancellation back.")
@workspace_option
@home_option
def plan_command(
    *,
    home_folder: str | None,
    workspace_slug: str,
    plan: str | None,
    extra_seats: int | None,
    contract_seats: int | None,
    cancelling: bool,
    resuming: bool,
) -> None:
    r"""Show or change the plan; projects withheld by a lower ceiling come back.

    A plan, or a number of seats, with too little room for the members is refused. Without an option nothing is changed.

    Prints {"workspace_id", "plan", "projects_released", "seats_used", "seat_limit", "next_invoice", ...}.

    \b
    Examples:
      halton-cloud workspace plan --workspace acme-co
      halton-cloud workspace plan --workspace acme-co --plan team --extra-seats 2
      halton-cloud workspace plan --workspace acme-co --plan business --contract-seats 25
      halton-cloud workspace plan --workspace acme-co --cancel
    """
    changes = plan is not None or extra_seats is not None or contract_seats is not None
    if changes + cancelling + resuming > 1:
        raise click.UsageError("Change the plan, cancel it, or resume it: one at a time.")
    billing = load_billing(Home.locate(home_folder))
    released = 0
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        terms = terms_of(session, workspace_id, billing.prices, now)
        if cancelling:
            cancel(session, workspace_id, by=_BY, billing=billing, at=now)
        elif resuming:
            resume(session, workspace_id, by=_BY, billing=billing, at=now)
        elif changes:
            wanted = terms.plan if plan is None else Plan(plan)
            kept = terms.extra_seats if wanted is terms.plan else 0
            agreed = terms.contract_seats if wanted is terms.plan else None
            released = change_plan(
                session,
                workspace_id,
                wanted,
                by=_BY,
                billing=billing,
                at=now,
                extra_seats=kept if extra_seats is None else extra_seats,
                contract_seats=agreed if contract_seats is None else contract_seats,
            )
        answer = _shown(session, workspace_id, billing, now)
    print_answer({**answer, "projects_released": released})


def _shown(session: Session, workspace_id: str, billing: Billing, now: datetime) -> dict[str, Any]:
    terms = terms_of(session, workspace_id, billing.prices, now)
    ends = terms.cancels_at_us
    return {
        "workspace_id": workspace_id,
        "plan": terms.plan.value,
        "seats_used": member_count(session, workspace_id),
        "seat_limit": terms.seat_limit,
        "extra_seats": terms.extra_seats,
        "contract_seats": terms.contract_seats,
        "currency": billing.prices.currency,
        "next_invoice": amount_written(terms.next_invoice_millicents),
        "period_ends_at": iso_utc(from_micros(terms.period.ends_at_us)),
        "ends_at": None if ends is None else iso_utc(from_micros(ends)),
    }
