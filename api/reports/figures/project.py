"""Figures of a project report.

Belongs here: which parts of the project view it shows. Does not belong here: the view (`api.dashboards.projects`).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from api.currencies import amount_text
from api.dashboards.control import projects
from api.dashboards.money import divide_half_even
from api.dashboards.projects import project_view
from api.projects.settings import hourly_rate
from api.reports.looking import Looked

REQUESTS_LISTED: Final = 50
_ENVELOPE: Final = ("workspace", "build_id", "data_as_of", "stale", "time_zone", "filters", "currency", "period")


def project_figures(looked: Looked, slug: str) -> dict[str, Any]:
    """Return everything a project report says of its period.

    Raises:
        Refused: 404 `project_not_found`.
    """
    answer: dict[str, Any] = msgspec.to_builtins(project_view(looked.view, slug))
    for name in _ENVELOPE:
        del answer[name]
    answer["recent_requests"] = answer["recent_requests"][:REQUESTS_LISTED]
    return {**answer, "hourly_rate": _rate(looked, slug, answer["totals"]["cost_usd"])}


def _rate(looked: Looked, slug: str, cost_usd: str) -> dict[str, Any] | None:
    """Return what an hour costs the client, and how many such hours the spend is where both are in USD."""
    project = projects(looked.view.engine, looked.view.workspace_id).get(slug)
    rate = hourly_rate(project) if project else None
    if rate is None:
        return None
    hours = None
    if rate.currency == "USD" and rate.millicents > 0:
        spent = int(cost_usd.replace(".", ""))
        hundredths = divide_half_even(spent * 100, rate.millicents)
        hours = f"{hundredths // 100}.{hundredths % 100:02}"
    return {"amount": amount_text(rate.millicents), "currency": rate.currency, "hours_of_cost": hours}
