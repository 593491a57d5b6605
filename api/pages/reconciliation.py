"""Pages of the log held against bills: months, one day, coverage.

Belongs here: `/{workspace}/reconciliation` with its days and coverage, on the answers of the JSON routes. Does not
belong here: one month (`reconciliation_month`), bills (`bills`), columns (`reconciliation_tables`), rows of charts
(`reconciliation_sources`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.closes.closing import list_closes
from api.dashboards.analysed import analysing
from api.dashboards.coverage import coverage
from api.dashboards.cursor import parse_weight_cursor
from api.dashboards.divergence import reconciliation_day
from api.dashboards.filters import FilterError
from api.dashboards.models.reconciliation import MonthCompared
from api.dashboards.periods import local_day
from api.dashboards.queries.reconciliation import DivergencePage
from api.dashboards.reconciliation import reconciliation
from api.dashboards.requests import LIMIT_DEFAULT
from api.db.session import reading
from api.pages import reconciliation_tables as tables
from api.pages.coverage_tables import COVERAGE, KEY_COVERAGE
from api.pages.dashboard import dashboard_page
from api.pages.rail import PageFilters, Rail, RailShown
from api.pages.reconciliation_shared import WORDS, Connected, ignored_words, says_something
from api.pages.reconciliation_sources import (
    day_of,
    days_filters,
    key_rows,
    of_a_year,
    provider_rows,
    requests_or_tokens,
    unit_rows,
)
from api.pages.reconciliation_words import month_words
from api.pages.tables import TableShown

router = APIRouter(include_in_schema=False)

Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_BILLS))]


@router.get("/{workspace}/reconciliation")
def months_page(request: Request, caller: Viewer, rail: PageFilters) -> Response:
    """Show month by month what was logged, what was billed, and the variance."""
    today = local_day(request.app.state.clock.now(), caller.time_zone)
    has_period = "range" in request.query_params or "from" in request.query_params
    wide = rail if has_period else of_a_year(rail, today)
    # Before the figures, which are read over connections of their own.
    with reading(request.app.state.engine) as session:
        closed = {one.month[:7] for one in list_closes(session, caller.workspace_id) if one.reopened_at_us is None}
        connected = Connected.of(session, caller.workspace_id)
    with analysing(wide.call(request, caller)) as analysed:
        answer = reconciliation(analysed)

        def ready(shown: RailShown) -> dict[str, TableShown]:
            months = tables.leading(
                tables.MONTHS,
                lambda one: shown.link(f"/{caller.slug}/reconciliation/{one.month}"),
                lambda one: ("closed", "") if one.month in closed else None,
            )
            by_provider = tables.leading(
                tables.PROVIDER_MONTHS, lambda row: shown.link(f"/{caller.slug}/reconciliation/{row[0].month}")
            )
            return {
                "months": months.shown(answer.months, shown),
                "providers": by_provider.shown(provider_rows(answer.months), shown),
            }

        return dashboard_page(
            request,
            "reconciliation/months.html",
            caller=caller,
            rail=wide,
            view=analysed.view,
            answer=answer,
            tables=ready,
            carried=rail.filters,
            connected=connected,
            newest=_newest_billed(answer.months),
            suspects=[one for one in answer.months if one.unit_suspect],
            summary=_summary(answer.months),
            ignored=ignored_words(answer.ignored_filters),
            **WORDS,
        )


@router.get("/{workspace}/reconciliation/coverage")
def coverage_page(request: Request, caller: Viewer, rail: PageFilters) -> Response:
    """Show how much of what was billed the machines saw."""
    with reading(request.app.state.engine) as session:
        connected = Connected.of(session, caller.workspace_id)
    with analysing(rail.call(request, caller)) as analysed:
        answer = coverage(analysed)
        return dashboard_page(
            request,
            "reconciliation/coverage.html",
            caller=caller,
            rail=rail,
            view=analysed.view,
            answer=answer,
            tables=lambda shown: {
                "units": COVERAGE.shown(unit_rows(answer), shown),
                "by_key": KEY_COVERAGE.shown(key_rows(answer), shown),
            },
            connected=connected,
            main_units=[(one.provider, requests_or_tokens(one.units)) for one in answer.providers],
            ignored=ignored_words(answer.ignored_filters),
            **WORDS,
        )


@router.get("/{workspace}/reconciliation/days/{day}")
def day_page(request: Request, caller: Viewer, day: str, rail: PageFilters) -> Response:
    """Show the requests behind a day's variance, those that contribute most first."""
    wanted, refusal = day_of(day), ""
    try:
        page = DivergencePage(LIMIT_DEFAULT, parse_weight_cursor(request.query_params.get("cursor")))
    except FilterError as error:
        page, refusal = DivergencePage(LIMIT_DEFAULT), str(error)
    own = Rail(days_filters(rail.filters, wanted, wanted), rail.refusal, rail.ignored, rail.sorts, rail.extra)
    with analysing(own.call(request, caller)) as analysed:
        answer = reconciliation_day(analysed, wanted, page)
        return dashboard_page(
            request,
            "reconciliation/day.html",
            caller=caller,
            rail=own,
            view=analysed.view,
            answer=answer,
            tables=lambda shown: {
                "requests": tables.DIVERGENT.shown(
                    answer.requests, shown, is_all=page.after is None and answer.next_cursor is None, day=day
                ),
                "providers": tables.PROVIDERS.shown(answer.day.providers, shown, day=day),
                **{
                    f"parts{number}": tables.PARTS_TABLE.shown(
                        [one for one in bill.parts if says_something(one)],
                        shown,
                        caption="What it is made of",
                        day=day,
                        bill=str(number),
                    )
                    for number, bill in enumerate(answer.billed)
                },
            },
            carried=rail.filters,
            month=day[:7],
            is_first=page.after is None,
            refusal=refusal,
            ignored=ignored_words(answer.ignored_filters),
            **WORDS,
        )


def _newest_billed(months: Sequence[MonthCompared]) -> MonthCompared | None:
    """Return the newest month that can be judged: with a bill, in the log's own unit."""
    return next((one for one in months if one.billed_usd is not None and not one.unit_suspect), None)


def _summary(months: Sequence[MonthCompared]) -> str:
    said = [
        f"{month_words(one.month)}: logged {one.logged_usd} USD, billed {one.billed_usd} USD"
        for one in months
        if one.billed_usd is not None and not one.unit_suspect
    ]
    return "; ".join(said) or "No month has a bill to compare with."
