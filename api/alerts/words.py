"""What an alert says: the e-mail and the webhook's message.

Belongs here: words and shapes of both. Does not belong here: when they are owed (`raising`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec

from api.alerts.crossings import (
    ANOMALY_EVENT,
    BUDGET_EVENT,
    REGRESSION_EVENT,
    AnomalyCrossing,
    BudgetCrossing,
    Crossing,
    RegressionCrossing,
)
from api.alerts.figures import Watched
from api.budgets.budgets import BudgetScope
from api.dashboards.money import divide_half_even, usd_from_millicents
from api.outbox.letters import Letter, letter
from pipelines.lake.clock import iso_utc

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_CENT: Final = 1_000


def budget_letter(one: BudgetCrossing, workspace: Watched, base_url: str) -> Letter:
    """Return the e-mail about a threshold of a budget."""
    return letter(
        "budget_alert",
        link=f"{base_url}/{quote(workspace.slug, safe='')}/settings/budgets",
        workspace=workspace.name,
        what=_what(one),
        percent=one.percent,
        spent=_dollars(one.spent_millicents),
        budget=_dollars(one.budget.monthly_millicents),
        period=f"{_MONTHS[one.month.month - 1]} {one.month.year}",
    )


def anomaly_letter(one: AnomalyCrossing, workspace: Watched, base_url: str, *, others: int) -> Letter:
    """Return the e-mail about the greatest of some anomalies; `others` were found with it."""
    return letter(
        "spend_anomaly",
        link=f"{base_url}/{quote(workspace.slug, safe='')}/projects/{quote(one.project, safe='')}",
        workspace=workspace.name,
        project=one.project,
        model=f"{one.provider} {one.model}",
        hour=one.hour_starts_at.strftime("%Y-%m-%d %H:%M UTC"),
        spent=_dollars(one.spent_millicents),
        expected=_dollars(one.expected_millicents),
        others=others,
    )


def regression_letter(one: RegressionCrossing, workspace: Watched, base_url: str, *, others: int) -> Letter:
    """Return the e-mail about the worst of some accepted recommendations that cost more since; `others` with it."""
    return letter(
        "saving_regressed",
        link=f"{base_url}/{quote(workspace.slug, safe='')}/projects/{quote(one.project, safe='')}",
        workspace=workspace.name,
        project=one.project,
        model=f"{one.provider} {one.model}",
        check=one.check_id.replace("_", " "),
        unit=one.unit.replace("_", " "),
        after=_dollars(one.spent_millicents),
        before=_dollars(one.limit_millicents),
        others=others,
    )


def webhook_message(one: Crossing, workspace: Watched, alert_id: str, build_id: str, at: datetime) -> bytes:
    """Return the body of a webhook's call; amounts are exact decimal text in USD."""
    data: dict[str, Any] = {
        "alert_id": alert_id,
        "workspace": workspace.slug,
        "build_id": build_id,
    }
    if isinstance(one, RegressionCrossing):
        data |= {
            "decision_id": one.decision_id,
            "check_id": one.check_id,
            "project": one.project,
            "provider": one.provider,
            "model": one.model,
            "unit": one.unit,
            "before_per_1000_usd": usd_from_millicents(one.limit_millicents),
            "after_per_1000_usd": usd_from_millicents(one.spent_millicents),
        }
        return msgspec.json.encode({"type": REGRESSION_EVENT, "timestamp": iso_utc(at), "data": data})
    data |= {
        "spent_usd": usd_from_millicents(one.spent_millicents),
        "limit_usd": usd_from_millicents(one.limit_millicents),
    }
    if isinstance(one, BudgetCrossing):
        kind = BUDGET_EVENT
        data |= {
            "scope": one.budget.of.scope.value,
            "slug": one.budget.of.slug,
            "month": one.month,
            "percent": one.percent,
            "monthly_usd": usd_from_millicents(one.budget.monthly_millicents),
        }
    else:
        kind = ANOMALY_EVENT
        data |= {
            "anomaly_id": one.anomaly_id,
            "project": one.project,
            "provider": one.provider,
            "model": one.model,
            "hour_starts_at": iso_utc(one.hour_starts_at),
            "expected_usd": usd_from_millicents(one.expected_millicents),
        }
    return msgspec.json.encode({"type": kind, "timestamp": iso_utc(at), "data": data})


def _what(one: BudgetCrossing) -> str:
    if one.budget.of.scope is BudgetScope.PROJECT:
        return f"The project {one.budget.name}"
    if one.budget.of.scope is BudgetScope.COST_CENTRE:
        return f"The cost centre {one.budget.name}"
    return "The sum of all projects"


def _dollars(millicents: int) -> str:
    """Return an amount as people read it, in whole cents, half-even: "$1,234.50"."""
    cents = divide_half_even(millicents, _CENT)
    sign = "-" if cents < 0 else ""
    return f"{sign}${abs(cents) // 100:,}.{abs(cents) % 100:02}"
