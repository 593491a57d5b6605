"""The log held against bills, as the analysis has it.

Belongs here: statements on the marts of reconciliation and coverage, and the place in a list of requests by weight.
Does not belong here: adding up and wording (`api.dashboards.reconciliation`, `coverage`).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from api.dashboards.filters import Filters
from api.dashboards.queries import conditions

if TYPE_CHECKING:
    from api.dashboards.analysed import AnalysedView

Record = dict[str, Any]
_BETWEEN: Final = ["{column} >= $first_day", "{column} <= $last_day"]


@dataclass(frozen=True)
class WeightPosition:
    """A place in the order (weight descending, request_id).

    Attributes:
        weight_picousd: what the request contributes, without sign.
        request_id: UUID text.
    """

    weight_picousd: int
    request_id: str


@dataclass(frozen=True)
class DivergencePage:
    """Which page of the requests behind a variance is asked for.

    Attributes:
        limit: most rows, 1 to 500.
        after: the last row of the page before; None for the first page.
    """

    limit: int
    after: WeightPosition | None = None


def months(analysed: AnalysedView, first: date, last: date) -> list[Record]:
    """Return each provider's months from the month of `first` to that of `last`."""
    return _rows(analysed, "mart_reconciliation_monthly", "utc_month", first.replace(day=1), last)


def days(analysed: AnalysedView, first: date, last: date) -> list[Record]:
    """Return each provider's days from `first` to `last`."""
    return _rows(analysed, "mart_reconciliation_daily", "utc_day", first, last)


def tiers(analysed: AnalysedView, first: date, last: date) -> list[Record]:
    """Return spend by the way its project was found, by month and provider."""
    return _rows(analysed, "mart_unattributed_spend", "utc_month", first.replace(day=1), last)


def restatements(analysed: AnalysedView, month: date) -> list[Record]:
    """Return what is said otherwise now than when the month was closed."""
    return _rows(analysed, "mart_restatements", "utc_month", month, month)


def month_parts(analysed: AnalysedView, month: date) -> list[Record]:
    """Return the parts of every bill that counts in a month."""
    found = _rows(analysed, "mart_variance_parts", "utc_month", month, month)
    return [row for row in found if row["counts_in_month"]]


def day_parts(analysed: AnalysedView, day: date) -> list[Record]:
    """Return the parts of every bill that holds a day."""
    narrowed, parameters = _providers(analysed.filters)
    where = " and ".join(["workspace_id = $workspace_id", "$day between first_day and last_day", *narrowed])
    statement = f"select * from mart_variance_parts where {where} order by provider, first_day desc, last_day, position"  # noqa: S608 - fixed fragments
    return analysed.records(statement, {"day": day, **parameters})


def divergent_requests(analysed: AnalysedView, day: date, page: DivergencePage, wanted: int) -> list[Record]:
    """Return the first `wanted` requests of a page that contribute to a day's variance, the largest first."""
    where, parameters = conditions.joined(
        (["workspace_id = $workspace_id", "utc_day = $day"], {"day": day}),
        conditions.rail(analysed.filters),
        _after(page.after),
    )
    statement = (
        f"select * from mart_divergent_requests where {where}"  # noqa: S608 - fixed fragments
        " order by weight_picousd desc, request_id, provider limit $row_limit"
    )
    return analysed.records(statement, {**parameters, "row_limit": wanted})


def coverage(analysed: AnalysedView, first: date, last: date) -> list[Record]:
    """Return what was seen of what was billed, by provider, day, key and unit."""
    return _rows(analysed, "mart_coverage_daily", "utc_day", first, last)


def _rows(analysed: AnalysedView, mart: str, column: str, first: date, last: date) -> list[Record]:
    narrowed, parameters = _providers(analysed.filters)
    bounds = [one.format(column=column) for one in _BETWEEN]
    where = " and ".join(["workspace_id = $workspace_id", "provider <> 'all'", *bounds, *narrowed])
    statement = f"select * from {mart} where {where} order by all"  # noqa: S608 - fixed fragments
    return analysed.records(statement, {"first_day": first, "last_day": last, **parameters})


def _providers(filters: Filters) -> tuple[Sequence[str], conditions.Parameters]:
    return conditions.rail(Filters(providers=filters.providers))


def _after(position: WeightPosition | None) -> tuple[list[str], conditions.Parameters]:
    if position is None:
        return [], {}
    condition = "(weight_picousd < $after_weight or (weight_picousd = $after_weight and request_id > $after_id))"
    return [condition], {"after_weight": position.weight_picousd, "after_id": uuid.UUID(position.request_id)}
