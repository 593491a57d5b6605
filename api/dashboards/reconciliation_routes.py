"""Routes of the log held against providers' bills.

Belongs here: paths, their documentation, and reading the month or day in them. Does not belong here: what is shown
(`reconciliation`, `divergence`, `coverage`), bills themselves (`api.bills`).
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response

from api.dashboards.analysed import analysed_answer
from api.dashboards.coverage import coverage
from api.dashboards.divergence import reconciliation_day
from api.dashboards.filters import FIRST_DAY, LAST_DAY
from api.dashboards.models.reconciliation import (
    CoverageAnswer,
    ReconciledDayAnswer,
    ReconciledMonthAnswer,
    ReconciliationAnswer,
)
from api.dashboards.models.reconciliation_examples import COVERAGE, RECONCILED_DAY, RECONCILED_MONTH, RECONCILIATION
from api.dashboards.parameters import DivergenceCall, RailCall, WantedDivergence
from api.dashboards.reconciliation import reconciliation, reconciliation_month
from api.errors import not_found
from api.openapi import describe

router = APIRouter(prefix="/v1/{workspace}", tags=["dashboards"])

MonthInPath = Annotated[str, Path(description="Calendar month of the providers' UTC days.", examples=["2026-05"])]
DayInPath = Annotated[str, Path(description="One of the providers' UTC days.", examples=["2026-05-17"])]
_NOT_MODIFIED: Final[dict[str, Any]] = {"description": "Unchanged since the entity tag sent"}
_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


@router.get(
    "/reconciliation",
    **describe(
        "Reconciliation by month",
        answer=ReconciliationAnswer,
        example=RECONCILIATION,
        answer_description="The months",
        refusals=(404, 422),
        bearer="api_key",
        extra_answers={304: _NOT_MODIFIED},
    ),
)
def get_reconciliation(call: RailCall) -> Response:
    """What you logged, what the providers billed, and the variance, for each month the range touches.

    Months and days are the providers' own, in UTC. Only what is billed is compared; the rest is awaiting its bill.
    """
    return analysed_answer(call, "reconciliation", reconciliation)


@router.get(
    "/reconciliation/{month}",
    **describe(
        "Reconciliation of a month by day",
        answer=ReconciledMonthAnswer,
        example=RECONCILED_MONTH,
        answer_description="The month",
        refusals=(404, 422),
        bearer="api_key",
        extra_answers={304: _NOT_MODIFIED},
    ),
)
def get_reconciled_month(call: RailCall, month: MonthInPath) -> Response:
    """One month by day, with the parts its variance is made of. The path decides the month, whatever `range` says."""
    first = _month(month)
    return analysed_answer(call, ("reconciliation", first), lambda one: reconciliation_month(one, first))


@router.get(
    "/reconciliation/days/{day}",
    **describe(
        "The requests behind a day's variance",
        answer=ReconciledDayAnswer,
        example=RECONCILED_DAY,
        answer_description="The day",
        refusals=(404, 422),
        bearer="api_key",
        extra_answers={304: _NOT_MODIFIED},
    ),
)
def get_reconciled_day(call: DivergenceCall, day: DayInPath, page: WantedDivergence) -> Response:
    """The parts of a day's variance, and in pages the requests that contribute most to it.

    Each request leads to its trace and its entry in the audit log. The path decides the day, whatever `range` says;
    filters for model, project and device narrow the requests.
    """
    wanted = _day(day)
    return analysed_answer(
        call, ("reconciliation day", wanted, page), lambda one: reconciliation_day(one, wanted, page)
    )


@router.get(
    "/coverage",
    **describe(
        "Coverage of what was billed",
        answer=CoverageAnswer,
        example=COVERAGE,
        answer_description="The coverage",
        refusals=(404, 422),
        bearer="api_key",
        extra_answers={304: _NOT_MODIFIED},
    ),
)
def get_coverage(call: RailCall) -> Response:
    """Share of billed requests and tokens that we saw, per provider, API key and day.

    Laptops do not log keys: a key's share is known where its models were billed to no other key that day.
    """
    return analysed_answer(call, "coverage", coverage)


def _month(text: str) -> date:
    try:
        first = date.fromisoformat(f"{text}-01") if _MONTH.fullmatch(text) else None
    except ValueError:
        first = None
    if first is None or not FIRST_DAY <= first <= LAST_DAY:
        raise not_found("month_not_found", "No such month; name it as YYYY-MM.")
    return first


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or not FIRST_DAY <= day <= LAST_DAY:
        raise not_found("day_not_found", "No such day; name it as YYYY-MM-DD.")
    return day
