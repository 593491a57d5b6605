"""Budgets and forecasts in words, and a budget as a bar.

Belongs here: names, sentences, lengths. Does not belong here: tables and charts (`planning_figures`), routes
(`planning`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from api.dashboards.models.budgets import BudgetsAnswer, BudgetShown
from api.dashboards.periods import DAY, next_month
from api.pages.words import usd

SCOPES: Final = {"workspace": "workspace", "project": "project", "cost_centre": "cost centre"}
WHOLE_WORKSPACE: Final = "The whole workspace"
NO_FORECAST: Final = {
    "not_enough_data": "no forecast: less than a week of days",
    "nothing_priced": "no forecast: no request has a known cost",
}


def scope_name(scope: str, name: str) -> str:
    """Return what people call the thing a budget or a forecast is for."""
    return WHOLE_WORKSPACE if scope == "workspace" else name


def scope_path(slug: str, scope: str, of: str) -> str:
    """Return the page of the thing a budget or a forecast is for."""
    if scope == "project":
        return f"/{slug}/projects/{quote(of, safe='')}?range=this_month"
    return f"/{slug}/cost-centers?range=this_month" if scope == "cost_centre" else f"/{slug}/overview?range=this_month"


def interval_words(forecast_of: Any) -> str | None:
    """Return a forecast's interval in words, or why there is none."""
    if forecast_of is None:
        return None
    if forecast_of.expected_usd is None:
        return NO_FORECAST.get(forecast_of.state)
    return f"{usd(forecast_of.low_usd)} to {usd(forecast_of.high_usd)}"


def of_everything(answer: BudgetsAnswer) -> BudgetShown | None:
    """Return the workspace's own budget, if one is set."""
    return next((one for one in answer.budgets if one.scope == "workspace"), None)


def crossing_is_past(one: BudgetShown) -> bool:
    """Return whether a budget was crossed already; a day that lies ahead is expected to be."""
    found = one.forecast
    if found is None or found.crossing_day is None:
        return False
    return one.remaining_usd.startswith("-") or found.crossing_day < found.as_of_day


def budget_words(one: BudgetShown, month: date) -> str:
    """Return where a budget is going, in a sentence; empty when nothing is known."""
    found = one.forecast
    if found is None:
        return "Its forecast comes with the next analysis."
    if found.expected_usd is None:
        return f"There is {NO_FORECAST[found.state]}."
    end = next_month(month) - DAY
    words = f"About {usd(found.expected_usd)} expected by {_day(end)} ({interval_words(found)}, 80 %)"
    if found.crossing_day is not None and crossing_is_past(one):
        return f"{words}. It was crossed on {_day(found.crossing_day)}."
    if found.crossing_day is not None:
        sooner = found.earliest_crossing_day
        early = f", {_day(sooner)} at the earliest" if sooner and sooner != found.crossing_day else ""
        return f"{words}. It is expected to be crossed on {_day(found.crossing_day)}{early}."
    if found.earliest_crossing_day is not None:
        return f"{words}. It should last; at the upper end it is crossed on {_day(found.earliest_crossing_day)}."
    return f"{words}. It lasts the month, even at the upper end."


@dataclass(frozen=True, slots=True)
class Bar:
    """A budget as a bar; all in percent of the bar's length.

    Attributes:
        spent, expected, low, high, budget: where each ends; the latter three None without a forecast.
        alerts: each threshold's place, percent and whether it is reached.
    """

    spent: float
    expected: float | None
    low: float | None
    high: float | None
    budget: float
    alerts: Sequence[tuple[float, int, bool]]

    @classmethod
    def of(cls, one: BudgetShown) -> Bar:
        """Return the bar of a budget, long enough for whatever is known of it."""
        monthly, spent, found = Decimal(one.monthly_usd), Decimal(one.spent_usd), one.forecast
        ends = [None if value is None else Decimal(value) for value in _ends(found)]
        highest = max(monthly * max([100, *one.alert_percents]) / 100, spent, *(end for end in ends if end is not None))
        longest = highest * Decimal("1.04") or Decimal(1)
        expected, low, high = (None if end is None else round(float(end / longest * 100), 2) for end in ends)
        return cls(
            spent=round(float(max(spent, Decimal(0)) / longest * 100), 2),
            expected=expected,
            low=low,
            high=high,
            budget=round(float(monthly / longest * 100), 2),
            alerts=[
                (round(float(monthly * percent / longest), 2), percent, percent in one.reached_percents)
                for percent in one.alert_percents
            ],
        )


def _ends(found: Any) -> tuple[str | None, str | None, str | None]:
    return (None, None, None) if found is None else (found.expected_usd, found.low_usd, found.high_usd)


def _day(day: date) -> str:
    return f"{day.day} {day:%B}"
