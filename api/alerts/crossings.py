"""What was crossed, from figures alone.

Belongs here: thresholds that are reached, anomalies that are fresh, and the key that tells one crossing from every
other. Does not belong here: reading figures (`figures`), whether it is known already (`raising`).

A budget's crossing is of its scope, month, amount and percent: a budget that was raised is crossed anew. An anomaly's
is the anomaly itself, however much its hour still grows. A regression's is the accepted recommendation: it is told
once that it costs more since, though it may come and go with the days that are measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from api.budgets.budgets import StandingBudget
from api.dashboards.measures import Money

FRESH_FOR: Final = timedelta(hours=24)
"""An hour that turns out unusual later than this is history: it stands in the list, and wakes nobody."""
REGRESSIONS_MAX: Final = 20
"""Most regressions that are told at a time; all are written down."""
BUDGET_EVENT: Final = "budget.threshold_reached"
ANOMALY_EVENT: Final = "spend.anomaly_found"
REGRESSION_EVENT: Final = "saving.regressed"


class AlertKind(StrEnum):
    """What an alert is about."""

    BUDGET = "budget"
    ANOMALY = "anomaly"
    REGRESSION = "regression"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetCrossing:
    """A threshold of a budget that the month's spend has reached.

    Attributes:
        budget: the budget.
        month: first day of the month.
        percent: the threshold.
        spent_millicents: of the month so far.
    """

    budget: StandingBudget
    month: date
    percent: int
    spent_millicents: int

    @property
    def key(self) -> str:
        """What tells it from every other crossing of the workspace, 64 hex digits."""
        of = self.budget.of
        return _digest("budget", of.scope.value, of.slug, self.month, self.budget.monthly_millicents, self.percent)

    @property
    def limit_millicents(self) -> int:
        """The first amount that reaches the threshold."""
        return -(-self.budget.monthly_millicents * self.percent // 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyCrossing:
    """An hour that cost far more than usual.

    Attributes:
        anomaly_id: the analysis' id of it.
        hour_starts_at: aware UTC.
        spent_millicents: of the hour.
        expected_millicents: what such an hour usually costs.
        limit_millicents: the most that would have been usual.
    """

    anomaly_id: str
    project: str
    provider: str
    model: str
    hour_starts_at: datetime
    spent_millicents: int
    expected_millicents: int
    limit_millicents: int

    @property
    def key(self) -> str:
        """What tells it from every other crossing of the workspace, 64 hex digits."""
        return _digest("anomaly", self.anomaly_id)

    @property
    def excess_millicents(self) -> int:
        """How much more than usual it cost."""
        return self.spent_millicents - self.expected_millicents


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionCrossing:
    """An accepted recommendation after which calls cost more than before, beyond chance.

    Attributes:
        decision_id: of the acceptance; of several that are measured as one, the first.
        unit: what costs are per 1,000 of: requests or distinct_prompts.
        spent_millicents: cost of 1,000 since.
        limit_millicents: cost of 1,000 before, at the same mix.
    """

    decision_id: str
    check_id: str
    project: str
    provider: str
    model: str
    unit: str
    spent_millicents: int
    limit_millicents: int

    @property
    def key(self) -> str:
        """What tells it from every other crossing of the workspace, 64 hex digits."""
        return _digest("regression", self.decision_id)

    @property
    def excess_millicents(self) -> int:
        """How much more 1,000 cost since."""
        return self.spent_millicents - self.limit_millicents


Crossing = BudgetCrossing | AnomalyCrossing | RegressionCrossing


def budget_crossings(month: date, figures: Iterable[tuple[StandingBudget, Money]]) -> list[BudgetCrossing]:
    """Return every threshold that is reached; a month without spend reaches none, not even of a budget of zero."""
    return [
        BudgetCrossing(budget=budget, month=month, percent=percent, spent_millicents=sums.metered_millicents)
        for budget, sums in figures
        for percent in budget.alert_percents
        if sums.metered_millicents > 0 and sums.metered_millicents * 100 >= budget.monthly_millicents * percent
    ]


def fresh_anomalies(anomalies: Iterable[AnomalyCrossing], now: datetime) -> list[AnomalyCrossing]:
    """Return the anomalies of the last hours, those of the greatest excess first."""
    fresh = [one for one in anomalies if now - one.hour_starts_at <= FRESH_FOR]
    return sorted(fresh, key=lambda one: (-one.excess_millicents, one.anomaly_id))


def worth_telling(
    crossings: Sequence[Crossing],
    known: frozenset[str] | set[str],
    *,
    anomalies_max: int,
    regressions_max: int = REGRESSIONS_MAX,
) -> set[str]:
    """Return the keys of the new crossings that people are told of.

    Of a budget it is the highest new threshold alone, and only when it is above all that are known; of anomalies and
    regressions as many as one can read, those given first.

    Args:
        crossings: all there are, known ones included.
        known: keys of those that were raised before.
        anomalies_max: most anomalies.
        regressions_max: most regressions.
    """
    told: set[str] = set()
    left: dict[type[Crossing], int] = {AnomalyCrossing: anomalies_max, RegressionCrossing: regressions_max}
    highest: dict[tuple[str, str], BudgetCrossing] = {}
    for one in crossings:
        if isinstance(one, BudgetCrossing):
            of = one.budget.of
            place = of.scope.value, of.slug
            if place not in highest or highest[place].percent < one.percent:
                highest[place] = one
        elif one.key not in known:
            kind = type(one)
            if left[kind] > 0:
                told.add(one.key)
                left[kind] -= 1
    return told | {one.key for one in highest.values() if one.key not in known}


def _digest(*parts: object) -> str:
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()
