"""Pages of one month of the log held against bills, and closing it.

Belongs here: `/{workspace}/reconciliation/{month}`, closing and opening it again. Does not belong here: the list of
months, days and coverage (`reconciliation`), rules (`api.closes`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.audit.digests import Signer
from api.closes.closing import close_month, list_closes, prove_close, reopen_month, require_over
from api.closes.figures import read_figures
from api.dashboards.analysed import analysing
from api.dashboards.coverage import coverage
from api.dashboards.models.reconciliation import MonthCompared, VariancePart
from api.dashboards.periods import next_month
from api.dashboards.reconciliation import reconciliation_month
from api.db.dependencies import Work
from api.db.session import reading, transaction
from api.errors import Refused, invalid
from api.pages import reconciliation_tables as tables
from api.pages.dashboard import dashboard_page
from api.pages.forms import Form, PostedForm
from api.pages.rail import PageFilters, Rail, RailShown, page_rail
from api.pages.reconciliation_shared import WORDS, Connected, ignored_words, says_something
from api.pages.reconciliation_sources import month_filters, month_of, requests_or_tokens
from api.pages.reconciliation_words import UNATTRIBUTED
from api.pages.shell import see_other
from api.pages.tables import TableShown

router = APIRouter(include_in_schema=False)

Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_BILLS))]
Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_BILLS))]
DONE: Final = {
    "closed": "The month is closed: what was said about it is signed.",
    "reopened": "The month is open again; its close stays in the list.",
}


@router.get("/{workspace}/reconciliation/{month}")
def month_page(request: Request, caller: Viewer, month: str, rail: PageFilters, done: str = "") -> Response:
    """Show a month by day, what its variance is made of, and whether it is closed."""
    return _month(request, caller, month_of(month), rail, done=DONE.get(done, ""))


@router.post("/{workspace}/reconciliation/{month}/close")
def close(request: Request, caller: Editor, month: str, form: PostedForm) -> Response:
    """Sign the month's figures as they stand; a refusal is shown on the page again."""
    form.only("confirmed")
    first, state = month_of(month), request.app.state
    at = state.clock.now()
    with transaction(state.engine) as session:
        request.state.begin_change(session)
    try:
        _require_confirmed(form)
        require_over(first, at)
        # Read between two transactions: it takes a while, and nobody should wait for it.
        figures = read_figures(state.home, state.engine, caller.workspace_id, first)
        with transaction(state.engine) as session:
            request.state.begin_change(session)
            close_month(session, caller.workspace_id, figures, Signer.of(state.home), actor=caller.actor, at=at)
    except Refused as refused:
        return _month(request, caller, first, _plain(request), refused=refused)
    return see_other(f"/{caller.slug}/reconciliation/{month}?done=closed#close")


@router.post("/{workspace}/reconciliation/{month}/reopen")
def reopen(request: Request, caller: Editor, month: str, form: PostedForm, work: Work) -> Response:
    """Open a closed month again, with a reason; a refusal is shown on the page again."""
    form.only("reason")
    first, at = month_of(month), request.app.state.clock.now()
    try:
        reopen_month(work, caller.workspace_id, first, form.text("reason"), actor=caller.actor, at=at)
    except Refused as refused:
        work.rollback()
        return _month(request, caller, first, _plain(request), refused=refused, typed=form.text("reason"))
    return see_other(f"/{caller.slug}/reconciliation/{month}?done=reopened#close")


def _month(
    request: Request,
    caller: Caller,
    first: date,
    rail: Rail,
    *,
    done: str = "",
    refused: Refused | None = None,
    typed: str = "",
) -> Response:
    name, state = first.isoformat()[:7], request.app.state
    own = Rail(month_filters(rail.filters, first), rail.refusal, rail.ignored, rail.sorts, rail.extra)
    key = Signer.of(state.home).public_key
    with reading(state.engine) as session:
        closes = [
            prove_close(session, one, key)
            for one in list_closes(session, caller.workspace_id)
            if one.month == first.isoformat()
        ]
        connected = Connected.of(session, caller.workspace_id)
    with analysing(own.call(request, caller)) as analysed:
        answer = reconciliation_month(analysed, first)
        seen = coverage(analysed).providers

        def ready(shown: RailShown) -> dict[str, TableShown]:
            days = tables.leading(
                tables.DAYS, lambda one: shown.link(f"/{caller.slug}/reconciliation/days/{one.day.isoformat()}")
            )
            parts = tables.leading(tables.PARTS_TABLE, _part_link(caller.slug, first, shown))
            said = [one for one in answer.parts if says_something(one)] if answer.month.billed_usd is not None else []
            return {
                "days": days.shown(answer.days, shown, month=name),
                "parts": parts.shown(said, shown, month=name),
                "providers": tables.PROVIDERS.shown(answer.month.providers, shown, month=name),
                "tiers": tables.TIERS.shown(answer.month.tiers, shown, month=name),
                "restated": tables.RESTATED.shown(answer.restatements, shown, month=name),
            }

        return dashboard_page(
            request,
            "reconciliation/month.html",
            caller=caller,
            rail=own,
            view=analysed.view,
            answer=answer,
            tables=ready,
            carried=rail.filters,
            status=refused.status if refused else 200,
            done=done,
            refused=refused,
            typed=typed,
            month=answer.month,
            path=f"/{caller.slug}/reconciliation/{name}",
            close=next((one for one in closes if one.close.reopened_at_us is None), None),
            earlier=[one for one in closes if one.close.reopened_at_us is not None],
            is_over=_is_over(first, state.clock.now()),
            nothing=[one for one in answer.parts if not says_something(one)],
            coverages=[(one.provider, requests_or_tokens(one.units)) for one in seen],
            unattributed=_unattributed(answer.month),
            undrawn=[one for one in answer.days if one.unit_suspect],
            connected=connected,
            ignored=ignored_words(answer.ignored_filters),
            **WORDS,
        )


def _require_confirmed(form: Form) -> None:
    if not form.ticked("confirmed"):
        raise invalid("Tick the box to close the month.", code="not_confirmed")


def _plain(request: Request) -> Rail:
    return page_rail()(request)


def _is_over(first: date, now: datetime) -> bool:
    return now.astimezone(UTC).date() >= next_month(first)


def _part_link(slug: str, first: date, shown: RailShown) -> Callable[[VariancePart], str | None]:
    """Return where a part's own figures are."""
    days = month_filters(shown.rail.filters, first).query_string()
    leads = {
        "unpriced": f"/{slug}/requests?{days}&search=cost:unknown",
        "price_difference": f"/{slug}/rates",
        "discount": f"/{slug}/reconciliation/bills",
        "credits": f"/{slug}/reconciliation/bills",
        "adjustments": f"/{slug}/reconciliation/bills",
        "tier_or_context": "#reconciled-days",
        "timing": "#reconciled-days",
        "missing_calls": f"/{slug}/reconciliation/coverage?{days}",
        "rounding": "#reconciled-days",
        "unexplained": "#reconciled-days",
    }
    return lambda one: leads.get(one.part)


def _unattributed(month: MonthCompared) -> Sequence[str]:
    return [one.attribution_method for one in month.tiers if one.attribution_method in UNATTRIBUTED]
