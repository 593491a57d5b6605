"""What charts and CSV files of the log held against bills are made of, and the periods its pages have.

Belongs here: their rows. Does not belong here: columns (`reconciliation_tables`), routes (`reconciliation`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date
from typing import Any, Final

from api.dashboards.analysed import AnalysedView, analysing
from api.dashboards.coverage import coverage
from api.dashboards.cursor import parse_weight_cursor
from api.dashboards.divergence import reconciliation_day
from api.dashboards.filters import FIRST_DAY, LAST_DAY, Filters
from api.dashboards.models.reconciliation import (
    CoverageAnswer,
    DayCompared,
    MonthCompared,
    ProviderCoverage,
    ReconciledDayAnswer,
    ReconciledMonthAnswer,
    UnitCoverage,
)
from api.dashboards.periods import DAY, RangeName, next_month
from api.dashboards.queries.reconciliation import DivergencePage
from api.dashboards.reconciliation import reconciliation, reconciliation_month
from api.dashboards.requests import LIMIT_MAX
from api.errors import not_found
from api.pages import reconciliation_tables as tables
from api.pages.coverage_tables import COVERAGE, KEY_COVERAGE
from api.pages.dashboard import Asked, Drawn, chart_source, table_source
from api.pages.rail import Rail
from api.pages.reconciliation_words import UNITS, month_words
from api.pages.words import moment_words, usd_signed
from api.providers import provider_words
from pipelines.charts.reconciliation import BILLED, LOGGED

MONTHS_SHOWN: Final = 12
"""Months up to the present one that are shown while a URL names no period."""
_MONTHS_DRAWN: Final = 6
_PLACE: Final = re.compile(r"[0-9]{1,4}", re.ASCII)
_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def month_of(text: str) -> date:
    """Return the first day of a month in a path.

    Raises:
        Refused: 404 it is none.
    """
    first = _parsed(f"{text}-01") if _MONTH.fullmatch(text) else None
    if first is None:
        raise not_found("month_not_found", "No such month; name it as YYYY-MM.")
    return first


def day_of(text: str) -> date:
    """Return a day in a path.

    Raises:
        Refused: 404 it is none.
    """
    day = _parsed(text) if _DAY.fullmatch(text) else None
    if day is None:
        raise not_found("day_not_found", "No such day; name it as YYYY-MM-DD.")
    return day


def days_filters(filters: Filters, first: date, last: date) -> Filters:
    """Return the same filter over some days."""
    return replace(filters, range=RangeName.CUSTOM, first_day=first, last_day=last)


def month_filters(filters: Filters, first: date) -> Filters:
    """Return the same filter over a month."""
    return days_filters(filters, first, next_month(first) - DAY)


def of_a_year(rail: Rail, today: date) -> Rail:
    """Return a rail over the last twelve months, for a URL that names no period: bills come by the month."""
    if rail.refusal:
        return rail
    wide = days_filters(rail.filters, _months_before(today, MONTHS_SHOWN - 1), today)
    return replace(rail, filters=wide, period_name="Last 12 months")


def requests_or_tokens(units: Sequence[UnitCoverage]) -> UnitCoverage | None:
    """Return the unit that says most about coverage: requests where the bill tells them, else tokens."""
    by_unit = {one.unit: one for one in units}
    return by_unit.get("requests") or by_unit.get("tokens") or next(iter(units), None)


def key_rows(answer: CoverageAnswer) -> list[tuple[Any, Any, UnitCoverage]]:
    """Return coverage by key, a row for each unit."""
    return [(one, key, unit) for one in answer.providers for key in one.keys for unit in key.units]


def unit_rows(answer: CoverageAnswer) -> list[tuple[ProviderCoverage, UnitCoverage]]:
    """Return coverage by provider, a row for each unit."""
    return [(one, unit) for one in answer.providers for unit in one.units]


def provider_rows(months: Sequence[MonthCompared]) -> list[tuple[MonthCompared, Any]]:
    """Return months by provider."""
    return [(month, one) for month in months for one in month.providers]


def _parsed(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_DAY <= day <= LAST_DAY else None


def _analysing(asked: Asked) -> AbstractContextManager[AnalysedView]:
    return analysing(asked.rail.call(asked.request, asked.caller))


def _month(asked: Asked) -> ReconciledMonthAnswer:
    with _analysing(asked) as analysed:
        return reconciliation_month(analysed, month_of(asked.parameter("month")))


def _day(asked: Asked) -> ReconciledDayAnswer:
    with _analysing(asked) as analysed:
        return reconciliation_day(analysed, day_of(asked.parameter("day")), DivergencePage(1))


@chart_source("logged-and-billed")
def logged_and_billed(asked: Asked) -> Drawn:
    """Return months that have a bill in the log's own unit, oldest first."""
    with _analysing(asked) as analysed:
        found = {one.month: one for one in reconciliation(analysed).months if drawable(one)}
        span = analysed.view.period.current
    last = span.end_day - DAY
    # Half a year at least: a single month would fill the chart with two blocks.
    first = min(span.first_day, _months_before(last, _MONTHS_DRAWN - 1))
    names = [name for name in _months_between(first, last) if name in found or len(found) < _MONTHS_DRAWN]
    # Months before the first of them say nothing, but for those half a year needs.
    begin = next((place for place, name in enumerate(names) if name in found), 0)
    names = names[max(0, min(begin, len(names) - _MONTHS_DRAWN)) :]
    return Drawn([row for name in names for row in _pair(name, found.get(name))])


