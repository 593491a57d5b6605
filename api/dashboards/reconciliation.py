"""What was logged against what the providers billed, by month and by day.

Belongs here: months and the days of a month, in total and per provider, with the parts of the variance. Does not
belong here: the requests behind a day (`divergence`), coverage, HTTP (`reconciliation_routes`).

The marts compare per provider; totals here are sums over the providers asked for, so that a filter narrows them too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date
from typing import Any, Final, Literal, TypedDict

from api.dashboards.analysed import AnalysedView, AnalysisFields, analysis_fields
from api.dashboards.models.answer import FiltersShown
from api.dashboards.models.reconciliation import (
    DayCompared,
    MonthCompared,
    ProviderCompared,
    ReconciledMonthAnswer,
    ReconciliationAnswer,
    Restatement,
    TierSpend,
    VariancePart,
)
from api.dashboards.money import (
    known_usd_from_picousd,
    percent,
    usd_from_millicents,
    usd_from_picousd,
    variance_percent,
)
from api.dashboards.periods import DAY, next_month
from api.dashboards.queries import reconciliation as queries
from api.dashboards.queries.reconciliation import Record
from api.dashboards.shown import filters_shown
from pipelines.lake.clock import iso_utc

FIVE_CENTS: Final = 5 * 10**10
_COUNTS: Final = ("requests", "unpriced_requests", "withheld_requests")
_AMOUNTS: Final = ("logged", "priced", "awaiting")
_KNOWN_AMOUNTS: Final = ("billed", "variance", "tax", "prepaid")

ColourName = Literal["green", "amber", "red"]


class ComparedFields(TypedDict):
    """Fields of `Compared`."""

    requests: int
    unpriced_requests: int
    withheld_requests: int
    logged_usd: str
    priced_usd: str
    awaiting_usd: str
    billed_usd: str | None
    variance_usd: str | None
    variance_percent: str | None
    colour: ColourName | None
    source: str | None
    is_complete: bool
    unit_suspect: Literal["x100", "x0.01"] | None
    tax_usd: str | None
    prepaid_usd: str | None


class ReconciliationFields(AnalysisFields):
    """Fields of `ReconciliationStamp`."""

    filters: FiltersShown
    ignored_filters: list[str]


def reconciliation(analysed: AnalysedView) -> ReconciliationAnswer:
    """Return the months that the range touches, newest first."""
    span = analysed.view.period.current
    first, last = span.first_day, span.end_day - DAY
    rows = _grouped(queries.months(analysed, first, last), "utc_month")
    tiers = _grouped(queries.tiers(analysed, first, last), "utc_month")
    return ReconciliationAnswer(
        **reconciliation_fields(analysed),
        months=[
            _month(analysed, month, rows.get(month, []), tiers.get(month, []))
            for month in sorted({*rows, *tiers}, reverse=True)
        ],
    )


def reconciliation_month(analysed: AnalysedView, month: date) -> ReconciledMonthAnswer:
    """Return one month by day, whatever the range says.

    Args:
        analysed: who asks, and of which analysis.
        month: its first day.
    """
    last = next_month(month) - DAY
    days = _grouped(queries.days(analysed, month, last), "utc_day")
    return ReconciledMonthAnswer(
        **reconciliation_fields(analysed),
        month=_month(
            analysed,
            month,
            queries.months(analysed, month, month),
            queries.tiers(analysed, month, month),
        ),
        parts=parts_shown(queries.month_parts(analysed, month)),
        restatements=[_restatement(row) for row in queries.restatements(analysed, month)],
        days=[day_compared(analysed, day, rows) for day, rows in sorted(days.items())],
    )


def reconciliation_fields(analysed: AnalysedView, *, narrowing: Sequence[str] = ()) -> ReconciliationFields:
    """Return what every answer of the log against bills says about itself.

    Args:
        analysed: who asks, and of which analysis.
        narrowing: names of filters that narrow the answer though bills do not know them.
    """
    given = analysed.filters
    set_ones = {"model": given.models, "project": given.projects, "device": given.devices}
    return ReconciliationFields(
        **analysis_fields(analysed),
        filters=filters_shown(given),
        ignored_filters=[name for name, values in set_ones.items() if values and name not in narrowing],
    )


def day_compared(analysed: AnalysedView, day: date, rows: Sequence[Record]) -> DayCompared:
    """Return one day in total and per provider."""
    ways = {row["billed_by"] for row in rows}
    billed_by: Literal["day", "period", "none"] = "day" if "day" in ways else "period" if "period" in ways else "none"
    return DayCompared(
        **compared_fields(rows),
        day=day,
        billed_by=billed_by,
        providers=_providers(rows),
        path=analysed.view.path("reconciliation", "days", day.isoformat(), filters=analysed.filters),
    )


def compared_fields(rows: Sequence[Record]) -> ComparedFields:
    """Return what some providers' rows of one period say together. Nothing billed makes no variance."""
    sums = {name: sum(row[name] for row in rows) for name in _COUNTS}
    amounts = {name: sum(int(row[f"{name}_picousd"]) for row in rows) for name in _AMOUNTS}
    known = {name: _known_sum(row[f"{name}_picousd"] for row in rows) for name in _KNOWN_AMOUNTS}
    variance, billed = known["variance"], known["billed"]
    sources = sorted({row["source"] for row in rows if row["source"] is not None})
    suspects = sorted(row["unit_suspect"] for row in rows if row["unit_suspect"] is not None)
    return ComparedFields(
        requests=sums["requests"],
        unpriced_requests=sums["unpriced_requests"],
        withheld_requests=sums["withheld_requests"],
        logged_usd=usd_from_picousd(amounts["logged"]),
        priced_usd=usd_from_picousd(amounts["priced"]),
        awaiting_usd=usd_from_picousd(amounts["awaiting"]),
        billed_usd=known_usd_from_picousd(billed),
        variance_usd=known_usd_from_picousd(variance),
        variance_percent=variance_percent(variance, billed),
        colour=None if variance is None or billed is None else variance_colour(variance, billed),
        source=sources[0] if len(sources) == 1 else "several" if sources else None,
        is_complete=bool(rows) and all(row["is_complete"] for row in rows),
        unit_suspect=suspects[-1] if suspects else None,
        tax_usd=known_usd_from_picousd(known["tax"]),
        prepaid_usd=known_usd_from_picousd(known["prepaid"]),
    )


