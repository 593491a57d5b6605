"""The figures alerts are raised from.

Belongs here: a workspace's budgets against the newest build, its anomalies and regressions in the newest analysis. Does
not belong here: what of them is a crossing (`crossings`).

Budgets are read from the build that dashboards show, not from the analysis: a threshold is noticed as soon as a refresh
has published the rows that reach it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Engine, select

from api.alerts.crossings import (
    FRESH_FOR,
    AnomalyCrossing,
    Crossing,
    RegressionCrossing,
    budget_crossings,
    fresh_anomalies,
)
from api.dashboards.budgets import budget_sums
from api.dashboards.money import divide_half_even
from api.dashboards.periods import local_day, month_start
from api.dashboards.queries.conditions import naive_utc
from api.dashboards.queries.dimensions import workspace_facts
from api.dashboards.queries.marts import Marts
from api.dashboards.with_analysis import AnalysisRows
from api.db.models import Workspace
from api.db.session import reading
from api.optimisation.decisions import standing_decisions

_ANOMALIES: Final = """
    select anomaly_id, project, provider, model, hour_starts_at, spent_millicents, expected_millicents, limit_millicents
    from mart_spend_anomalies where workspace_id = $workspace_id and hour_starts_at >= $since
"""
# What was decided together is measured, and told, as one.
_REGRESSED: Final = """
    select decision_id, check_id, project, provider, model, unit, before_per_1000_picousd, after_per_1000_picousd
    from mart_savings_realised
    where workspace_id = $workspace_id and state = 'regressed' and decision_id = counted_with
"""
_PICOUSD_PER_MILLICENT: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Watched:
    """A workspace whose figures are looked at.

    Attributes:
        id: of the workspace.
        slug: of its pages.
        name: what people call it.
        time_zone: of its days, before they are in a build.
        version: rises with every audited change: budgets, settings, projects.
    """

    id: str
    slug: str
    name: str
    time_zone: str
    version: int


def watched_workspaces(engine: Engine) -> list[Watched]:
    """Return every workspace that is not being deleted."""
    columns = (Workspace.id, Workspace.slug, Workspace.name, Workspace.time_zone, Workspace.audit_position)
    query = select(*columns).where(Workspace.deletion_requested_at_us.is_(None)).order_by(Workspace.id)
    with reading(engine) as session:
        return [Watched(*row) for row in session.execute(query)]


def crossings_of(
    engine: Engine, marts: Marts, analysed: AnalysisRows, workspace: Watched, now: datetime
) -> list[Crossing]:
    """Return everything that is crossed now, known or not.

    Args:
        engine: the app database.
        marts: the newest snapshot.
        analysed: the newest analysis.
        workspace: whose.
        now: aware UTC.
    """
    zone = workspace_facts(marts, workspace.id).time_zone or workspace.time_zone
    month = month_start(local_day(now, zone))
    budgets = budget_crossings(month, budget_sums(engine, marts, workspace.id, zone, month))
    since: dict[str, object] = {"since": naive_utc(now.astimezone(UTC) - FRESH_FOR)}
    found = [
        AnomalyCrossing(**{**row, "hour_starts_at": row["hour_starts_at"].replace(tzinfo=UTC)})
        for row in analysed.of("mart_spend_anomalies", _ANOMALIES, workspace.id, since)
    ]
    return [*budgets, *fresh_anomalies(found, now), *_regressions(engine, analysed, workspace)]


def _regressions(engine: Engine, analysed: AnalysisRows, workspace: Watched) -> list[RegressionCrossing]:
    """Return accepted recommendations that cost more since, those of the greatest excess first."""
    rows = analysed.of("mart_savings_realised", _REGRESSED, workspace.id)
    if not rows:
        return []
    with reading(engine) as session:  # some may have been withdrawn since the analysis
        standing = {one.id for one in standing_decisions(session, workspace.id)}
    found = [
        RegressionCrossing(
            decision_id=str(row["decision_id"]),
            check_id=row["check_id"],
            project=row["project"],
            provider=row["provider"],
            model=row["model"],
            unit=row["unit"],
            spent_millicents=divide_half_even(row["after_per_1000_picousd"], _PICOUSD_PER_MILLICENT),
            limit_millicents=divide_half_even(row["before_per_1000_picousd"], _PICOUSD_PER_MILLICENT),
        )
        for row in rows
        if str(row["decision_id"]) in standing
    ]
    return sorted(found, key=lambda one: (-one.excess_millicents, one.decision_id))
