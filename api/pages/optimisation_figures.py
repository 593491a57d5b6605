"""What the pages of optimisation show: tables, the chart of savings, and the rows behind them.

Belongs here: columns and rows. Does not belong here: words (`optimisation_words`), routes (`optimisation`), figures
(`api.dashboards.optimisation`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from api.dashboards.analysed import analysing
from api.dashboards.findings import FindingPage, findings
from api.dashboards.models.optimisation import CheckShown, CheckWindow, FindingShown, SavingShown
from api.dashboards.optimisation import catalog, savings
from api.pages.dashboard import Asked, Drawn, chart_source, table_source
from api.pages.optimisation_words import UNITS, check_words, interval_words, saved_per_thousand, state_badge
from api.pages.tables import Column, Table

RECOMMENDATIONS: Final = Table(
    "recommendations",
    "All recommendations",
    (
        Column(
            "recommendation",
            "Recommendation",
            lambda one: one.sentence.rpartition(" Based on ")[0] or one.sentence,
            note=lambda one: one.title,
            also={"check": lambda one: one.check_id, "finding_id": lambda one: one.finding_id},
        ),
        Column(
            "project", "Project", lambda one: one.display_name or one.project, also={"slug": lambda one: one.project}
        ),
        Column(
            "model",
            "Model",
            lambda one: one.model,
            also={"provider": lambda one: one.provider, "proposed": lambda one: one.other_model},
        ),
        Column("saving_30d_usd", "Saving a month", lambda one: one.saving_30d_usd, "money"),
        Column("counted_saving_usd", "In the total", lambda one: one.counted_saving_usd, "money"),
        Column("cost_usd", "Cost now", lambda one: one.cost_usd, "money"),
        Column("requests", "Requests", lambda one: one.requests, "number"),
        Column("confidence", "Confidence", lambda one: one.confidence),
        Column("state", "State", lambda one: one.state),
    ),
    "There is no recommendation.",
)
HISTORY: Final = Table(
    "check-history",
    "What every check found",
    (
        Column("check", "Check", lambda row: row[0].title, also={"check_id": lambda row: row[0].check_id}),
        Column("window_from", "From", lambda row: row[1].window_from, "day"),
        Column("window_until", "To", lambda row: row[1].window_until, "day"),
        Column("findings", "Findings", lambda row: row[1].findings, "number"),
        Column("projects", "Projects", lambda row: row[1].projects, "number"),
        Column("requests", "Requests", lambda row: row[1].requests, "number"),
        Column("cost_usd", "Cost", lambda row: row[1].cost_usd, "money"),
        Column("saving_usd", "Saving", lambda row: row[1].saving_usd, "money"),
    ),
    "No check has fired.",
)
SAVINGS: Final = Table(
    "savings",
    "Accepted recommendations",
    (
        Column(
            "check",
            "Recommendation",
            lambda one: check_words(one.check_id),
            note=lambda one: " → ".join(part for part in (f"{one.project}: {one.model}", one.other_model) if part),
            badge=state_badge,
            also={
                "decision_id": lambda one: one.decision_id,
                "project": lambda one: one.project,
                "state": lambda one: one.state,
                "provider": lambda one: one.provider,
                "model": lambda one: one.model,
                "proposed": lambda one: one.other_model,
                "counted_with": lambda one: one.counted_with,
            },
        ),
        Column("decided_at", "Accepted", lambda one: one.decided_at, "instant"),
        Column("quoted_saving_usd", "Quoted", lambda one: one.quoted_saving_usd, "money"),
        Column(
            "before_per_1000_usd",
            "Before / 1,000",
            lambda one: one.before_per_1000_usd,
            "money",
            note=lambda one: UNITS[one.unit],
            also={"unit": lambda one: one.unit, "requests_before": lambda one: one.requests_before},
        ),
        Column(
            "after_per_1000_usd",
            "After / 1,000",
            lambda one: one.after_per_1000_usd,
            "money",
            note=lambda one: f"{one.requests_after:,} since",
            also={"requests_after": lambda one: one.requests_after, "units_compared": lambda one: one.units_compared},
        ),
        Column(
            "saving_per_1000_usd",
            "Saved / 1,000",
            saved_per_thousand,
            "change_money",
            note=interval_words,
            also={
                "saving_low_per_1000_usd": lambda one: one.saving_low_per_1000_usd,
                "saving_high_per_1000_usd": lambda one: one.saving_high_per_1000_usd,
            },
        ),
        Column(
            "realised_usd",
            "Realised",
            lambda one: None if one.state == "not_enough_data" else one.realised_usd,
            "money",
            note=lambda one: "measured with another" if one.counted_with else None,
        ),
    ),
    "No recommendation was accepted.",
)


def windows(checks: Iterable[CheckShown]) -> list[tuple[CheckShown, CheckWindow]]:
    """Return each window of each check's history."""
    return [(check, window) for check in checks for window in check.history]


@table_source(RECOMMENDATIONS)
def recommendation_rows(asked: Asked) -> Sequence[FindingShown]:
    """Return all recommendations."""
    with analysing(asked.rail.call(asked.request, asked.caller)) as analysed:
        return findings(analysed, FindingPage(limit=None)).findings


@table_source(HISTORY)
def history_rows(asked: Asked) -> Sequence[tuple[CheckShown, CheckWindow]]:
    """Return what every check found, by window."""
    with analysing(asked.rail.call(asked.request, asked.caller)) as analysed:
        return windows(catalog(analysed).checks)


@table_source(SAVINGS)
def saving_rows(asked: Asked) -> Sequence[SavingShown]:
    """Return what accepted recommendations came to."""
    with analysing(asked.rail.call(asked.request, asked.caller)) as analysed:
        return savings(analysed).savings


@chart_source("savings-per-thousand")
def savings_chart(asked: Asked) -> Drawn:
    """Return the measured savings with their intervals."""
    return Drawn(savings_drawn(saving_rows(asked)))


def savings_drawn(rows: Iterable[SavingShown]) -> list[dict[str, Any]]:
    """Return the rows of `savings-per-thousand`: each measurement once, whatever was accepted together."""
    seen: Counter[str] = Counter()
    drawn: list[dict[str, Any]] = []
    for one in rows:
        saved = saved_per_thousand(one)
        if saved is None or one.counted_with is not None:
            continue
        name = f"{one.project}: {check_words(one.check_id, inside=True)}"
        seen[name] += 1
        drawn.append(
            {
                "name": f"{name} ({seen[name]})" if seen[name] > 1 else name,
                "low_usd": float(one.saving_low_per_1000_usd or 0),
                "high_usd": float(one.saving_high_per_1000_usd or 0),
                "saved_usd": float(saved),
                "is_regressed": one.state == "regressed",
            }
        )
    return drawn