def drawable(one: MonthCompared | DayCompared) -> bool:
    """Tell whether a comparison may be drawn: a bill in another unit would flatten all the others."""
    return one.unit_suspect is None


def _pair(month: str, one: MonthCompared | None) -> Iterator[dict[str, Any]]:
    logged = None if one is None else float(one.logged_usd)
    billed = None if one is None or one.billed_usd is None else float(one.billed_usd)
    words = month_words(month)
    variance = None if one is None or one.variance_usd is None else usd_signed(one.variance_usd)
    for kind, amount in ((LOGGED, logged), (BILLED, billed)):
        first = kind == LOGGED
        yield {
            "at": month,
            "kind": kind,
            "usd": amount,
            "top": max(logged or 0.0, billed or 0.0) if first else None,
            "words": variance if first else None,
            "colour": (one.colour if one else None) or "none",
            "when": words,
        }


def _months_before(day: date, count: int) -> date:
    months = day.year * 12 + day.month - 1 - count
    return date(months // 12, months % 12 + 1, 1)


def _months_between(first: date, last: date) -> Iterator[str]:
    month = first.replace(day=1)
    while month <= last:
        yield month.isoformat()[: len("2026-05")]
        month = next_month(month)


@chart_source("logged-and-billed-by-day")
def logged_and_billed_by_day(asked: Asked) -> Drawn:
    """Return the days of a month whose bill is in the log's own unit."""
    return Drawn(
        [
            {
                "at": one.day,
                "logged_usd": float(one.logged_usd),
                "billed_usd": None if one.billed_usd is None else float(one.billed_usd),
                "variance_usd": None if one.variance_usd is None else float(one.variance_usd),
                "colour": one.colour or "none",
                "when": moment_words(one.day),
            }
            for one in _month(asked).days
            if drawable(one)
        ]
    )


@chart_source("coverage-by-day")
def coverage_by_day(asked: Asked) -> Drawn:
    """Return each provider's coverage by day: of requests where its bills tell them, else of tokens."""
    with _analysing(asked) as analysed:
        providers = coverage(analysed).providers
    rows: list[dict[str, Any]] = []
    for one in providers:
        for day in one.days:
            unit = requests_or_tokens(day.units)
            if unit is not None and unit.share_percent is not None:
                rows.append(
                    {
                        "at": day.day,
                        "series": provider_words(one.provider),
                        "percent": float(unit.share_percent),
                        "seen": unit.seen,
                        "billed": unit.billed,
                        "unit": UNITS.get(unit.unit, unit.unit),
                        "when": moment_words(day.day),
                    }
                )
    return Drawn(rows, [provider_words(one.provider) for one in providers])


@table_source(tables.MONTHS)
def months(asked: Asked) -> Sequence[Any]:
    """Return the months that the range touches."""
    with _analysing(asked) as analysed:
        return reconciliation(analysed).months


@table_source(tables.PROVIDER_MONTHS)
def provider_months(asked: Asked) -> Sequence[Any]:
    """Return those months by provider."""
    with _analysing(asked) as analysed:
        return provider_rows(reconciliation(analysed).months)


@table_source(COVERAGE)
def covered(asked: Asked) -> Sequence[Any]:
    """Return coverage by provider and unit."""
    with _analysing(asked) as analysed:
        return unit_rows(coverage(analysed))


@table_source(KEY_COVERAGE)
def covered_keys(asked: Asked) -> Sequence[Any]:
    """Return coverage by key and unit."""
    with _analysing(asked) as analysed:
        return key_rows(coverage(analysed))


@table_source(tables.DIVERGENT)
def divergent(asked: Asked) -> Iterator[Any]:
    """Yield all requests behind a day's variance, those that contribute most first."""
    day, cursor = day_of(asked.parameter("day")), None
    with _analysing(asked) as analysed:
        while True:
            page = DivergencePage(LIMIT_MAX, parse_weight_cursor(cursor))
            answer = reconciliation_day(analysed, day, page)
            yield from answer.requests
            cursor = answer.next_cursor
            if cursor is None:
                return


@table_source(tables.PARTS_TABLE)
def parts(asked: Asked) -> Sequence[Any]:
    """Return the parts of a month's variance, or of one bill of a day's."""
    if not asked.parameter("day"):
        return _month(asked).parts
    billed, place = _day(asked).billed, asked.parameter("bill")
    return billed[int(place)].parts if _PLACE.fullmatch(place) and int(place) < len(billed) else []


@table_source(tables.DAYS)
def days(asked: Asked) -> Sequence[Any]:
    """Return a month's days."""
    return _month(asked).days


@table_source(tables.PROVIDERS)
def providers(asked: Asked) -> Sequence[Any]:
    """Return a month, or a day, by provider."""
    return _day(asked).day.providers if asked.parameter("day") else _month(asked).month.providers


@table_source(tables.TIERS)
def tiers(asked: Asked) -> Sequence[Any]:
    """Return a month's spend by the way its project was found."""
    return _month(asked).month.tiers


@table_source(tables.RESTATED)
def restated(asked: Asked) -> Sequence[Any]:
    """Return what is said differently of a month since it was closed."""
    return _month(asked).restatements