def variance_colour(variance: int, billed: int) -> ColourName:
    """Return the colour of a variance, both in picodollars, compared exactly; the marts say the same of each provider.

    Below 0.5 % of the bill, or below five cents whatever the bill, it is green; to 2 % amber; above red.
    """
    size = abs(variance)
    if size < FIVE_CENTS or size * 1000 < 5 * billed:
        return "green"
    return "amber" if size * 1000 <= 20 * billed else "red"


def parts_shown(rows: Sequence[Record]) -> list[VariancePart]:
    """Return the parts of one or several bills, added up part by part."""
    by_part: defaultdict[tuple[int, str], list[Record]] = defaultdict(list)
    for row in rows:
        by_part[row["position"], row["part"]].append(row)
    return [
        VariancePart(
            part=part,
            amount_usd=usd_from_picousd(sum(int(row["amount_picousd"]) for row in some)),
            requests=_known_sum(row["requests"] for row in some),
            reasons=sorted({row["reason"] for row in some}),
        )
        for (_, part), some in sorted(by_part.items())
    ]


def _month(analysed: AnalysedView, month: date, rows: Sequence[Record], tiers: Sequence[Record]) -> MonthCompared:
    name = month.isoformat()[: len("2026-05")]
    return MonthCompared(
        **compared_fields(rows),
        month=name,
        statements_across=sum(row["statements_across"] for row in rows),
        providers=_providers(rows),
        tiers=_tiers(tiers),
        path=analysed.view.path("reconciliation", name, filters=analysed.filters),
    )


def _providers(rows: Sequence[Record]) -> list[ProviderCompared]:
    ordered = sorted(rows, key=lambda row: (-row["logged_picousd"], row["provider"]))
    return [ProviderCompared(**compared_fields([row]), provider=row["provider"]) for row in ordered]


def _tiers(rows: Sequence[Record]) -> list[TierSpend]:
    by_method = _grouped(rows, "attribution_method")
    spent = {method: sum(row["cost_logged_millicents"] for row in some) for method, some in by_method.items()}
    return [
        TierSpend(
            attribution_method=method,
            requests=sum(row["requests"] for row in by_method[method]),
            unpriced_requests=sum(row["unpriced_requests"] for row in by_method[method]),
            cost_usd=usd_from_millicents(cost),
            share_percent=percent(cost, sum(spent.values())),
        )
        for method, cost in sorted(spent.items(), key=lambda one: (-one[1], one[0]))
    ]


def _restatement(row: Record) -> Restatement:
    return Restatement(
        provider=row["provider"],
        measure=row["measure"],
        cause=row["cause"],
        said_usd=usd_from_picousd(row["said_picousd"]),
        change_usd=usd_from_picousd(row["change_picousd"]),
        now_usd=usd_from_picousd(row["now_picousd"]),
        requests=row["requests"],
        closed_at=iso_utc(row["closed_at"].replace(tzinfo=UTC)),
    )


def _grouped(rows: Iterable[Record], column: str) -> dict[Any, list[Record]]:
    groups: defaultdict[Any, list[Record]] = defaultdict(list)
    for row in rows:
        groups[row[column]].append(row)
    return dict(groups)


def _known_sum(values: Iterable[int | None]) -> int | None:
    known = [int(value) for value in values if value is not None]
    return sum(known) if known else None
