"""Charts of one project: the rows behind them, and what they show in words.

Belongs here: sources of its charts. Does not belong here: specifications (`pipelines.charts.spending`), its tables
(`project_figures`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from api.dashboards.models.projects import ProjectAnswer
from api.pages.dashboard import Asked, Drawn, chart_source
from api.pages.project_figures import asked_project, first_day, last_day, points
from api.pages.words import days_words, grouped, moment_words, usd

PARTS_DRAWN: Final = 8
"""Most bars of a chart of parts; the table beside it has them all."""


@chart_source("spend-over-time")
def over_time(asked: Asked) -> Drawn:
    """Return a project's spend by day, week or month."""
    answer, by = asked_project(asked), asked.parameter("by")
    return Drawn(
        [
            {
                "at": getattr(one, "starts_on", None) or first_day(one),
                "cost_usd": float(one.cost_usd),
                "requests": one.requests,
                "when": days_words(first_day(one), last_day(one)),
                "part": _is_part(one, by),
            }
            for one in points(answer.spend_over_time, by)
        ]
    )


@chart_source("requests-and-cost")
def requests_and_cost(asked: Asked) -> Drawn:
    """Return a project's requests and spend by day."""
    return Drawn(
        [
            {
                "at": one.day,
                "requests": one.requests,
                "cost_usd": float(one.cost_usd),
                "per_request_usd": None if one.cost_per_request_usd is None else float(one.cost_per_request_usd),
                "when": moment_words(one.day),
            }
            for one in asked_project(asked).spend_over_time.daily
        ]
    )


@chart_source("week-over-week")
def week_over_week(asked: Asked) -> Drawn:
    """Return a project's developers by the last seven days, those who spent nothing in either week left out."""
    found = [
        (float(one.last_7_days_usd), float(one.previous_7_days_usd), one) for one in asked_project(asked).by_device
    ]
    shown = sorted((one for one in found if one[0] or one[1]), key=lambda one: -max(one[0], one[1]))[:PARTS_DRAWN]
    return Drawn(
        [
            {
                "name": one.name or one.device_id,
                "this_usd": this,
                "before_usd": before,
                "words": _change_words(one.week_over_week_percent, one.last_7_days_usd),
                "grown": before > 0 and this >= 2 * before,
            }
            for this, before, one in shown
        ]
    )


@chart_source("shares")
def model_shares(asked: Asked) -> Drawn:
    """Return a project's models by spend."""
    found = asked_project(asked).by_model[:PARTS_DRAWN]
    seen: dict[str, int] = {}
    rows: list[dict[str, Any]] = []
    for one in found:
        name = one.display_name or one.model
        seen[name] = seen.get(name, 0) + 1
        rows.append(
            {
                # Two bars of one name would be stacked into one.
                "name": name if seen[name] == 1 else f"{name} ({one.provider})",
                "cost_usd": float(one.cost_usd),
                "share": f"{usd(one.cost_usd)}" + (f" · {one.share_percent} %" if one.share_percent else ""),
            }
        )
    return Drawn(rows)


def _change_words(percent: str | None, this: str) -> str:
    amount = usd(this)
    if percent is None:
        return f"{amount} · new"
    number = grouped(percent)
    signed = f"\u2212{number[1:]}" if number.startswith("-") else f"+{number}"
    return f"{amount} · {signed} %"


def _is_part(point: Any, by: str) -> bool:
    """Whether a week or month lies in the period in part only: its bar must not look like a fall."""
    days = (last_day(point) - first_day(point)).days + 1
    if by == "week":
        return days < 7  # noqa: PLR2004 - days of a week
    return by == "month" and days < 28  # noqa: PLR2004 - days of the shortest month


def summaries(answer: ProjectAnswer) -> dict[str, str]:
    """Return what each chart of a project shows, in a sentence."""
    days = answer.spend_over_time.daily
    peak = max(days, key=lambda one: Decimal(one.cost_usd), default=None)
    busiest = max(days, key=lambda one: one.requests, default=None)
    highest = f", at most {usd(peak.cost_usd)} on {peak.day}" if peak else ""
    most = f", at most {busiest.requests:,} on {busiest.day}" if busiest else ""
    return {
        "over_time": f"Spend of {usd(answer.totals.cost_usd)} in all{highest}.",
        "requests": f"{answer.totals.requests:,} requests in all{most}, and the spend of each day.",
        "developers": "Spend of each developer in the last 7 days and the 7 before; the table below has the figures.",
        "models": "Spend of each model; the table below has the figures.",
    }
