"""The page for whoever pays: a few numbers, and how far they can be trusted.

Belongs here: months, the year, the change, the dearest projects, and the variance of the reconciliation. Does not
belong here: daily series (`overview`), reconciling (`dbt_project`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from api.dashboards.control import projects
from api.dashboards.measures import NO_MONEY, Money, total
from api.dashboards.models.executive import Change, ExecutiveAnswer, ReconciledMonth, SpendOfDays, TopShare
from api.dashboards.money import (
    known_usd_from_picousd,
    percent,
    usd_from_millicents,
    usd_from_picousd,
    variance_percent,
)
from api.dashboards.periods import DAY, month_start, next_month, previous_month
from api.dashboards.queries.asking import By, Key
from api.dashboards.queries.spend import money_by_month
from api.dashboards.shown import answer_fields, ranked, spend_fields
from api.dashboards.view import View
from api.dashboards.with_analysis import AnalysisRows

TOP: Final = 3
_RECONCILED: Final = """
    select utc_month, logged_picousd, awaiting_picousd, billed_picousd, variance_picousd, colour,
        unit_suspect
    from mart_reconciliation_monthly
    where workspace_id = $workspace_id and provider = 'all' and utc_month between $first and $last
    order by utc_month desc
"""


def executive(view: View, analysed: AnalysisRows) -> ExecutiveAnswer:
    """Return the executive view. Months are the workspace's own; those of the reconciliation are the providers'."""
    today = view.period.today
    month, last, year = month_start(today), previous_month(today), today.replace(month=1, day=1)
    by_month = money_by_month(view.marts, view.asking, min(year, last), month)
    by_project = view.money(By.PROJECT)
    return ExecutiveAnswer(
        **answer_fields(view),
        **analysed.fields(view.workspace_id),
        this_month=_days(by_month.get(month, NO_MONEY), month, next_month(month) - DAY),
        last_month=_days(by_month.get(last, NO_MONEY), last, month - DAY),
        year_to_date=_days(
            total((sums for begin, sums in by_month.items() if begin >= year), NO_MONEY), year, next_month(month) - DAY
        ),
        change=_change(view, by_project),
        top_projects=_top(view, by_project),
        reconciliation=_reconciled(view, analysed, last, month),
    )


def _days(sums: Money, first: date, last: date) -> SpendOfDays:
    return SpendOfDays(**spend_fields(sums), from_day=first, to_day=last)


def _change(view: View, by_project: Mapping[Key, Money]) -> Change:
    previous = view.period.previous
    spent = total(by_project.values(), NO_MONEY).metered_millicents
    before = total(view.money(span=previous).values(), NO_MONEY).metered_millicents
    return Change(
        cost_usd=usd_from_millicents(spent),
        previous_cost_usd=usd_from_millicents(before),
        change_usd=usd_from_millicents(spent - before),
        change_percent=percent(spent - before, before),
        previous_first_day=previous.first_day,
        previous_last_day=previous.end_day - DAY,
    )


def _top(view: View, by_project: Mapping[Key, Money]) -> list[TopShare]:
    spent = total(by_project.values(), NO_MONEY).metered_millicents
    known = projects(view.engine, view.workspace_id)
    return [
        TopShare(
            **spend_fields(sums),
            project=slug,
            display_name=known[slug].display_name if slug in known else None,
            share_percent=percent(sums.metered_millicents, spent),
            path=view.path("projects", slug, filters=view.filters.without_projects()),
        )
        for (slug,), sums in ranked(by_project)[:TOP]
    ]


def _reconciled(view: View, analysed: AnalysisRows, first: date, last: date) -> list[ReconciledMonth]:
    asked: dict[str, object] = {"first": first, "last": last}
    rows = analysed.of("mart_reconciliation_monthly", _RECONCILED, view.workspace_id, asked)
    return [_month(row) for row in rows]


def _month(row: dict[str, Any]) -> ReconciledMonth:
    billed: int | None = row["billed_picousd"]
    variance: int | None = row["variance_picousd"]
    return ReconciledMonth(
        month=row["utc_month"],
        logged_usd=usd_from_picousd(row["logged_picousd"]),
        awaiting_usd=usd_from_picousd(row["awaiting_picousd"]),
        billed_usd=known_usd_from_picousd(billed),
        variance_usd=known_usd_from_picousd(variance),
        variance_percent=variance_percent(variance, billed),
        colour=row["colour"],
        unit_suspect=row["unit_suspect"],
    )
